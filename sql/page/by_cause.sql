-- Refused signatures of the window by stretch of time and first-ranked cause of their incident; empty for those of none.
SELECT
    $since + INTERVAL '1 second' * ((date_diff('second', $since, date_trunc('second', f.seen_at)) // $seconds) * $seconds)
        AS starts_at,
    i.cause,
    count(*) AS failures
FROM failures AS f
LEFT JOIN incidents AS i ON f.incident_id = i.incident_id
WHERE f.seen_at >= $since AND f.seen_at < $until
GROUP BY starts_at, i.cause
ORDER BY starts_at, i.cause
