-- Its refused signatures.
SELECT seen_at, sign_in_id, "user", app, device, device_known, os, client, ip, correlation_id, source_table
FROM failures
WHERE incident_id = $incident_id
ORDER BY seen_at, sign_in_id
