-- The values of each failure, of those that three failures share: what a scope may be. Each has a number, scope, which is
-- quicker to sort by than its words.
WITH spread AS (
    SELECT kind, "value", sum(attempts) AS attempts
    FROM slot_counts
    WHERE kind IN ('domain', 'region', 'platform', 'mode', 'tenant') AND slot >= $first_slot AND slot < $last_slot
    GROUP BY kind, "value"
    UNION ALL
    -- the hours that the window cuts, each by itself: so nothing is read where it cuts none
    SELECT kind, "value", count(*) AS attempts
    FROM sign_in_values
    WHERE kind IN ('domain', 'region', 'platform', 'mode', 'tenant') AND seen_at >= $since AND seen_at < $whole_since
    GROUP BY kind, "value"
    UNION ALL
    SELECT kind, "value", count(*) AS attempts
    FROM sign_in_values
    WHERE kind IN ('domain', 'region', 'platform', 'mode', 'tenant') AND seen_at >= $whole_until AND seen_at < $until
    GROUP BY kind, "value"
),
summed AS (
    SELECT kind, "value", sum(attempts) AS attempts, max(sum(attempts)) OVER () AS of_all FROM spread GROUP BY kind, "value"
),
-- where nearly everybody is of one domain, that domain tells no more than the whole tenant does
everywhere AS (
    SELECT kind, "value" FROM summed WHERE kind <> 'tenant' AND attempts > 9e-1 * of_all
)
SELECT f.failure, f.slot, f.weight, v.kind, v."value", dense_rank() OVER (ORDER BY v.kind, v."value") AS scope
FROM sign_in_values AS v
INNER JOIN scan_failures AS f
    ON v.workspace_id = f.workspace_id AND v.source_table = f.source_table AND v.sign_in_id = f.sign_in_id
LEFT JOIN everywhere AS e ON v.kind = e.kind AND v."value" = e."value"
WHERE v.failed AND e.kind IS NULL
QUALIFY count(*) OVER (PARTITION BY v.kind, v."value") >= 3
