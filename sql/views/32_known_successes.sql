-- The sign-ins that succeeded before the end of the last run's window; for them no device is ever inferred.
-- columns: sign_ins
SELECT * FROM recorded_sign_ins WHERE result_code = '0' AND seen_at < (SELECT until FROM horizon)
