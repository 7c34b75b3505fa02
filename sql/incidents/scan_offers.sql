-- For each scope the stretch of time that explains most of what is not explained yet, if it pays its price; the best of
-- them has place 1.
-- Within a stretch a sign-in of the scope fails with chance p beside whatever else explains it (chance c): a failure is
-- worth ln((c + (1-c)p) / c), a success ln(1-p), and the best stretch is the maximum subarray of these over the slots.
-- Five chances are tried side by side: p1 is .05, p2 .15, p3 .35, p4 .7 and p5 .97.
WITH failed AS (
    SELECT v.scope, v.slot, e.chance, sum(v.weight) AS weight, count(*) AS failures
    FROM scan_values AS v
    INNER JOIN scan_explained AS e ON v.failure = e.failure
    GROUP BY v.scope, v.slot, e.chance
),
weighed AS (
    SELECT g.*, f.chance, f.weight, f.failures
    FROM failed AS f
    INNER JOIN scan_gaps AS g ON f.scope = g.scope AND f.slot = g.slot
),
-- only values whose failures would pay the price if no success spoke against them
worthy AS (
    SELECT scope, max(price) + 15e-1 * ln(1e0 + sum(failures)) AS price
    FROM weighed
    GROUP BY scope
    HAVING sum(weight / 1e3 * ln(1e0 / chance)) > max(price) + 15e-1 * ln(1e0 + sum(failures))
),
-- A stretch begins and ends with a failure, so only slots that have one are looked at. Whole thousandths: a sum that no
-- order of adding changes.
slotted AS (
    SELECT
        f.scope, f.slot, max(w.price) AS price,
        CAST(sum(floor(1e3 * (f.weight / 1e3 * ln((f.chance + (1e0 - f.chance) * 5e-2) / f.chance)))) AS BIGINT) + max(f.own1) AS gain1,
        CAST(sum(floor(1e3 * (f.weight / 1e3 * ln((f.chance + (1e0 - f.chance) * 15e-2) / f.chance)))) AS BIGINT) + max(f.own2) AS gain2,
        CAST(sum(floor(1e3 * (f.weight / 1e3 * ln((f.chance + (1e0 - f.chance) * 35e-2) / f.chance)))) AS BIGINT) + max(f.own3) AS gain3,
        CAST(sum(floor(1e3 * (f.weight / 1e3 * ln((f.chance + (1e0 - f.chance) * 7e-1) / f.chance)))) AS BIGINT) + max(f.own4) AS gain4,
        CAST(sum(floor(1e3 * (f.weight / 1e3 * ln((f.chance + (1e0 - f.chance) * 97e-2) / f.chance)))) AS BIGINT) + max(f.own5) AS gain5,
        max(f.gap1) AS gap1,
        max(f.gap2) AS gap2,
        max(f.gap3) AS gap3,
        max(f.gap4) AS gap4,
        max(f.gap5) AS gap5
    FROM weighed AS f
    INNER JOIN worthy AS w ON f.scope = w.scope
    GROUP BY f.scope, f.slot
),
summed AS (
    SELECT
        scope, slot, price, gain1, gain2, gain3, gain4, gain5,
        CAST(sum(gain1 + gap1) OVER so_far AS BIGINT) - gain1 AS before1,
        CAST(sum(gain2 + gap2) OVER so_far AS BIGINT) - gain2 AS before2,
        CAST(sum(gain3 + gap3) OVER so_far AS BIGINT) - gain3 AS before3,
        CAST(sum(gain4 + gap4) OVER so_far AS BIGINT) - gain4 AS before4,
        CAST(sum(gain5 + gap5) OVER so_far AS BIGINT) - gain5 AS before5
    FROM slotted
    WINDOW so_far AS (PARTITION BY scope ORDER BY slot ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
lowest AS (
    SELECT
        *,
        min(before1) OVER so_far AS lowest1,
        min(before2) OVER so_far AS lowest2,
        min(before3) OVER so_far AS lowest3,
        min(before4) OVER so_far AS lowest4,
        min(before5) OVER so_far AS lowest5
    FROM summed
    WINDOW so_far AS (PARTITION BY scope ORDER BY slot ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
scored AS (
    SELECT
        scope, slot, price,
        round((before1 + gain1 - lowest1) / 1e3 - price, 3) AS score1, lowest1,
        round((before2 + gain2 - lowest2) / 1e3 - price, 3) AS score2, lowest2,
        round((before3 + gain3 - lowest3) / 1e3 - price, 3) AS score3, lowest3,
        round((before4 + gain4 - lowest4) / 1e3 - price, 3) AS score4, lowest4,
        round((before5 + gain5 - lowest5) / 1e3 - price, 3) AS score5, lowest5
    FROM lowest
),
-- of equal scores the one of the higher chance, then the one that ends first
topped AS (
    SELECT *, greatest(score1, score2, score3, score4, score5) AS score FROM scored
),
fitted AS (
    SELECT
        scope, slot, price, score,
        CASE score WHEN score5 THEN 5 WHEN score4 THEN 4 WHEN score3 THEN 3 WHEN score2 THEN 2 ELSE 1 END AS fit,
        CASE score WHEN score5 THEN lowest5 WHEN score4 THEN lowest4 WHEN score3 THEN lowest3 WHEN score2 THEN lowest2
            ELSE lowest1 END AS lowest_before
    FROM topped
    WHERE score > 0e0
),
best AS (
    SELECT scope, slot AS to_slot, price, score, fit, lowest_before
    FROM fitted
    QUALIFY row_number() OVER (PARTITION BY scope ORDER BY score DESC, fit DESC, slot) = 1
)
SELECT
    row_number() OVER (ORDER BY b.score DESC, g.kind, g."value") AS place,
    g.kind, g."value", max(l.slot) AS from_slot, b.to_slot,
    CASE b.fit WHEN 5 THEN 97e-2 WHEN 4 THEN 7e-1 WHEN 3 THEN 35e-2 WHEN 2 THEN 15e-2 ELSE 5e-2 END AS p,
    b.price
FROM best AS b
INNER JOIN summed AS l
    ON b.scope = l.scope AND l.slot <= b.to_slot
    AND b.lowest_before
        = CASE b.fit WHEN 5 THEN l.before5 WHEN 4 THEN l.before4 WHEN 3 THEN l.before3 WHEN 2 THEN l.before2 ELSE l.before1 END
INNER JOIN scan_gaps AS g ON b.scope = g.scope AND b.to_slot = g.slot
GROUP BY g.kind, g."value", b.to_slot, b.fit, b.price, b.score
