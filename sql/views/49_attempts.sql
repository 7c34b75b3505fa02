-- The sign-ins with whether the signature was refused, and the incident that explains it: what reports count.
-- columns: sign_ins
-- failed: whether the device signature was refused (50099)
-- incident_id: the incident that explains it; empty where it belongs to none
SELECT s.*, s.result_code = '50099' AS failed, CAST(NULL AS VARCHAR) AS incident_id
FROM sign_ins AS s
WHERE coalesce(s.result_code, '') <> '50099'
UNION ALL
-- stored apart, and none but these can belong to an incident
SELECT f.* EXCLUDE (incident_id), true AS failed, f.incident_id
FROM failures AS f
