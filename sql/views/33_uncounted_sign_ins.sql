-- The sign-ins of days that slot_counts does not hold yet.
-- columns: sign_ins
SELECT s.*
FROM recorded_sign_ins AS s
WHERE date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', s.seen_at)) // 86400
    NOT IN (SELECT "day" FROM counted_days)
