-- What was seen, one row a table: sign-ins of the window, with how many users, devices and applications.
SELECT
    source_table, count(*) AS sign_ins, count(*) FILTER (WHERE result_code = '50099') AS failures,
    count(DISTINCT user_id) AS users, count(DISTINCT device_id) AS devices, count(DISTINCT app_id) AS apps
FROM sign_ins
WHERE seen_at >= $since AND seen_at < $until
GROUP BY source_table
ORDER BY source_table
