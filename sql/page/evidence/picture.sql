-- The sign-ins of its scope by hour, as in the picture; the control is all that is left.
SELECT
    date_trunc('hour', v.seen_at) AS "hour",
    count(*) FILTER (WHERE f.incident_id = i.incident_id) AS failures,
    count(*) FILTER (WHERE f.incident_id IS DISTINCT FROM i.incident_id) AS others
FROM found_incidents AS i
INNER JOIN sign_in_values AS v ON i.scope_kind = v.kind AND i.scope_value = v."value"
LEFT JOIN incident_failures AS f
    ON v.workspace_id = f.workspace_id AND v.source_table = f.source_table AND v.sign_in_id = f.sign_in_id
WHERE i.incident_id = $incident_id AND v.result_code IN ('0', '50099')
    AND v.seen_at BETWEEN i.first_seen_at - INTERVAL '24 hours' AND i.last_seen_at + INTERVAL '24 hours'
GROUP BY "hour"
ORDER BY "hour"
