-- What happened when, one row an incident and stretch of its picture: its failures, other sign-ins of its scope (counted
-- where they succeeded or were refused), and the control: attempts outside its scope, and how many of them were refused.
-- Failures that another incident explains are left out of the control.
WITH frame AS (
    SELECT
        unnest(CAST($ids AS VARCHAR[])) AS incident_id, unnest(CAST($starts AS TIMESTAMP[])) AS starts_at,
        unnest(CAST($ends AS TIMESTAMP[])) AS ends_at, unnest(CAST($seconds AS BIGINT[])) AS seconds
),
wanted AS (
    SELECT f.*, i.scope_kind, i.scope_value
    FROM frame AS f
    INNER JOIN found_incidents AS i ON f.incident_id = i.incident_id
),
own AS (
    SELECT w.incident_id, date_diff('second', w.starts_at, date_trunc('second', f.seen_at)) // w.seconds AS place,
        count(*) AS failures
    FROM wanted AS w
    INNER JOIN failures AS f ON w.incident_id = f.incident_id
    WHERE f.seen_at >= w.starts_at AND f.seen_at < w.ends_at
    GROUP BY w.incident_id, place
),
scope AS (
    SELECT
        w.incident_id, date_diff('second', w.starts_at, date_trunc('second', v.seen_at)) // w.seconds AS place,
        count(*) AS attempts,
        count(*) FILTER (WHERE v.result_code = '50099') AS refused,
        count(*) FILTER (WHERE v.result_code = '50099' AND f.incident_id IS NULL) AS strays,
        count(*) FILTER (WHERE v.result_code = '50099' AND f.incident_id = w.incident_id) AS of_it
    FROM wanted AS w
    INNER JOIN sign_in_values AS v
        ON w.scope_kind = v.kind AND w.scope_value = v."value" AND v.seen_at >= w.starts_at AND v.seen_at < w.ends_at
    LEFT JOIN incident_failures AS f
        ON v.workspace_id = f.workspace_id AND v.source_table = f.source_table AND v.sign_in_id = f.sign_in_id
    WHERE v.result_code IN ('0', '50099')
    GROUP BY w.incident_id, place
),
-- The whole tenant by quarter of an hour, which every stretch is a multiple of.
quarter AS (
    SELECT
        time_bucket(INTERVAL '15 minutes', a.seen_at) AS starts_at,
        count(*) FILTER (WHERE NOT a.failed OR a.incident_id IS NULL) AS attempts,
        count(*) FILTER (WHERE a.failed AND a.incident_id IS NULL) AS refused
    FROM attempts AS a
    WHERE a.result_code IN ('0', '50099') AND a.seen_at < (SELECT until FROM horizon)
    GROUP BY ALL
),
whole AS (
    SELECT
        w.incident_id, date_diff('second', w.starts_at, q.starts_at) // w.seconds AS place,
        sum(q.attempts) AS attempts, sum(q.refused) AS refused
    FROM wanted AS w
    INNER JOIN quarter AS q ON q.starts_at >= w.starts_at AND q.starts_at < w.ends_at
    GROUP BY w.incident_id, place
)
SELECT
    w.incident_id,
    f.starts_at + INTERVAL '1 second' * (w.place * f.seconds) AS starts_at,
    coalesce(o.failures, 0) AS failures,
    coalesce(s.attempts, 0) - coalesce(s.of_it, 0) AS others,
    coalesce(s.attempts, 0) AS attempts,
    coalesce(s.refused, 0) AS refused,
    -- of the scope, what is neither another incident's nor this one's has to go out of the whole
    CAST(w.attempts - (coalesce(s.attempts, 0) - coalesce(s.refused, 0)) - coalesce(s.strays, 0) AS BIGINT) AS outside_attempts,
    CAST(w.refused - coalesce(s.strays, 0) AS BIGINT) AS outside_refused
FROM whole AS w
INNER JOIN frame AS f ON w.incident_id = f.incident_id
LEFT JOIN own AS o ON w.incident_id = o.incident_id AND w.place = o.place
LEFT JOIN scope AS s ON w.incident_id = s.incident_id AND w.place = s.place
ORDER BY w.incident_id, starts_at
