-- The chosen stretches that would explain more over another time, given what the others explain: they were chosen when
-- others were not yet. Of those that meet in time only the one that gains most.
-- Without its stretch a failure has the chance 1 - (1-c) / (1-p) still, c being the chance with it; what a stretch is worth
-- is counted as for the offers.
WITH failed AS (
    SELECT
        w.number, w.p, v.slot, sum(v.weight) AS weight,
        CASE WHEN v.slot >= w.from_slot AND v.slot <= w.to_slot
            THEN round(greatest(e.g, 1e0 - (1e0 - e.chance) / (1e0 - w.p)), 6) ELSE e.chance END AS chance
    FROM scan_windows AS w
    INNER JOIN scan_values AS v ON w.kind = v.kind AND w."value" = v."value"
    INNER JOIN scan_explained AS e ON v.failure = e.failure
    GROUP BY w.number, w.p, v.slot, CASE WHEN v.slot >= w.from_slot AND v.slot <= w.to_slot
        THEN round(greatest(e.g, 1e0 - (1e0 - e.chance) / (1e0 - w.p)), 6) ELSE e.chance END
),
-- a stretch begins and ends with a failure
span AS (
    SELECT number, min(slot) AS first_slot, max(slot) AS last_slot FROM failed GROUP BY number
),
worth AS (
    SELECT number, slot, CAST(floor(weight * ln((chance + (1e0 - chance) * p) / chance)) AS BIGINT) AS gain
    FROM failed
    UNION ALL
    SELECT w.number, s.slot, CAST(floor(s.weight * ln(1e0 - w.p)) AS BIGINT) AS gain
    FROM scan_windows AS w
    INNER JOIN span AS a ON w.number = a.number
    INNER JOIN scan_successes AS s
        ON w.kind = s.kind AND w."value" = s."value" AND s.slot >= a.first_slot AND s.slot <= a.last_slot
),
slotted AS (
    -- whole thousandths: a sum that no order of adding changes
    SELECT number, slot, CAST(sum(gain) AS BIGINT) AS gain FROM worth GROUP BY number, slot
),
present AS (
    SELECT w.number, w.from_slot, w.to_slot, sum(s.gain) AS gain
    FROM scan_windows AS w
    INNER JOIN slotted AS s ON w.number = s.number AND s.slot >= w.from_slot AND s.slot <= w.to_slot
    GROUP BY w.number, w.from_slot, w.to_slot
),
summed AS (
    SELECT number, slot, gain, sum(gain) OVER (
        PARTITION BY number ORDER BY slot ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) - gain AS before
    FROM slotted
),
lowest AS (
    SELECT number, slot, gain, before, min(before) OVER (
        PARTITION BY number ORDER BY slot ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS lowest_before
    FROM summed
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
