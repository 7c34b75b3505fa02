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
paired AS (
    SELECT
        u.workspace_id, u.source_table, u.sign_in_id, u.user_id, u.platform, u."day", k.device_id, k.device, k.times,
        k.client = u.client AS is_client,
        k.ip = u.ip AND k.client = u.client AS is_both,
        k."day" >= u."day" - 1 AND k."day" <= u."day" + 1 AS is_then
    FROM unnamed AS u
    INNER JOIN known AS k ON u.user_id = k.user_id AND u.platform = k.platform
),
likeness AS (
    SELECT
        workspace_id, source_table, sign_in_id, user_id, platform, "day", device_id, max(device) AS device,
        coalesce(sum(times) FILTER (WHERE is_both AND is_then), 0) AS both_then,
        coalesce(sum(times) FILTER (WHERE is_client AND is_then), 0) AS client_then,
        coalesce(sum(times) FILTER (WHERE is_then), 0) AS times_then,
        coalesce(sum(times) FILTER (WHERE is_both), 0) AS same_both,
        coalesce(sum(times) FILTER (WHERE is_client), 0) AS same_client,
        sum(times) AS times
    FROM paired
    GROUP BY workspace_id, source_table, sign_in_id, user_id, platform, "day", device_id
)
SELECT l.workspace_id, l.source_table, l.sign_in_id, l.device_id, l.device
FROM likeness AS l
LEFT JOIN failing AS f
    ON l.user_id = f.user_id AND l.platform = f.platform AND l."day" = f."day" AND l.device_id = f.device_id
QUALIFY row_number() OVER (
    PARTITION BY l.workspace_id, l.source_table, l.sign_in_id
    ORDER BY
        coalesce(f.refused_to_user, 0) DESC, coalesce(f.refused_to_any, 0) DESC,
        l.both_then DESC, l.same_both DESC, l.client_then DESC, l.times_then DESC, l.same_client DESC, l.times DESC,
        l.device_id
) = 1
