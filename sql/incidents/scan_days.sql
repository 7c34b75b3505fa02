-- Attempts and failures a day as far back as the log goes: the ground on which stray failures happen.
SELECT
    CAST(date_trunc('day', seen_at) AS TIMESTAMP) AS "day",
    count(*) FILTER (WHERE result_code IN ('0', '50099')) AS attempts,
    count(*) FILTER (WHERE result_code = '50099') AS failures
FROM sign_ins
WHERE seen_at < $until
GROUP BY CAST(date_trunc('day', seen_at) AS TIMESTAMP)
