-- Every hypothesis with its evidence for and against, and the change that would have brought it about.
SELECT
    c.rank, c.cause, c.confidence, c.mechanism, c.evidence_for, c.evidence_against, c.change_id,
    x.changed_at, x.change, x.changed_by, x.target
FROM causes AS c
LEFT JOIN changes AS x ON c.change_id = x.change_id
WHERE c.incident_id = $incident_id
QUALIFY row_number() OVER (PARTITION BY c.rank ORDER BY x.workspace_id) = 1
ORDER BY c.rank
