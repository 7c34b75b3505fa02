-- Rates by stretch of the window: of the applications, devices and users that fail most, sign-ins and how many refused.
WITH attempt AS (
    SELECT
        app_id, device_id, user_id, failed,
        date_diff('second', $since, date_trunc('second', seen_at)) // $seconds AS place
    FROM attempts
    WHERE seen_at >= $since AND seen_at < $until
)
SELECT 'by_app' AS report, app_id AS id, place, count(*) AS sign_ins, count(*) FILTER (WHERE failed) AS failures
FROM attempt
WHERE app_id IN (SELECT unnest(CAST($apps AS VARCHAR[])))
GROUP BY app_id, place
UNION ALL
SELECT 'by_device', device_id, place, count(*), count(*) FILTER (WHERE failed)
FROM attempt
WHERE device_id IN (SELECT unnest(CAST($devices AS VARCHAR[])))
GROUP BY device_id, place
UNION ALL
SELECT 'by_user', user_id, place, count(*), count(*) FILTER (WHERE failed)
FROM attempt
WHERE user_id IN (SELECT unnest(CAST($users AS VARCHAR[])))
GROUP BY user_id, place
ORDER BY report, id, place
