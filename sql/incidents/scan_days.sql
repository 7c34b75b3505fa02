-- Attempts and failures a day as far back as the log goes: the ground on which stray failures happen. Successes are counted
-- already, but for the hour that the window cuts.
WITH counted AS (
    SELECT slot // 96 AS "day", successes, 0 AS failures FROM slot_counts WHERE kind = 'tenant' AND slot < $last_slot
    UNION ALL
    SELECT date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', seen_at)) // 86400, 1, 0
    FROM recorded_sign_ins
    WHERE result_code = '0' AND seen_at >= $whole_until AND seen_at < $until
    UNION ALL
    SELECT date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', seen_at)) // 86400, 0, 1
    FROM failed_sign_ins
    WHERE seen_at < $until
)
SELECT "day", CAST(sum(successes + failures) AS BIGINT) AS attempts, CAST(sum(failures) AS BIGINT) AS failures
FROM counted
GROUP BY "day"
