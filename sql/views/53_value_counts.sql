-- One row a value that many sign-ins share, be it a changed policy, and a quarter of an hour: how many bear it.
-- columns: slot_counts
-- kind: as in slot_counts, or policy
SELECT kind, "value", slot, attempts, successes, weight FROM slot_counts
UNION ALL
SELECT kind, "value", slot, attempts, successes, weight FROM policy_counts
