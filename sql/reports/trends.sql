-- trends.csv: one cause and day (UTC) on which it failed, in time order; the cause is the first-ranked one of the incident.
-- Failures of no incident have no cause, and are not counted here; with them it is as many as failures.csv has.
SELECT
    CAST(f.seen_at AS DATE) AS "day",
    i.cause,
    count(DISTINCT f.incident_id) AS incidents,
    count(*) AS failures,
    count(DISTINCT f.device_id) AS devices,
    count(DISTINCT f.user_id) AS users
FROM failures AS f
INNER JOIN incidents AS i ON f.incident_id = i.incident_id
WHERE f.seen_at >= $since AND f.seen_at < $until AND (NOT $since_last OR i.status = 'new')
GROUP BY "day", i.cause
ORDER BY "day", i.cause
