-- The sign-ins with whether the signature was refused, and the incident that explains it: what reports count.
-- columns: sign_ins
-- failed: whether the device signature was refused (50099)
-- incident_id: the incident that explains it; empty where it belongs to none
SELECT s.*, s.result_code = '50099' AS failed, i.incident_id
FROM sign_ins AS s
LEFT JOIN incident_failures AS i
    ON s.workspace_id = i.workspace_id AND s.source_table = i.source_table AND s.sign_in_id = i.sign_in_id
