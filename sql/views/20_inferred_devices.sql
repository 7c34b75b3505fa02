-- The device of a failed sign-in that names none: one that its user has on that platform.
-- stored: yes
-- columns: sign_ins
-- First the device that this user's refused sign-ins of those days do name, then one that anybody's name, then the one
-- that the user's other sign-ins with a like client and address name, those of the same days before others: people change
-- devices, and a copy takes the place of what it was copied to. By user and platform alone, 91 to 99 of 100 failures that
-- do name a device come out right. Ties go to the device used more, then to the id.
WITH unnamed AS (
    SELECT
        workspace_id, source_table, sign_in_id, user_id, platform, client, ip,
        date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', seen_at)) // 86400 AS "day"
    FROM recorded_sign_ins
    WHERE result_code = '50099' AND device_id IS NULL AND user_id IS NOT NULL AND platform IS NOT NULL
        AND seen_at < (SELECT until FROM horizon)
),
known AS (
    SELECT
        user_id, platform, client, ip, device_id, max(device) AS device, count(*) AS times,
        date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', seen_at)) // 86400 AS "day"
    FROM recorded_sign_ins
    WHERE device_id IS NOT NULL AND user_id IN (SELECT user_id FROM unnamed)
        AND seen_at < (SELECT until FROM horizon)
    GROUP BY
        user_id, platform, client, ip, device_id,
        date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', seen_at)) // 86400
),
refused AS (
    SELECT
        device_id, user_id, count(*) AS times,
        date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', seen_at)) // 86400 AS "day"
    FROM recorded_sign_ins
    WHERE result_code = '50099' AND device_id IS NOT NULL AND seen_at < (SELECT until FROM horizon)
    GROUP BY device_id, user_id, date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', seen_at)) // 86400
),
failing AS (
    SELECT
        u.user_id, u.platform, u."day", k.device_id,
        coalesce(sum(r.times) FILTER (WHERE r.user_id = u.user_id), 0) AS refused_to_user,
        sum(r.times) AS refused_to_any
    FROM (SELECT DISTINCT user_id, platform, "day" FROM unnamed) AS u
    INNER JOIN (SELECT DISTINCT user_id, platform, device_id FROM known) AS k
        ON u.user_id = k.user_id AND u.platform = k.platform
    INNER JOIN refused AS r ON k.device_id = r.device_id AND r."day" >= u."day" - 2 AND r."day" <= u."day" + 2
    GROUP BY u.user_id, u.platform, u."day", k.device_id
),
-- how much a device is used as for the failed sign-in, at any time and on the days about it
used AS (
    SELECT user_id, platform, client, ip, device_id, max(device) AS device, CAST(sum(times) AS BIGINT) AS times
    FROM known
    GROUP BY user_id, platform, client, ip, device_id
),
likeness AS (
    SELECT
        u.workspace_id, u.source_table, u.sign_in_id, u.user_id, u.platform, u."day", k.device_id, max(k.device) AS device,
        coalesce(sum(k.times) FILTER (WHERE k.ip = u.ip AND k.client = u.client), 0) AS same_both,
        coalesce(sum(k.times) FILTER (WHERE k.client = u.client), 0) AS same_client,
        sum(k.times) AS times
    FROM unnamed AS u
    INNER JOIN used AS k ON u.user_id = k.user_id AND u.platform = k.platform
    GROUP BY u.workspace_id, u.source_table, u.sign_in_id, u.user_id, u.platform, u."day", k.device_id
),
about AS (
    SELECT *, "day" - 1 AS used_on FROM unnamed
    UNION ALL
    SELECT *, "day" AS used_on FROM unnamed
    UNION ALL
    SELECT *, "day" + 1 AS used_on FROM unnamed
),
likeness_then AS (
    SELECT
        u.workspace_id, u.source_table, u.sign_in_id, k.device_id,
        coalesce(sum(k.times) FILTER (WHERE k.ip = u.ip AND k.client = u.client), 0) AS both_then,
        coalesce(sum(k.times) FILTER (WHERE k.client = u.client), 0) AS client_then,
        sum(k.times) AS times_then
    FROM about AS u
    INNER JOIN known AS k ON u.user_id = k.user_id AND u.platform = k.platform AND u.used_on = k."day"
    GROUP BY u.workspace_id, u.source_table, u.sign_in_id, k.device_id
)
SELECT l.workspace_id, l.source_table, l.sign_in_id, l.device_id, l.device
FROM likeness AS l
LEFT JOIN failing AS f
    ON l.user_id = f.user_id AND l.platform = f.platform AND l."day" = f."day" AND l.device_id = f.device_id
LEFT JOIN likeness_then AS t
    ON l.workspace_id = t.workspace_id AND l.source_table = t.source_table AND l.sign_in_id = t.sign_in_id
    AND l.device_id = t.device_id
QUALIFY row_number() OVER (
    PARTITION BY l.workspace_id, l.source_table, l.sign_in_id
    ORDER BY
        coalesce(f.refused_to_user, 0) DESC, coalesce(f.refused_to_any, 0) DESC,
        coalesce(t.both_then, 0) DESC, l.same_both DESC, coalesce(t.client_then, 0) DESC, coalesce(t.times_then, 0) DESC,
        l.same_client DESC, l.times DESC,
        l.device_id
) = 1
