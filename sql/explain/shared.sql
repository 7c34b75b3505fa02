-- What the failures have in common: the commonest value of each kind, and how many of them bear it.
WITH name AS (
    SELECT 'device' AS kind, device_id AS "value", max(device) AS called
    FROM failures
    WHERE incident_id = $incident_id
    GROUP BY device_id
    UNION ALL
    SELECT 'app' AS kind, app_id AS "value", max(app) AS called
    FROM failures
    WHERE incident_id = $incident_id
    GROUP BY app_id
)
SELECT v.kind, v."value", n.called, v.failures, v.share
FROM incident_values AS v
LEFT JOIN name AS n ON v.kind = n.kind AND v."value" = n."value"
WHERE v.incident_id = $incident_id AND v.place = 1 AND v.kind <> 'tenant'
ORDER BY v.failures DESC, v.kind
