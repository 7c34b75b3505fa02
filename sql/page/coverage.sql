-- The coverage as stretches: hours of one workspace and table that lie side by side and have the same status and note.
WITH shown AS (
    SELECT workspace_id, source_table, "hour", status, note
    FROM coverage
    WHERE "hour" >= CAST(date_trunc('hour', $since) AS TIMESTAMP) AND "hour" < $until + INTERVAL '72 hours'
),
numbered AS (
    SELECT
        *,
        "hour" - INTERVAL '1 hour' * row_number() OVER (
            PARTITION BY workspace_id, source_table, status, note ORDER BY "hour") AS stretch
    FROM shown
)
SELECT
    workspace_id, source_table, status, min("hour") AS starts_at, max("hour") + INTERVAL '1 hour' AS ends_at, count(*) AS hours,
    note
FROM numbered
GROUP BY workspace_id, source_table, status, note, stretch
ORDER BY workspace_id, source_table, starts_at
