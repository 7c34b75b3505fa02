-- What the successes within the stretches that were chosen last weigh, in thousandths: whatever their chance, they stay.
SELECT w.number, CAST(sum(s.weight) AS BIGINT) AS weight
FROM scan_windows AS w
INNER JOIN scan_successes AS s
    ON w.kind = s.kind AND w."value" = s."value" AND s.slot >= w.from_slot AND s.slot <= w.to_slot
WHERE w.number > $chosen
GROUP BY w.number
