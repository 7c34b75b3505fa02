-- by_user.csv: one user with failures, most failures first. Failures of no known user stand in a row without an id.
-- authentication requirement and MFA result are those of the last failure; devices and apps are those of the failures.
WITH shown AS (
    SELECT f.*
    FROM failures AS f
    LEFT JOIN incidents AS i ON f.incident_id = i.incident_id
    WHERE f.seen_at >= $since AND f.seen_at < $until AND (NOT $since_last OR i.status = 'new')
),
attempt AS (
    SELECT user_id, max_by("user", ROW(seen_at, sign_in_id, workspace_id, source_table)) AS "user", count(*) AS sign_ins
    FROM attempts
    WHERE seen_at >= $since AND seen_at < $until
        AND coalesce(user_id, '') IN (SELECT coalesce(user_id, '') FROM shown)
    GROUP BY user_id
),
exposure AS (
    SELECT
        f.user_id,
        max(a."user") AS "user",
        count(*) AS failures,
        max(a.sign_ins) AS sign_ins,
        count(DISTINCT f.device_id) AS devices,
        count(DISTINCT f.app_id) AS apps,
        min(f.seen_at) AS first_seen_at,
        max(f.seen_at) AS last_seen_at
    FROM shown AS f
    INNER JOIN attempt AS a ON f.user_id IS NOT DISTINCT FROM a.user_id
    GROUP BY f.user_id
),
last_failure AS (
    SELECT user_id, authentication_requirement, mfa_result
    FROM shown
    QUALIFY row_number() OVER (
        PARTITION BY user_id ORDER BY seen_at DESC, sign_in_id, workspace_id, source_table
    ) = 1
),
security_info AS (
    SELECT target_id AS user_id, changed_at, change
    FROM changes
    WHERE change_kind = 'user_auth_method' AND changed_at < $until
    QUALIFY row_number() OVER (PARTITION BY target_id ORDER BY changed_at DESC, change_id, workspace_id) = 1
),
likely AS (
    SELECT s.user_id, i.cause
    FROM shown AS s
    INNER JOIN incidents AS i ON s.incident_id = i.incident_id
    GROUP BY s.user_id, i.cause
    QUALIFY row_number() OVER (PARTITION BY s.user_id ORDER BY count(*) DESC, i.cause) = 1
)
SELECT
    e.user_id,
    e."user",
    e.failures,
    e.sign_ins,
    e.devices,
    e.apps,
    e.first_seen_at,
    e.last_seen_at,
    f.authentication_requirement,
    f.mfa_result,
    CASE WHEN s.change IS NOT NULL
        THEN concat(substr(CAST(s.changed_at AS VARCHAR), 1, 10), 'T', substr(CAST(s.changed_at AS VARCHAR), 12, 8), 'Z ', s.change)
    END AS last_security_info_change,
    l.cause AS likely_cause
FROM exposure AS e
LEFT JOIN last_failure AS f ON e.user_id IS NOT DISTINCT FROM f.user_id
LEFT JOIN security_info AS s ON e.user_id = s.user_id
LEFT JOIN likely AS l ON e.user_id IS NOT DISTINCT FROM l.user_id
ORDER BY e.failures DESC, e.sign_ins DESC, e.user_id
