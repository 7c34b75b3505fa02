-- What each incident counts within the window, its onset, and the name that people know its scope by.
-- a policy that no row lists: the sign-ins to the applications that fail
WITH failing_app AS (
    SELECT DISTINCT i.incident_id, i.first_seen_at, i.last_seen_at, a."value" AS app_id
    FROM found_incidents AS i
    INNER JOIN incident_values AS a ON i.incident_id = a.incident_id AND a.kind = 'app'
    WHERE i.scope_kind = 'policy'
),
app_attempts AS (
    SELECT i.incident_id, count(*) AS sign_ins
    FROM failing_app AS i
    INNER JOIN known_records AS s
        ON i.app_id = s.app_id AND s.seen_at >= i.first_seen_at AND s.seen_at <= i.last_seen_at
    GROUP BY i.incident_id
),
-- Named as its refused sign-ins name it last; of two names at the same moment the first in order.
device AS (
    SELECT device_id, device
    FROM failures
    WHERE device IS NOT NULL AND device_id IN (SELECT scope_value FROM found_incidents WHERE scope_kind = 'device')
    GROUP BY device_id, device
    QUALIFY row_number() OVER (PARTITION BY device_id ORDER BY max(seen_at) DESC, device) = 1
),
app AS (
    SELECT app_id, app
    FROM failures
    WHERE app IS NOT NULL AND app_id IN (SELECT scope_value FROM found_incidents WHERE scope_kind = 'app')
    GROUP BY app_id, app
    QUALIFY row_number() OVER (PARTITION BY app_id ORDER BY max(seen_at) DESC, app) = 1
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
    coalesce(nullif(s.attempts_during, 0), o.sign_ins) AS sign_ins,
    t.devices,
    t.users,
    t.apps,
    f.first_seen_at AS onset,
    CASE f.scope_kind WHEN 'device' THEN d.device WHEN 'app' THEN p.app END AS scope_name
FROM incident_facts AS f
LEFT JOIN incident_scope_periods AS s ON f.incident_id = s.incident_id
LEFT JOIN app_attempts AS o ON f.incident_id = o.incident_id
INNER JOIN touched AS t ON f.incident_id = t.incident_id
LEFT JOIN device AS d ON f.scope_kind = 'device' AND f.scope_value = d.device_id
LEFT JOIN app AS p ON f.scope_kind = 'app' AND f.scope_value = p.app_id
ORDER BY f.incident_id
