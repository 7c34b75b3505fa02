-- How many workspaces were asked for hours of the window: none, where its records were all imported, or nobody asked.
SELECT count(DISTINCT workspace_id) AS workspaces
FROM coverage
WHERE "hour" >= CAST(date_trunc('hour', $since) AS TIMESTAMP) AND "hour" < $until + INTERVAL '72 hours'
