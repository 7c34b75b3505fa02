-- Successes of each scope slot by slot, retries within an hour weighed as failures are.
WITH wanted AS (
    SELECT DISTINCT scope, kind, "value" FROM scan_values
),
wanted_address AS (
    SELECT w.scope, a.ip FROM addresses AS a INNER JOIN wanted AS w ON w.kind = 'network' AND w."value" = a.network
    UNION
    SELECT w.scope, a.ip FROM addresses AS a INNER JOIN wanted AS w ON w.kind = 'network' AND w."value" = a.subnet
    UNION
    SELECT scope, "value" FROM wanted WHERE kind = 'ip'
),
-- what many share is counted already; of the rest only sign-ins with a wanted value are looked at, all at once
near AS (
    SELECT
        s.seen_at, CAST(date_trunc('hour', s.seen_at) AS TIMESTAMP) AS "hour", coalesce(s."user", s.user_id) AS person,
        s.device_id, coalesce(s.user_id, '') AS user_id, coalesce(s.app_id, '') AS app_id,
        coalesce(s.client, '') AS client, coalesce(s.ip, '') AS ip
    FROM known_successes AS s
    WHERE s.seen_at >= $since AND s.seen_at < $until AND (
        s.device_id IN (SELECT "value" FROM wanted WHERE kind = 'device')
        OR coalesce(s."user", s.user_id) IN (SELECT "value" FROM wanted WHERE kind = 'user')
        OR s.ip IN (SELECT ip FROM wanted_address)
    )
),
alike AS (
    SELECT
        "hour", user_id, app_id, client, ip, count(*) AS times,
        min(seen_at) AS seen_at, min(person) AS person, min(device_id) AS device_id
    FROM near
    GROUP BY "hour", user_id, app_id, client, ip
),
-- most have none like them within the hour, and weigh as one wherever they belong; of the others each scope has its own
single AS (
    SELECT
        date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', seen_at)) // 900 AS slot, person, device_id, ip
    FROM alike
    WHERE times = 1
),
repeated AS (
    SELECT s.*
    FROM near AS s
    INNER JOIN alike AS a
        ON a.times > 1 AND s."hour" = a."hour" AND s.user_id = a.user_id AND s.app_id = a.app_id AND s.client = a.client
        AND s.ip = a.ip
),
-- the hours that the window cuts, each by itself: so nothing is read where it cuts none
cut AS (
    SELECT * FROM sign_in_values WHERE seen_at >= $since AND seen_at < $whole_since
    UNION ALL
    SELECT * FROM sign_in_values WHERE seen_at >= $whole_until AND seen_at < $until
),
found AS (
    SELECT w.scope, s.seen_at, s.user_id, s.app_id, s.client, s.ip
    FROM repeated AS s
    INNER JOIN wanted AS w ON w.kind = 'device' AND s.device_id = w."value"
    UNION ALL
    SELECT w.scope, s.seen_at, s.user_id, s.app_id, s.client, s.ip
    FROM repeated AS s
    INNER JOIN wanted AS w ON w.kind = 'user' AND s.person = w."value"
    UNION ALL
    SELECT w.scope, s.seen_at, s.user_id, s.app_id, s.client, s.ip
    FROM repeated AS s
    INNER JOIN wanted_address AS w ON s.ip = w.ip
    UNION ALL
    SELECT w.scope, v.seen_at, v.user_id, v.app_id, v.client, v.ip
    FROM cut AS v
    INNER JOIN wanted AS w ON v.kind = w.kind AND v."value" = w."value"
    WHERE v.result_code = '0'
        AND (v.kind IN ('app', 'client', 'os', 'region', 'domain', 'platform', 'policy', 'mode', 'tenant')
            OR v.kind = 'network' AND v."value" LIKE 'AS%')
),
burst AS (
    SELECT
        scope,
        min(date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', seen_at)) // 900) AS slot,
        count(*) AS times
    FROM found
    GROUP BY scope, CAST(date_trunc('hour', seen_at) AS TIMESTAMP), user_id, app_id, client, ip
),
weighed AS (
    SELECT w.scope, s.slot, 1000 AS weight
    FROM single AS s
    INNER JOIN wanted AS w ON w.kind = 'device' AND s.device_id = w."value"
    UNION ALL
    SELECT w.scope, s.slot, 1000
    FROM single AS s
    INNER JOIN wanted AS w ON w.kind = 'user' AND s.person = w."value"
    UNION ALL
    SELECT w.scope, s.slot, 1000
    FROM single AS s
    INNER JOIN wanted_address AS w ON s.ip = w.ip
    UNION ALL
    SELECT scope, slot, CAST(floor(1000e0 * (1e0 + ln(times))) AS BIGINT) FROM burst
)
SELECT scope, slot, CAST(sum(weight) AS BIGINT) AS weight
FROM weighed
GROUP BY scope, slot
UNION ALL
SELECT w.scope, c.slot, c.weight
FROM value_counts AS c
INNER JOIN wanted AS w ON c.kind = w.kind AND c."value" = w."value"
WHERE c.weight > 0 AND c.slot >= $first_slot AND c.slot < $last_slot
