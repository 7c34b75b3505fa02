-- The chosen stretches that would explain more over another time, given what the others explain: they were chosen when
-- others were not yet. Of those that meet in time only the one that gains most.
-- Without its stretch a failure has the chance 1 - (1-c) / (1-p) still, c being the chance with it; what a stretch is worth
-- is counted as for the offers.
WITH failed AS (
    SELECT
        w.number, w.scope, w.p, v.slot, sum(v.weight) AS weight,
        CASE WHEN v.slot >= w.from_slot AND v.slot <= w.to_slot
            THEN round(greatest(e.g, 1e0 - (1e0 - e.chance) / (1e0 - w.p)), 6) ELSE e.chance END AS chance
    FROM scan_windows AS w
    INNER JOIN scan_values AS v ON w.scope = v.scope
    INNER JOIN scan_explained AS e ON v.failure = e.failure
    GROUP BY w.number, w.scope, w.p, v.slot, CASE WHEN v.slot >= w.from_slot AND v.slot <= w.to_slot
        THEN round(greatest(e.g, 1e0 - (1e0 - e.chance) / (1e0 - w.p)), 6) ELSE e.chance END
),
-- A stretch begins and ends with a failure, so only slots that have one are looked at. Whole thousandths: a sum that no
-- order of adding changes.
slotted AS (
    SELECT
        f.number, f.slot,
        CAST(sum(floor(f.weight * ln((f.chance + (1e0 - f.chance) * f.p) / f.chance))) AS BIGINT)
            + CAST(floor(max(g.own_weight) * ln(1e0 - max(f.p))) AS BIGINT) AS gain,
        CAST(floor(max(g.gap_weight) * ln(1e0 - max(f.p))) AS BIGINT) AS gap
    FROM failed AS f
    INNER JOIN scan_gaps AS g ON f.scope = g.scope AND f.slot = g.slot
    GROUP BY f.number, f.slot
),
summed AS (
    SELECT number, slot, gain, CAST(sum(gain + gap) OVER (
        PARTITION BY number ORDER BY slot ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS BIGINT) - gain AS before
    FROM slotted
),
lowest AS (
    SELECT number, slot, gain, before, min(before) OVER (
        PARTITION BY number ORDER BY slot ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS lowest_before
    FROM summed
),
present AS (
    SELECT w.number, w.from_slot, w.to_slot, l.before + l.gain - f.before AS gain
    FROM scan_windows AS w
    INNER JOIN summed AS f ON w.number = f.number AND w.from_slot = f.slot
    INNER JOIN summed AS l ON w.number = l.number AND w.to_slot = l.slot
),
best AS (
    SELECT number, slot AS to_slot, lowest_before, before + gain - lowest_before AS gain
    FROM lowest
    QUALIFY row_number() OVER (PARTITION BY number ORDER BY before + gain - lowest_before DESC, slot) = 1
),
better AS (
    SELECT
        b.number, max(l.slot) AS from_slot, b.to_slot, b.gain - r.gain AS more,
        least(max(l.slot), r.from_slot) AS first_slot, greatest(b.to_slot, r.to_slot) AS last_slot
    FROM best AS b
    INNER JOIN present AS r ON b.number = r.number
    INNER JOIN lowest AS l ON b.number = l.number AND l.slot <= b.to_slot AND l.before = b.lowest_before
    WHERE b.gain - r.gain > $enough
    GROUP BY b.number, b.to_slot, b.gain, r.gain, r.from_slot, r.to_slot
)
SELECT b.number, b.from_slot, b.to_slot
FROM better AS b
WHERE NOT EXISTS (
    SELECT 1
    FROM better AS o
    WHERE o.first_slot <= b.last_slot AND o.last_slot >= b.first_slot
        AND (o.more > b.more OR (o.more = b.more AND o.number < b.number))
)
