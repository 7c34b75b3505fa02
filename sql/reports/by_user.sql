-- by_user.csv: one user with failures, most failures first. Failures of no known user stand in a row without an id.
-- authentication requirement and MFA result are those of the last failure; devices and apps are those of the failures.
WITH attempt AS (
    SELECT
        *,
        failed AND (
            NOT $since_last OR coalesce(incident_id IN (SELECT incident_id FROM incidents WHERE status = 'new'), false)
        ) AS shown
    FROM attempts
    WHERE seen_at >= $since AND seen_at < $until
),
exposure AS (
    SELECT
        user_id,
        max_by("user", ROW(seen_at, sign_in_id, workspace_id, source_table)) AS "user",
        count(*) FILTER (WHERE shown) AS failures,
        count(*) AS sign_ins,
        count(DISTINCT device_id) FILTER (WHERE shown) AS devices,
        count(DISTINCT app_id) FILTER (WHERE shown) AS apps,
        min(seen_at) FILTER (WHERE shown) AS first_seen_at,
        max(seen_at) FILTER (WHERE shown) AS last_seen_at
    FROM attempt
    GROUP BY user_id
    HAVING count(*) FILTER (WHERE shown) > 0
),
last_failure AS (
    SELECT user_id, authentication_requirement, mfa_result
    FROM attempt
    WHERE shown
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
    SELECT a.user_id, i.cause
    FROM attempt AS a
    INNER JOIN incidents AS i ON a.incident_id = i.incident_id
    WHERE a.shown
    GROUP BY a.user_id, i.cause
    QUALIFY row_number() OVER (PARTITION BY a.user_id ORDER BY count(*) DESC, i.cause) = 1
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
