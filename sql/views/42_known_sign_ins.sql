-- The sign-ins before the end of the last run's window: a look back at a day does not see the next.
-- columns: sign_ins
-- failed: whether the device signature was refused (50099); who asks for these alone reads no other record
SELECT *, true AS failed FROM failed_sign_ins WHERE seen_at < (SELECT until FROM horizon)
UNION ALL
SELECT *, false AS failed FROM sign_ins WHERE coalesce(result_code, '') <> '50099' AND seen_at < (SELECT until FROM horizon)
