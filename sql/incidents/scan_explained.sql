-- How likely each failure is under the stretches chosen so far: 1 - (1-g) * prod(1-p), g being the floor of strays.
WITH covered AS (
    SELECT c.failure, sum(ln(1e0 - w.p)) AS log_spared
    FROM scan_covers AS c
    INNER JOIN scan_windows AS w ON c.number = w.number
    GROUP BY c.failure
),
quiet AS (
    SELECT f.slot // 96 AS "day", count(*) AS covered
    FROM covered AS c
    INNER JOIN scan_failures AS f ON c.failure = f.failure
    GROUP BY f.slot // 96
),
-- the quietest day tells the floor: on the others an incident may hide
stray AS (
    SELECT least(2e-2, min((d.failures - coalesce(q.covered, 0) + 5e-1) / (d.attempts + 1e0))) AS g
    FROM scan_days AS d
    LEFT JOIN quiet AS q ON d."day" = q."day"
)
SELECT
    f.failure,
    s.g,
    round(1e0 - (1e0 - s.g) * exp(coalesce(c.log_spared, 0e0)), 9) AS chance
FROM scan_failures AS f
CROSS JOIN stray AS s
LEFT JOIN covered AS c ON f.failure = c.failure
