-- The log-likelihood of all failures and of the successes within the chosen stretches, less the prices of these.
WITH failed AS (
    SELECT sum(f.weight / 1e3 * ln(e.chance)) AS worth
    FROM scan_failures AS f
    INNER JOIN scan_explained AS e ON f.failure = e.failure
),
succeeded AS (
    SELECT sum(s.weight / 1e3 * ln(1e0 - w.p)) AS worth
    FROM scan_windows AS w
    INNER JOIN scan_spared AS s ON w.number = s.number
),
spent AS (
    SELECT sum(price) AS price FROM scan_windows
)
SELECT round(coalesce(f.worth, 0e0) + coalesce(s.worth, 0e0) - coalesce(p.price, 0e0), 3) AS worth
FROM failed AS f
CROSS JOIN succeeded AS s
CROSS JOIN spent AS p
