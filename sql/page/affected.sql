-- Who and what is affected: the three commonest users, devices, applications, clients and addresses of each incident,
-- by how many of its failures bear them.
WITH name AS (
    SELECT incident_id, 'device' AS kind, device_id AS "value", max(device) AS called FROM failures GROUP BY ALL
    UNION ALL
    SELECT incident_id, 'app' AS kind, app_id AS "value", max(app) AS called FROM failures GROUP BY ALL
)
SELECT v.incident_id, v.kind, v."value", n.called, v.failures, v.share
FROM incident_values AS v
LEFT JOIN name AS n ON v.incident_id = n.incident_id AND v.kind = n.kind AND v."value" = n."value"
WHERE v.place <= 3 AND v.kind IN ('user', 'device', 'app', 'client', 'ip')
ORDER BY v.incident_id, v.kind, v.place
