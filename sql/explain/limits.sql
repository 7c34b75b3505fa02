-- What could not be seen of the incident, as counts; which hours of the logs are missing, the coverage says.
SELECT
    count(*) AS failures,
    count(*) FILTER (WHERE f.device_known = 'inferred') AS inferred,
    count(*) FILTER (WHERE f.device_known = 'unknown') AS unknown,
    count(*) FILTER (WHERE coalesce(len(f.policies), 0) = 0) AS without_policies,
    count(*) FILTER (WHERE f.correlation_id IS NULL) AS without_correlation,
    count(DISTINCT f.workspace_id) AS workspaces,
    (SELECT hours_before FROM incident_scope_periods WHERE incident_id = $incident_id) AS hours_before,
    (
        SELECT count(*)
        FROM AuditLogs AS a
        CROSS JOIN (SELECT * FROM found_incidents WHERE incident_id = $incident_id) AS i
        WHERE a.ActivityDateTime >= i.first_seen_at - INTERVAL '7 days' AND a.ActivityDateTime <= i.first_seen_at
    ) AS audit_records,
    (SELECT count(*) FROM asked) AS asked,
    (SELECT until FROM horizon) AS until
FROM failures AS f
WHERE f.incident_id = $incident_id
