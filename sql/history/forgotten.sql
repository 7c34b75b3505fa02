-- Forget the incidents within the window that this night, looking again, no longer finds. What a night with a later end
-- knew of them is left: a look back deletes nothing.
DELETE FROM remembered_incidents
WHERE judged_until <= $until AND last_seen_at >= $since
    AND incident_id NOT IN (SELECT incident_id FROM found_incidents)
