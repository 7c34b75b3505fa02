-- Over all remembered weeks, one row a cause: its incidents, how long those took that are over, and what recurs.
SELECT
    cause, count(*) AS incidents, sum(failures) AS failures,
    count(*) FILTER (WHERE resolved_at IS NOT NULL) AS resolved,
    avg(hours_to_resolve) AS mean_hours_to_resolve, median(hours_to_resolve) AS median_hours_to_resolve,
    min(first_seen_at) AS first_seen_at, max(last_seen_at) AS last_seen_at
FROM incident_history
WHERE first_seen_at < $until
GROUP BY cause
ORDER BY incidents DESC, failures DESC, cause
