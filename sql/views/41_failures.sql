-- One row a sign-in whose device signature was refused (AADSTS50099), with the incident it belongs to.
-- columns: sign_ins
-- incident_id: the incident that explains it; empty where it belongs to none
SELECT f.*, i.incident_id
FROM failed_sign_ins AS f
LEFT JOIN incident_failures AS i
    ON f.workspace_id = i.workspace_id AND f.source_table = i.source_table AND f.sign_in_id = i.sign_in_id
