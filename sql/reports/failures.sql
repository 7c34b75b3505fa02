-- failures.csv: every refused device signature of the window, once; since the last run, those of new incidents.
SELECT
    sign_in_id, incident_id, seen_at, source_table, "user", app_id, app, device_id, device, device_known, os, client, ip,
    result_code, workspace_id, correlation_id, user_id
FROM failures
WHERE seen_at >= $since AND seen_at < $until
    AND (NOT $since_last OR incident_id IN (SELECT incident_id FROM incidents WHERE status = 'new'))
ORDER BY seen_at, workspace_id, source_table, sign_in_id
