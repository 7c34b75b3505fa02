-- The failures of the window, numbered, each with its slot (quarters of an hour since 1970) and its weight: a burst of
-- m like retries within an hour weighs as 1 + ln m attempts, because a hammering client is one witness, not m.
SELECT
    row_number() OVER (ORDER BY seen_at, sign_in_id, workspace_id, source_table) AS failure,
    workspace_id,
    source_table,
    sign_in_id,
    seen_at,
    arrived_at,
    user_id,
    platform,
    device_known,
    date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', seen_at)) // 900 AS slot,
    CAST(floor(1000e0 * (1e0 + ln(count(*) OVER burst)) / count(*) OVER burst) AS BIGINT) AS weight
FROM failed_sign_ins
WHERE seen_at >= $since AND seen_at < $until
WINDOW burst AS (
    PARTITION BY CAST(date_trunc('hour', seen_at) AS TIMESTAMP), user_id, device_id, app_id, client, ip
)
