-- What the successes of a value speak against a stretch, in thousandths and for each of the five chances of scan_offers: of
-- each slot in which it fails those of the slot itself (own), and those since the slot in which it failed before (gap);
-- own_weight and gap_weight are what they weigh. price is what a scope of the kind must explain at least.
WITH marked AS (
    SELECT kind, "value", slot, 0 AS weight, max(scope) AS scope FROM scan_values GROUP BY kind, "value", slot
    UNION ALL
    SELECT kind, "value", slot, weight, NULL FROM scan_successes
),
ahead AS (
    SELECT
        kind, "value", slot, weight, scope,
        min(CASE WHEN scope IS NOT NULL THEN slot END) OVER (
            PARTITION BY kind, "value" ORDER BY slot, CASE WHEN scope IS NULL THEN 0 ELSE 1 END
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS failing_slot
    FROM marked
)
SELECT
    a.kind, a."value", a.failing_slot AS slot, max(a.scope) AS scope, max(r.price) AS price,
    CAST(sum(CASE WHEN slot = failing_slot THEN weight ELSE 0 END) AS BIGINT) AS own_weight,
    CAST(sum(CASE WHEN slot < failing_slot THEN weight ELSE 0 END) AS BIGINT) AS gap_weight,
    CAST(sum(CASE WHEN slot = failing_slot THEN floor(1e3 * (weight / 1e3 * ln(1e0 - 5e-2))) ELSE 0e0 END) AS BIGINT) AS own1,
    CAST(sum(CASE WHEN slot = failing_slot THEN floor(1e3 * (weight / 1e3 * ln(1e0 - 15e-2))) ELSE 0e0 END) AS BIGINT) AS own2,
    CAST(sum(CASE WHEN slot = failing_slot THEN floor(1e3 * (weight / 1e3 * ln(1e0 - 35e-2))) ELSE 0e0 END) AS BIGINT) AS own3,
    CAST(sum(CASE WHEN slot = failing_slot THEN floor(1e3 * (weight / 1e3 * ln(1e0 - 7e-1))) ELSE 0e0 END) AS BIGINT) AS own4,
    CAST(sum(CASE WHEN slot = failing_slot THEN floor(1e3 * (weight / 1e3 * ln(1e0 - 97e-2))) ELSE 0e0 END) AS BIGINT) AS own5,
    CAST(sum(CASE WHEN slot < failing_slot THEN floor(1e3 * (weight / 1e3 * ln(1e0 - 5e-2))) ELSE 0e0 END) AS BIGINT) AS gap1,
    CAST(sum(CASE WHEN slot < failing_slot THEN floor(1e3 * (weight / 1e3 * ln(1e0 - 15e-2))) ELSE 0e0 END) AS BIGINT) AS gap2,
    CAST(sum(CASE WHEN slot < failing_slot THEN floor(1e3 * (weight / 1e3 * ln(1e0 - 35e-2))) ELSE 0e0 END) AS BIGINT) AS gap3,
    CAST(sum(CASE WHEN slot < failing_slot THEN floor(1e3 * (weight / 1e3 * ln(1e0 - 7e-1))) ELSE 0e0 END) AS BIGINT) AS gap4,
    CAST(sum(CASE WHEN slot < failing_slot THEN floor(1e3 * (weight / 1e3 * ln(1e0 - 97e-2))) ELSE 0e0 END) AS BIGINT) AS gap5
FROM ahead AS a
INNER JOIN scan_prices AS r ON a.kind = r.kind
WHERE a.failing_slot IS NOT NULL
GROUP BY a.kind, a."value", a.failing_slot
