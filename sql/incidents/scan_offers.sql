-- For each scope the stretch of time that explains most of what is not explained yet, if it pays its price; the best of
-- them has place 1.
-- Within a stretch a sign-in of the scope fails with chance p beside whatever else explains it (chance c): a failure is
-- worth ln((c + (1-c)p) / c), a success ln(1-p), and the best stretch is the maximum subarray of these over the slots.
WITH chance AS (
    SELECT 5e-2 AS p
    UNION ALL SELECT 15e-2
    UNION ALL SELECT 35e-2
    UNION ALL SELECT 7e-1
    UNION ALL SELECT 97e-2
),
failed AS (
    SELECT v.kind, v."value", v.slot, e.chance, sum(v.weight) AS weight, count(*) AS failures
    FROM scan_values AS v
    INNER JOIN scan_explained AS e ON v.failure = e.failure
    GROUP BY v.kind, v."value", v.slot, e.chance
),
-- only values whose failures would pay the price if no success spoke against them
worthy AS (
    SELECT f.kind, f."value", max(r.price) + 15e-1 * ln(1e0 + sum(f.failures)) AS price
    FROM failed AS f
    INNER JOIN scan_prices AS r ON f.kind = r.kind
    GROUP BY f.kind, f."value"
    HAVING sum(f.weight / 1e3 * ln(1e0 / f.chance)) > max(r.price) + 15e-1 * ln(1e0 + sum(f.failures))
),
worth AS (
    SELECT f.kind, f."value", f.slot, c.p, f.weight / 1e3 * ln((f.chance + (1e0 - f.chance) * c.p) / f.chance) AS gain
    FROM failed AS f
    INNER JOIN worthy AS w ON f.kind = w.kind AND f."value" = w."value"
    CROSS JOIN chance AS c
    UNION ALL
    SELECT s.kind, s."value", s.slot, c.p, s.weight / 1e3 * ln(1e0 - c.p) AS gain
    FROM scan_successes AS s
    INNER JOIN worthy AS w ON s.kind = w.kind AND s."value" = w."value"
    CROSS JOIN chance AS c
),
slotted AS (
    -- whole thousandths: a sum that no order of adding changes
    SELECT kind, "value", p, slot, sum(CAST(floor(1e3 * gain) AS BIGINT)) AS gain
    FROM worth
    GROUP BY kind, "value", p, slot
),
summed AS (
    SELECT *, sum(gain) OVER (
        PARTITION BY kind, "value", p ORDER BY slot ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) - gain AS before
    FROM slotted
),
lowest AS (
    SELECT *, min(before) OVER (
        PARTITION BY kind, "value", p ORDER BY slot ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS lowest_before
    FROM summed
),
best AS (
    SELECT l.kind, l."value", l.p, l.slot AS to_slot, l.lowest_before, w.price,
        round((l.before + l.gain - l.lowest_before) / 1e3 - w.price, 3) AS score
    FROM lowest AS l
    INNER JOIN worthy AS w ON l.kind = w.kind AND l."value" = w."value"
    QUALIFY row_number() OVER (PARTITION BY l.kind, l."value" ORDER BY score DESC, l.p DESC, l.slot) = 1
)
SELECT
    row_number() OVER (ORDER BY b.score DESC, b.kind, b."value") AS place,
    b.kind, b."value", max(l.slot) AS from_slot, b.to_slot, b.p, b.price
FROM best AS b
INNER JOIN lowest AS l
    ON b.kind = l.kind AND b."value" = l."value" AND b.p = l.p AND l.slot <= b.to_slot AND l.before = b.lowest_before
WHERE b.score > 0e0
GROUP BY b.kind, b."value", b.to_slot, b.p, b.price, b.score
