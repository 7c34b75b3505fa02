-- Incidents by the week (Monday, UTC) in which they began.
SELECT
    CAST(date_trunc('week', first_seen_at) AS DATE) AS week, count(*) AS incidents, sum(failures) AS failures,
    avg(hours_to_resolve) AS mean_hours_to_resolve
FROM incident_history
WHERE first_seen_at < $until
GROUP BY week
ORDER BY week
