-- What the successes of a value weigh, in thousandths: of each slot in which it fails those of the slot itself (own_weight),
-- and those since the slot in which it failed before (gap_weight). price is what the scope must explain at least: as its kind
-- does, a device with a sign of a fault of its own less.
WITH marked AS (
    SELECT scope, slot, 0 AS weight, true AS fails FROM scan_values GROUP BY scope, slot
    UNION ALL
    SELECT scope, slot, weight, false FROM scan_successes
),
ahead AS (
    SELECT
        scope, slot, weight,
        min(CASE WHEN fails THEN slot END) OVER (
            PARTITION BY scope ORDER BY slot, CASE WHEN fails THEN 1 ELSE 0 END
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS failing_slot
    FROM marked
),
priced AS (
    SELECT DISTINCT v.scope, least(r.price, coalesce(n.price, r.price)) AS price
    FROM scan_values AS v
    INNER JOIN scan_prices AS r ON v.kind = r.kind
    LEFT JOIN scan_signs AS n ON v.kind = 'device' AND v."value" = n.device_id
)
SELECT
    a.scope, a.failing_slot AS slot, max(r.price) AS price,
    CAST(sum(CASE WHEN a.slot = a.failing_slot THEN a.weight ELSE 0 END) AS BIGINT) AS own_weight,
    CAST(sum(CASE WHEN a.slot < a.failing_slot THEN a.weight ELSE 0 END) AS BIGINT) AS gap_weight
FROM ahead AS a
INNER JOIN priced AS r ON a.scope = r.scope
WHERE a.failing_slot IS NOT NULL
GROUP BY a.scope, a.failing_slot
