-- Every hypothesis for the incidents, the likeliest first, with the change that would have brought it about.
SELECT
    c.incident_id, c.rank, c.cause, c.confidence, c.mechanism, c.evidence_for, c.evidence_against, x.changed_at, x.change,
    x.changed_by
FROM causes AS c
LEFT JOIN changes AS x ON c.change_id = x.change_id
QUALIFY row_number() OVER (PARTITION BY c.incident_id, c.rank ORDER BY x.workspace_id) = 1
ORDER BY c.incident_id, c.rank
