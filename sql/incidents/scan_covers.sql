-- The failures that the chosen stretches cover.
SELECT w.number, v.failure
FROM scan_windows AS w
INNER JOIN scan_values AS v ON w.scope = v.scope AND v.slot >= w.from_slot AND v.slot <= w.to_slot
