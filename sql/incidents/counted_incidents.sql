-- What each incident counts within the window, its onset, and the name that people know its scope by.
WITH scope_attempts AS (
    SELECT i.incident_id, count(*) AS sign_ins
    FROM found_incidents AS i
    INNER JOIN sign_in_values AS v
        ON i.scope_kind = v.kind AND i.scope_value = v."value"
        AND v.seen_at >= i.first_seen_at AND v.seen_at <= i.last_seen_at
    GROUP BY i.incident_id
),
-- a policy that no row lists: the sign-ins to the applications that fail
app_attempts AS (
    SELECT i.incident_id, count(*) AS sign_ins
    FROM found_incidents AS i
    INNER JOIN incident_values AS a ON i.incident_id = a.incident_id AND a.kind = 'app'
    INNER JOIN known_sign_ins AS s
        ON a."value" = s.app_id AND s.seen_at >= i.first_seen_at AND s.seen_at <= i.last_seen_at
    WHERE i.scope_kind = 'policy'
    GROUP BY i.incident_id
),
touched AS (
    SELECT
        i.incident_id,
        count(DISTINCT f.device_id) AS devices,
        count(DISTINCT f.user_id) AS users,
        count(DISTINCT f.app_id) AS apps
    FROM found_incidents AS i
    INNER JOIN failures AS f ON i.incident_id = f.incident_id AND f.seen_at >= i.first_seen_at
    GROUP BY i.incident_id
)
SELECT
    f.incident_id,
    coalesce(a.sign_ins, o.sign_ins) AS sign_ins,
    t.devices,
    t.users,
    t.apps,
    f.first_seen_at AS onset,
    CASE f.scope_kind WHEN 'device' THEN d.device WHEN 'app' THEN p.app END AS scope_name
FROM incident_facts AS f
LEFT JOIN scope_attempts AS a ON f.incident_id = a.incident_id
LEFT JOIN app_attempts AS o ON f.incident_id = o.incident_id
INNER JOIN touched AS t ON f.incident_id = t.incident_id
LEFT JOIN devices AS d ON f.scope_kind = 'device' AND f.scope_value = d.device_id
LEFT JOIN apps AS p ON f.scope_kind = 'app' AND f.scope_value = p.app_id
ORDER BY f.incident_id
