-- causes.csv: every hypothesis for every incident, the likeliest first.
SELECT c.incident_id, c.rank, c.cause, c.confidence, c.change_id, c.evidence_for, c.evidence_against, c.mechanism
FROM causes AS c
INNER JOIN incidents AS i ON c.incident_id = i.incident_id
WHERE i.last_seen_at >= $since AND i.first_seen_at < $until AND (NOT $since_last OR i.status = 'new')
ORDER BY i.first_seen_at, c.incident_id, c.rank
