-- The incidents of the window as incidents.csv has them, with how their scope is called, the mechanism of the first cause,
-- the blamed change with its values, and an analyst's verdict; what goes on first, then by failures.
WITH called AS (
    SELECT incident_id, 'device' AS kind, device_id AS "value", max(device) AS name FROM failures GROUP BY ALL
    UNION ALL
    SELECT incident_id, 'app' AS kind, app_id AS "value", max(app) AS name FROM failures GROUP BY ALL
),
policy AS (
    SELECT target_id, max(target) AS name FROM changes WHERE target_type = 'Policy' GROUP BY target_id
)
SELECT
    i.incident_id, i.status, i.first_seen_at, i.last_seen_at, i.failures, i.sign_ins, i.devices, i.users, i.apps, i.scope,
    i.cause, i.confidence, i.change_id, i.changed_at, i.change, i.changed_by, i.summary, i.next_step,
    f.scope_kind, f.scope_value, c.mechanism, coalesce(n.name, p.name) AS called,
    x.change_kind, x.target_type, x.target_id, x.target, x.old_value, x.new_value,
    date_diff('minute', x.changed_at, i.first_seen_at) AS minutes_before_onset,
    v.cause AS verdict, v.confirmed_at, v.confirmed_by, v.note
FROM incidents AS i
INNER JOIN found_incidents AS f ON i.incident_id = f.incident_id
LEFT JOIN causes AS c ON i.incident_id = c.incident_id AND c.rank = 1
LEFT JOIN changes AS x ON f.change_id = x.change_id AND f.change_workspace_id = x.workspace_id
LEFT JOIN verdicts AS v ON i.incident_id = v.incident_id
LEFT JOIN called AS n ON i.incident_id = n.incident_id AND f.scope_kind = n.kind AND f.scope_value = n."value"
LEFT JOIN policy AS p ON f.scope_kind = 'policy' AND f.scope_value = p.target_id
WHERE i.last_seen_at >= $since AND i.first_seen_at < $until AND (NOT $since_last OR i.status = 'new')
ORDER BY i.status = 'resolved', i.failures DESC, i.incident_id
