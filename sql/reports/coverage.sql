-- coverage.csv: every workspace, table and hour of arrival that was asked for, from the window's first hour on.
SELECT source_table, "hour", status, "rows", requests, newest_ingested_at, note, workspace_id
FROM coverage
WHERE "hour" >= CAST(date_trunc('hour', $since) AS TIMESTAMP) AND "hour" < $until + INTERVAL '72 hours'
ORDER BY workspace_id, source_table, "hour"
