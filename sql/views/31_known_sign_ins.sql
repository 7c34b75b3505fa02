-- The sign-ins before the end of the last run's window: a look back at a day does not see the next.
-- columns: sign_ins
SELECT * FROM sign_ins WHERE seen_at < (SELECT until FROM horizon)
