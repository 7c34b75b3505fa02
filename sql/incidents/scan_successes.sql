-- Successes of each scope slot by slot, retries within an hour weighed as failures are.
WITH wanted AS (
    SELECT DISTINCT scope, kind, "value" FROM scan_values
),
wanted_address AS (
    SELECT w.scope, a.ip FROM addresses AS a INNER JOIN wanted AS w ON w.kind = 'network' AND w."value" = a.network
    UNION
    SELECT w.scope, a.ip FROM addresses AS a INNER JOIN wanted AS w ON w.kind = 'network' AND w."value" = a.subnet
),
-- what many share is counted already; of the rest only sign-ins with a wanted value are looked at, all at once
near AS (
    SELECT s.seen_at, s.user_id, coalesce(s."user", s.user_id) AS person, s.device_id, s.app_id, s.client, s.ip
    FROM known_successes AS s
    WHERE s.seen_at >= $since AND s.seen_at < $until AND (
        s.device_id IN (SELECT "value" FROM wanted WHERE kind = 'device')
        OR coalesce(s."user", s.user_id) IN (SELECT "value" FROM wanted WHERE kind = 'user')
        OR s.ip IN (SELECT "value" FROM wanted WHERE kind = 'ip' UNION SELECT ip FROM wanted_address)
    )
),
found AS (
    SELECT w.scope, s.seen_at, s.user_id, s.app_id, s.client, s.ip
    FROM near AS s
    INNER JOIN wanted AS w ON w.kind = 'device' AND s.device_id = w."value"
    UNION ALL
    SELECT w.scope, s.seen_at, s.user_id, s.app_id, s.client, s.ip
    FROM near AS s
    INNER JOIN wanted AS w ON w.kind = 'user' AND s.person = w."value"
    UNION ALL
    SELECT w.scope, s.seen_at, s.user_id, s.app_id, s.client, s.ip
    FROM near AS s
    INNER JOIN wanted AS w ON w.kind = 'ip' AND s.ip = w."value"
    UNION ALL
    SELECT w.scope, s.seen_at, s.user_id, s.app_id, s.client, s.ip
    FROM near AS s
    INNER JOIN wanted_address AS w ON s.ip = w.ip
    UNION ALL
    -- the hours that the window cuts
    SELECT w.scope, v.seen_at, v.user_id, v.app_id, v.client, v.ip
    FROM sign_in_values AS v
    INNER JOIN wanted AS w ON v.kind = w.kind AND v."value" = w."value"
    WHERE v.result_code = '0'
        AND (v.kind IN ('app', 'client', 'os', 'region', 'domain', 'platform', 'policy', 'mode', 'tenant')
            OR v.kind = 'network' AND v."value" LIKE 'AS%')
        AND (v.seen_at >= $since AND v.seen_at < $whole_since OR v.seen_at >= $whole_until AND v.seen_at < $until)
),
burst AS (
    SELECT
        scope,
        min(date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', seen_at)) // 900) AS slot,
        count(*) AS times
    FROM found
    GROUP BY scope, CAST(date_trunc('hour', seen_at) AS TIMESTAMP), user_id, app_id, client, ip
)
SELECT scope, slot, CAST(sum(CAST(floor(1000e0 * (1e0 + ln(times))) AS BIGINT)) AS BIGINT) AS weight
FROM burst
GROUP BY scope, slot
UNION ALL
SELECT w.scope, c.slot, c.weight
FROM value_counts AS c
INNER JOIN wanted AS w ON c.kind = w.kind AND c."value" = w."value"
WHERE c.weight > 0 AND c.slot >= $first_slot AND c.slot < $last_slot
