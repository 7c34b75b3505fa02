-- Attempts and failures a day as far back as the log goes: the ground on which stray failures happen.
SELECT
    date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', seen_at)) // 86400 AS "day",
    count(*) FILTER (WHERE result_code IN ('0', '50099')) AS attempts,
    count(*) FILTER (WHERE result_code = '50099') AS failures
FROM recorded_sign_ins
WHERE seen_at < $until
GROUP BY date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', seen_at)) // 86400
