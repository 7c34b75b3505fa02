-- What recurs: scopes that had more than one incident in the remembered weeks.
SELECT
    scope, count(*) AS incidents, sum(failures) AS failures,
    array_to_string(list_sort(array_agg(DISTINCT cause)), ', ') AS causes,
    min(first_seen_at) AS first_seen_at, max(last_seen_at) AS last_seen_at
FROM incident_history
WHERE first_seen_at < $until
GROUP BY scope
HAVING count(*) > 1
ORDER BY incidents DESC, failures DESC, scope
