-- How often signatures were refused in the scope of each incident, before and during it, and beside it meanwhile.
SELECT
    p.incident_id,
    p.failed_before, p.failed_before + p.succeeded_before AS attempts_before, p.rate_before,
    p.failed_during, p.failed_during + p.succeeded_during AS attempts_during, p.rate_during,
    p.succeeded_after,
    c.outside_attempts, c.outside_rate, c.other_apps_attempts, c.other_apps_rate, c.other_devices_attempts,
    c.other_devices_rate, c.user_elsewhere_attempts, c.user_elsewhere_rate, c.other_networks_attempts,
    c.other_networks_rate, c.other_builds_attempts, c.other_builds_rate, c.other_platforms_attempts,
    c.other_platforms_rate, c.other_domains_attempts, c.other_domains_rate
FROM incident_scope_periods AS p
LEFT JOIN incident_controls AS c ON p.incident_id = c.incident_id
