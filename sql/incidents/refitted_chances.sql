-- Each chosen stretch with the chance that fits it best beside the others, one step nearer: of a failure with chance c
-- the stretch caused the share p / c, of a success none (expectation maximisation of the noisy-or).
WITH caused AS (
    SELECT w.number, sum(round(f.weight * w.p / e.chance)) AS failed, sum(f.weight) AS weight
    FROM scan_windows AS w
    INNER JOIN scan_covers AS c ON w.number = c.number
    INNER JOIN scan_failures AS f ON c.failure = f.failure
    INNER JOIN scan_explained AS e ON c.failure = e.failure
    GROUP BY w.number
)
SELECT c.number, round(least(98e-2, greatest(1e-3, c.failed / (c.weight + coalesce(s.weight, 0)))), 6) AS p
FROM caused AS c
LEFT JOIN scan_spared AS s ON c.number = s.number
