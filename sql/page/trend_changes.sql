-- Which kinds of change brought most about, in the remembered weeks.
SELECT
    coalesce(change_kind, '') AS change_kind, count(*) AS incidents, sum(failures) AS failures,
    avg(hours_to_resolve) AS mean_hours_to_resolve
FROM incident_history
WHERE change_id IS NOT NULL AND first_seen_at < $until
GROUP BY ALL
ORDER BY incidents DESC, failures DESC, change_kind
