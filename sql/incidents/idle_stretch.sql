-- The chosen stretch that explains least beyond what the others explain, if that is less than its price.
WITH missed AS (
    SELECT w.number, sum(f.weight / 1e3 * ln(e.chance / greatest(e.g, 1e0 - (1e0 - e.chance) / (1e0 - w.p)))) AS loss
    FROM scan_windows AS w
    INNER JOIN scan_covers AS c ON w.number = c.number
    INNER JOIN scan_failures AS f ON c.failure = f.failure
    INNER JOIN scan_explained AS e ON c.failure = e.failure
    GROUP BY w.number
),
spent AS (
    SELECT w.number, s.weight / 1e3 * ln(1e0 - w.p) AS cost
    FROM scan_windows AS w
    INNER JOIN scan_spared AS s ON w.number = s.number
)
SELECT w.number, round(coalesce(m.loss, 0e0) + coalesce(s.cost, 0e0) - w.price, 3) AS score
FROM scan_windows AS w
LEFT JOIN missed AS m ON w.number = m.number
LEFT JOIN spent AS s ON w.number = s.number
WHERE round(coalesce(m.loss, 0e0) + coalesce(s.cost, 0e0) - w.price, 3) < 0e0
QUALIFY row_number() OVER (ORDER BY round(coalesce(m.loss, 0e0) + coalesce(s.cost, 0e0) - w.price, 3), w.number) = 1
