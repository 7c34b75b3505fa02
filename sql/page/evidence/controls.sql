-- Its rates, before and during, and those beside it.
SELECT p.*, c.* EXCLUDE (incident_id)
FROM incident_scope_periods AS p
LEFT JOIN incident_controls AS c ON p.incident_id = c.incident_id
WHERE p.incident_id = $incident_id
