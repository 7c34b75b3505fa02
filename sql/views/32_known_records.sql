-- The sign-ins before the end of the last run's window, as their records tell them: no device is inferred for any.
-- columns: sign_ins
SELECT * FROM recorded_sign_ins WHERE seen_at < (SELECT until FROM horizon)
