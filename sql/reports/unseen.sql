-- Tables with hours that could not be seen, and how many, for the closing story.
SELECT
    workspace_id,
    source_table,
    status,
    count(*) AS unseen_hours,
    min("hour") AS first_hour,
    max("hour") + INTERVAL '1 hour' AS last_hour,
    min(note) AS note
FROM coverage
WHERE status <> 'complete'
    AND "hour" >= CAST(date_trunc('hour', $since) AS TIMESTAMP) AND "hour" < $until + INTERVAL '72 hours'
GROUP BY workspace_id, source_table, status
ORDER BY status DESC, source_table, workspace_id
