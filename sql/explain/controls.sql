-- How often signatures were refused in the incident's scope and beside it, with 95% intervals: Wilson's score interval
-- (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927, pages 209-212, with z = 1.96), which holds for small numbers and for rates
-- at 0 and 1, where the usual one has no width.
WITH counted AS (
    SELECT 1 AS place, 'scope_before' AS control, 'its scope, before' AS told,
        p.failed_before AS refused, p.failed_before + p.succeeded_before AS attempts
    FROM incident_scope_periods AS p
    WHERE p.incident_id = $incident_id
    UNION ALL
    SELECT 2, 'scope_during', 'its scope, from onset to last failure', p.failed_during, p.failed_during + p.succeeded_during
    FROM incident_scope_periods AS p
    WHERE p.incident_id = $incident_id
    UNION ALL
    SELECT 3, 'scope_after', 'its scope, after', 0, p.succeeded_after
    FROM incident_scope_periods AS p
    WHERE p.incident_id = $incident_id
    UNION ALL
    SELECT 4, 'outside', 'outside it: nothing shared', outside_rate * outside_attempts, outside_attempts
    FROM incident_controls
    WHERE incident_id = $incident_id
    UNION ALL
    SELECT 5, 'other_apps', 'same devices, other than top app', other_apps_rate * other_apps_attempts, other_apps_attempts
    FROM incident_controls
    WHERE incident_id = $incident_id
    UNION ALL
    SELECT 6, 'other_devices', 'top app, other devices and users', other_devices_rate * other_devices_attempts,
        other_devices_attempts
    FROM incident_controls
    WHERE incident_id = $incident_id
    UNION ALL
    SELECT 7, 'user_elsewhere', 'same users, other than top device', user_elsewhere_rate * user_elsewhere_attempts,
        user_elsewhere_attempts
    FROM incident_controls
    WHERE incident_id = $incident_id
    UNION ALL
    SELECT 8, 'other_networks', 'same devices, other than top address', other_networks_rate * other_networks_attempts,
        other_networks_attempts
    FROM incident_controls
    WHERE incident_id = $incident_id
    UNION ALL
    SELECT 9, 'other_builds', 'top platform, other than top client', other_builds_rate * other_builds_attempts,
        other_builds_attempts
    FROM incident_controls
    WHERE incident_id = $incident_id
    UNION ALL
    SELECT 10, 'other_platforms', 'other than top platform', other_platforms_rate * other_platforms_attempts,
        other_platforms_attempts
    FROM incident_controls
    WHERE incident_id = $incident_id
    UNION ALL
    SELECT 11, 'other_domains', 'other than top domain', other_domains_rate * other_domains_attempts, other_domains_attempts
    FROM incident_controls
    WHERE incident_id = $incident_id
),
whole AS (
    SELECT
        place, control, told, CAST(round(coalesce(refused, 0)) AS BIGINT) AS refused, attempts,
        round(coalesce(refused, 0)) / nullif(attempts, 0) AS rate
    FROM counted
),
bounded AS (
    SELECT
        *,
        (rate + 3.8416e0 / (2 * attempts)) / (1 + 3.8416e0 / attempts) AS middle,
        1.96e0 * sqrt(rate * (1 - rate) / attempts + 3.8416e0 / (4e0 * attempts * attempts)) / (1 + 3.8416e0 / attempts)
            AS reach
    FROM whole
    WHERE attempts > 0
    UNION ALL
    SELECT *, CAST(NULL AS DOUBLE) AS middle, CAST(NULL AS DOUBLE) AS reach FROM whole WHERE attempts = 0
)
SELECT
    control, told, refused, attempts, rate,
    CASE WHEN attempts > 0 THEN greatest(0e0, middle - reach) END AS low,
    CASE WHEN attempts > 0 THEN least(1e0, middle + reach) END AS high
FROM bounded
ORDER BY place
