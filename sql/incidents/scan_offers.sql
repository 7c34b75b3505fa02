-- For each scope that may pay its price the stretch of time that explains most of what is not explained yet; the best of
-- them has place 1. One of a score above 0 does pay.
-- Within a stretch a sign-in of the scope fails with chance p beside whatever else explains it (chance c): a failure is
-- worth ln((c + (1-c)p) / c), a success ln(1-p), and the best stretch is the maximum subarray of these over the slots.
-- Five chances are tried side by side: p1 is .05, p2 .15, p3 .35, p4 .7 and p5 .97.
WITH failed AS (
    SELECT v.scope, v.slot, e.chance, sum(v.weight) AS weight
    FROM scan_hopes AS h
    INNER JOIN scan_values AS v ON h.scope = v.scope
    INNER JOIN scan_explained AS e ON v.failure = e.failure
    WHERE h.hope > 0e0
    GROUP BY v.scope, v.slot, e.chance
),
weighed AS (
    SELECT g.*, f.chance, f.weight
    FROM failed AS f
    INNER JOIN scan_gaps AS g ON f.scope = g.scope AND f.slot = g.slot
),
-- A stretch begins and ends with a failure, so only slots that have one are looked at. Whole thousandths: a sum that no
-- order of adding changes.
slotted AS (
    SELECT
        f.scope, f.slot,
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
    GROUP BY f.scope, f.slot
),
summed AS (
    SELECT
        scope, slot, gain1, gain2, gain3, gain4, gain5,
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
        l.scope, l.slot,
        round((before1 + gain1 - lowest1) / 1e3 - h.price, 3) AS score1, lowest1,
        round((before2 + gain2 - lowest2) / 1e3 - h.price, 3) AS score2, lowest2,
        round((before3 + gain3 - lowest3) / 1e3 - h.price, 3) AS score3, lowest3,
        round((before4 + gain4 - lowest4) / 1e3 - h.price, 3) AS score4, lowest4,
        round((before5 + gain5 - lowest5) / 1e3 - h.price, 3) AS score5, lowest5
    FROM lowest AS l
    INNER JOIN scan_hopes AS h ON l.scope = h.scope
),
-- of equal scores the one of the higher chance, then the one that ends first
topped AS (
    SELECT *, greatest(score1, score2, score3, score4, score5) AS score FROM scored
),
fitted AS (
    SELECT
        scope, slot, score,
        CASE score WHEN score5 THEN 5 WHEN score4 THEN 4 WHEN score3 THEN 3 WHEN score2 THEN 2 ELSE 1 END AS fit,
        CASE score WHEN score5 THEN lowest5 WHEN score4 THEN lowest4 WHEN score3 THEN lowest3 WHEN score2 THEN lowest2
            ELSE lowest1 END AS lowest_before
    FROM topped
),
best AS (
    SELECT scope, slot AS to_slot, score, fit, lowest_before
    FROM fitted
    QUALIFY row_number() OVER (PARTITION BY scope ORDER BY score DESC, fit DESC, slot) = 1
)
SELECT
    row_number() OVER (ORDER BY b.score DESC, b.scope) AS place,
    b.scope, b.score, max(l.slot) AS from_slot, b.to_slot,
    CASE b.fit WHEN 5 THEN 97e-2 WHEN 4 THEN 7e-1 WHEN 3 THEN 35e-2 WHEN 2 THEN 15e-2 ELSE 5e-2 END AS p,
    h.price,
    -- rounding may have cost it a thousandth a failure, and two of the score
    b.score + (h.failures + 2) / 1e3 AS hope
FROM best AS b
INNER JOIN scan_hopes AS h ON b.scope = h.scope
INNER JOIN summed AS l
    ON b.scope = l.scope AND l.slot <= b.to_slot
    AND b.lowest_before
        = CASE b.fit WHEN 5 THEN l.before5 WHEN 4 THEN l.before4 WHEN 3 THEN l.before3 WHEN 2 THEN l.before2 ELSE l.before1 END
GROUP BY b.scope, b.to_slot, b.fit, b.score, h.price, h.failures
