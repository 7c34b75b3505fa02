-- The chosen stretches that may be given up: most of their failures another explains better, or nearly all of them are of
-- the scope of another of these days, which may just have been cut too short. The smallest first.
WITH owned AS (
    SELECT c.number, row_number() OVER (PARTITION BY c.failure ORDER BY w.p DESC, c.number) = 1 AS best
    FROM scan_covers AS c
    INNER JOIN scan_windows AS w ON c.number = w.number
),
sized AS (
    SELECT number, count(*) AS failures, count(*) FILTER (WHERE best) AS best FROM owned GROUP BY number
),
within_other AS (
    SELECT c.number
    FROM scan_covers AS c
    INNER JOIN scan_windows AS w ON c.number = w.number
    INNER JOIN sized AS s ON c.number = s.number
    INNER JOIN scan_values AS v ON c.failure = v.failure
    INNER JOIN scan_windows AS o
        ON v.scope = o.scope AND o.number <> w.number
        AND o.from_slot <= w.to_slot + 96 AND o.to_slot >= w.from_slot - 96
    GROUP BY c.number, o.number
    HAVING count(*) >= 9e-1 * max(s.failures)
)
SELECT s.number, s.best < 5e-1 * s.failures AS overshadowed, w.kind, w."value", w.from_slot, w.to_slot
FROM sized AS s
INNER JOIN scan_windows AS w ON s.number = w.number
WHERE s.best < 5e-1 * s.failures OR s.number IN (SELECT number FROM within_other)
ORDER BY s.best, s.number
