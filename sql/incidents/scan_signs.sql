-- The devices that bear a sign of a fault of their own beside their failures, and what such a device must explain at least.
-- Without a sign one device in thousands has a fault. Where two people are new to it who fail on it, or where three errors
-- of clock, nonce or device stand beside its failures, one in seven is believed to (a price of 2, its logarithm). So it is
-- found with less to show inside a wider incident that refuses the same sign-ins. A change of its registration is no such
-- sign: it is told later what that explains, and what it found it would seem to explain. What is wrong with the device, if
-- anything is, is not asked here.
WITH refused AS (
    SELECT DISTINCT v."value" AS device_id, f.user_id, f.platform, f.slot // 96 AS "day"
    FROM scan_values AS v
    INNER JOIN scan_failures AS f ON v.failure = f.failure
    WHERE v.kind = 'device'
),
begun AS (
    SELECT device_id, user_id, min(seen_at) AS first_at
    FROM recorded_sign_ins
    WHERE user_id IS NOT NULL AND seen_at < $until
        AND device_id IN (SELECT device_id FROM refused GROUP BY device_id HAVING count(DISTINCT user_id) >= 2)
    GROUP BY device_id, user_id
),
newcomer AS (
    SELECT device_id, user_id
    FROM (SELECT *, min(first_at) OVER (PARTITION BY device_id) AS in_use_since FROM begun) AS b
    WHERE first_at > in_use_since + INTERVAL '24 hours' AND first_at >= $since
),
told AS (
    SELECT user_id, platform, date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', seen_at)) // 86400 AS "day"
    FROM recorded_sign_ins
    WHERE result_code IN ('140000', '500991', '500133', '50155', '50187', '700003', '135010', '135011')
        AND seen_at >= $since AND seen_at < $until
),
-- on the days of the device's failures, those before and those after
near_day AS (
    SELECT device_id, user_id, platform, "day" - 1 AS "day" FROM refused
    UNION
    SELECT device_id, user_id, platform, "day" FROM refused
    UNION
    SELECT device_id, user_id, platform, "day" + 1 FROM refused
),
beside AS (
    SELECT n.device_id, count(t."day") AS errors
    FROM near_day AS n
    LEFT JOIN told AS t ON n.user_id = t.user_id AND n.platform = t.platform AND n."day" = t."day"
    GROUP BY n.device_id
),
-- as often as that only this device has them, not everybody here
erring AS (
    SELECT device_id
    FROM (SELECT *, (sum(errors) OVER () - errors) / nullif(count(*) OVER () - 1e0, 0e0) AS usual FROM beside) AS b
    WHERE errors >= 3 AND errors > 3e0 * coalesce(usual, 0e0)
),
sign AS (
    SELECT n.device_id, 2e0 AS price
    FROM newcomer AS n
    INNER JOIN (SELECT DISTINCT device_id, user_id FROM refused) AS r ON n.device_id = r.device_id AND n.user_id = r.user_id
    GROUP BY n.device_id
    HAVING count(*) >= 2
    UNION ALL
    SELECT device_id, 2e0 FROM erring
)
SELECT DISTINCT device_id, price FROM sign
