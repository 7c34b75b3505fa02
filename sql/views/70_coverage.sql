-- One row a workspace, table and hour of arrival that was asked for.
-- source_table: the Log Analytics table
-- hour: the hour of arrival (ingestion_time()), UTC
-- status: complete (fully answered, also when empty), absent (the workspace lacks the table), incomplete (refused, failed or cut)
-- rows: records that the last asking returned for the hour
-- requests: requests that asked for the hour at the last asking, those of larger windows that were cut among them
-- newest_ingested_at: newest arrival among those records, UTC
-- note: why an hour is not complete, and what helps
-- workspace_id: the Log Analytics workspace
SELECT
    source_table,
    CAST(date_trunc('hour', asked_from) AS TIMESTAMP) AS "hour",
    CASE
        WHEN bool_or(status = 'incomplete') THEN 'incomplete'
        WHEN bool_or(status = 'absent') THEN 'absent'
        ELSE 'complete'
    END AS status,
    CAST(sum("rows") AS BIGINT) AS "rows",
    CAST(sum(requests) AS BIGINT) AS requests,
    max(newest_ingested_at) AS newest_ingested_at,
    array_to_string(list_sort(array_agg(DISTINCT note) FILTER (WHERE note IS NOT NULL)), '; ') AS note,
    workspace_id
FROM asked
GROUP BY workspace_id, source_table, CAST(date_trunc('hour', asked_from) AS TIMESTAMP)
