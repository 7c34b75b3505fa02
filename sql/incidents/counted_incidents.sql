-- What each incident counts, and the name that people know its scope by.
WITH scope_attempts AS (
    SELECT i.incident_id, count(*) AS sign_ins
    FROM found_incidents AS i
    INNER JOIN sign_in_values AS v
        ON i.scope_kind = v.kind AND i.scope_value = v."value"
        AND v.seen_at >= i.first_seen_at AND v.seen_at <= i.last_seen_at
    GROUP BY i.incident_id
)
SELECT
    f.incident_id,
    a.sign_ins,
    f.devices,
    f.users,
    f.apps,
    f.onset,
    CASE f.scope_kind WHEN 'device' THEN d.device WHEN 'app' THEN p.app END AS scope_name
FROM incident_facts AS f
INNER JOIN scope_attempts AS a ON f.incident_id = a.incident_id
LEFT JOIN devices AS d ON f.scope_kind = 'device' AND f.scope_value = d.device_id
LEFT JOIN apps AS p ON f.scope_kind = 'app' AND f.scope_value = p.app_id
ORDER BY f.incident_id
