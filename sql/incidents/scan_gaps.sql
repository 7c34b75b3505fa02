-- What the successes of a value speak against a stretch, in thousandths and for each of the five chances of scan_offers: of
-- each slot in which it fails those of the slot itself (own), and those since the slot in which it failed before (gap);
-- own_weight and gap_weight are what they weigh.
WITH marked AS (
    SELECT kind, "value", slot, 0 AS weight, 1 AS fails FROM scan_values GROUP BY kind, "value", slot
    UNION ALL
    SELECT kind, "value", slot, weight, 0 FROM scan_successes
),
ahead AS (
    SELECT
        kind, "value", slot, weight,
        min(CASE WHEN fails = 1 THEN slot END) OVER (
            PARTITION BY kind, "value" ORDER BY slot, fails ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS failing_slot
    FROM marked
)
SELECT
    kind, "value", failing_slot AS slot,
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
FROM ahead
WHERE failing_slot IS NOT NULL
GROUP BY kind, "value", failing_slot
