-- What has been quiet is resolved, with its last failure; also what has left the window since. What fails again is not.
UPDATE remembered_incidents
SET resolved_at = CASE WHEN last_seen_at < $quiet_since THEN last_seen_at END
WHERE judged_until <= $until
