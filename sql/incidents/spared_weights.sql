-- What the successes within the stretches that were chosen last weigh, in thousandths: whatever their chance, they stay. A
-- stretch begins and ends with a failure.
SELECT w.number, CAST(sum(g.own_weight + CASE WHEN g.slot > w.from_slot THEN g.gap_weight ELSE 0 END) AS BIGINT) AS weight
FROM scan_windows AS w
INNER JOIN scan_gaps AS g ON w.scope = g.scope AND g.slot >= w.from_slot AND g.slot <= w.to_slot
WHERE w.number > $chosen
GROUP BY w.number
