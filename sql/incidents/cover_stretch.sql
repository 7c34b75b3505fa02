-- The failures that a chosen stretch covers.
SELECT w.number, v.failure
FROM scan_windows AS w
INNER JOIN scan_values AS v
    ON w.kind = v.kind AND w."value" = v."value" AND v.slot >= w.from_slot AND v.slot <= w.to_slot
WHERE w.number = $number
