-- incidents.csv: failures that share one explanation, the oldest first; since the last run, those that are new.
SELECT
    incident_id, status, first_seen_at, last_seen_at, failures, sign_ins, devices, users, apps, scope, cause, confidence,
    change_id, changed_at, change, changed_by, summary, next_step, verdict
FROM incidents
WHERE last_seen_at >= $since AND first_seen_at < $until AND (NOT $since_last OR status = 'new')
ORDER BY first_seen_at, incident_id
