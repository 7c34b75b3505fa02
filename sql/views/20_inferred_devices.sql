-- The device of a failed sign-in that names none: the one that its user's successes look most like.
-- stored: yes
-- columns: sign_ins
-- By user and platform alone, 91 to 99 of 100 failures that do name a device come out right; a shared address and a
-- shared client say which of several devices of one platform it was. Ties go to the device used more, then to the id.
WITH unnamed AS (
    SELECT workspace_id, source_table, sign_in_id, user_id, platform, client, ip
    FROM sign_ins
    WHERE result_code = '50099' AND device_id IS NULL AND user_id IS NOT NULL AND platform IS NOT NULL
        AND seen_at < (SELECT until FROM horizon)
),
known AS (
    SELECT user_id, platform, client, ip, device_id, max(device) AS device, count(*) AS times
    FROM sign_ins
    WHERE device_id IS NOT NULL AND user_id IN (SELECT user_id FROM unnamed)
        AND seen_at < (SELECT until FROM horizon)
    GROUP BY user_id, platform, client, ip, device_id
),
likeness AS (
    SELECT
        unnamed.workspace_id,
        unnamed.source_table,
        unnamed.sign_in_id,
        known.device_id,
        max(known.device) AS device,
        coalesce(sum(known.times) FILTER (WHERE known.ip = unnamed.ip AND known.client = unnamed.client), 0) AS same_both,
        coalesce(sum(known.times) FILTER (WHERE known.client = unnamed.client), 0) AS same_client,
        sum(known.times) AS times
    FROM unnamed
    INNER JOIN known ON unnamed.user_id = known.user_id AND unnamed.platform = known.platform
    GROUP BY unnamed.workspace_id, unnamed.source_table, unnamed.sign_in_id, known.device_id
)
SELECT workspace_id, source_table, sign_in_id, device_id, device
FROM likeness
QUALIFY row_number() OVER (
    PARTITION BY workspace_id, source_table, sign_in_id
    ORDER BY same_both DESC, same_client DESC, times DESC, device_id
) = 1
