-- One row an incident: how often sign-ins beside it were refused between its first and its last failure.
-- stored: yes
-- A rate is empty where nobody signed in. Failures that another incident explains are left out on both sides of it.
-- incident_id: the incident
-- outside_attempts: sign-ins that share no device, application, user, address or client with the incident
-- outside_rate: the share of them refused
-- other_apps_attempts: sign-ins of the incident's devices to other applications than its commonest
-- other_apps_rate: the share of them refused
-- other_devices_attempts: sign-ins to its commonest application from devices and users outside the incident
-- other_devices_rate: the share of them refused
-- user_elsewhere_attempts: sign-ins of its users on other devices than its commonest
-- user_elsewhere_rate: the share of them refused
-- other_networks_attempts: sign-ins of its devices from other addresses than its commonest
-- other_networks_rate: the share of them refused
-- other_builds_attempts: sign-ins of its commonest platform with other builds than its own
-- other_builds_rate: the share of them refused
-- other_platforms_attempts: sign-ins of other platforms than its commonest
-- other_platforms_rate: the share of them refused
-- other_domains_attempts: sign-ins of users of other domains than its commonest
-- other_domains_rate: the share of them refused
-- usual_network_share: share of all sign-ins then that came from its commonest network
-- usual_domain_share: share of all sign-ins then of its commonest domain
-- usual_platform_share: share of all sign-ins then of its commonest platform
-- usual_build_share: share of that platform's sign-ins then with its build
-- usual_address_share: share of all sign-ins then that came from its commonest address
WITH attempt AS (
    SELECT
        i.incident_id,
        s.result_code = '50099' AS failed,
        f.incident_id IS NOT NULL AS inside,
        s.device_id IS NOT DISTINCT FROM i.top_device AS on_top_device,
        s.app_id IS NOT DISTINCT FROM i.top_app AS to_top_app,
        i.top_build IN (s.client, s.browser, s.user_agent, s.os) AS with_top_build,
        s.ip IS NOT DISTINCT FROM i.top_ip AS from_top_ip,
        i.top_network IN (s.network, s.subnet, concat('AS', s.asn)) AS from_top_network,
        s.platform IS NOT DISTINCT FROM i.top_platform AS on_top_platform,
        s.domain IS NOT DISTINCT FROM i.top_domain AS in_top_domain,
        d."value" IS NOT NULL AS of_devices,
        u."value" IS NOT NULL AS of_users
    FROM incident_facts AS i
    INNER JOIN known_sign_ins AS s ON s.seen_at >= i.first_seen_at AND s.seen_at <= i.last_seen_at
    LEFT JOIN incident_failures AS f
        ON s.workspace_id = f.workspace_id AND s.source_table = f.source_table AND s.sign_in_id = f.sign_in_id
    LEFT JOIN incident_values AS d ON i.incident_id = d.incident_id AND d.kind = 'device' AND s.device_id = d."value"
    LEFT JOIN incident_values AS u
        ON i.incident_id = u.incident_id AND u.kind = 'user' AND coalesce(s."user", s.user_id) = u."value"
    WHERE s.result_code IN ('0', '50099') AND (f.incident_id IS NULL OR f.incident_id = i.incident_id)
),
compared AS (
    SELECT
        incident_id, failed,
        NOT (inside OR of_devices OR of_users OR to_top_app OR from_top_ip OR coalesce(with_top_build, false)) AS outside,
        of_devices AND NOT to_top_app AS other_apps,
        to_top_app AND NOT of_devices AND NOT of_users AS other_devices,
        of_users AND NOT on_top_device AS user_elsewhere,
        of_devices AND NOT from_top_ip AS other_networks,
        on_top_platform AND NOT coalesce(with_top_build, false) AS other_builds,
        NOT on_top_platform AS other_platforms,
        NOT in_top_domain AS other_domains,
        coalesce(from_top_network, false) AS from_top_network,
        from_top_ip,
        on_top_platform AND coalesce(with_top_build, false) AS with_top_build,
        in_top_domain,
        on_top_platform
    FROM attempt
),
counted AS (
    SELECT
        incident_id,
        count(*) AS attempts,
        count(*) FILTER (WHERE outside) AS outside_attempts,
        count(*) FILTER (WHERE outside AND failed) AS outside_failed,
        count(*) FILTER (WHERE other_apps) AS other_apps_attempts,
        count(*) FILTER (WHERE other_apps AND failed) AS other_apps_failed,
        count(*) FILTER (WHERE other_devices) AS other_devices_attempts,
        count(*) FILTER (WHERE other_devices AND failed) AS other_devices_failed,
        count(*) FILTER (WHERE user_elsewhere) AS user_elsewhere_attempts,
        count(*) FILTER (WHERE user_elsewhere AND failed) AS user_elsewhere_failed,
        count(*) FILTER (WHERE other_networks) AS other_networks_attempts,
        count(*) FILTER (WHERE other_networks AND failed) AS other_networks_failed,
        count(*) FILTER (WHERE other_builds) AS other_builds_attempts,
        count(*) FILTER (WHERE other_builds AND failed) AS other_builds_failed,
        count(*) FILTER (WHERE other_platforms) AS other_platforms_attempts,
        count(*) FILTER (WHERE other_platforms AND failed) AS other_platforms_failed,
        count(*) FILTER (WHERE other_domains) AS other_domains_attempts,
        count(*) FILTER (WHERE other_domains AND failed) AS other_domains_failed,
        count(*) FILTER (WHERE from_top_network) AS from_top_network,
        count(*) FILTER (WHERE from_top_ip) AS from_top_ip,
        count(*) FILTER (WHERE with_top_build) AS with_top_build,
        count(*) FILTER (WHERE in_top_domain) AS in_top_domain,
        count(*) FILTER (WHERE on_top_platform) AS on_top_platform
    FROM compared
    GROUP BY incident_id
)
SELECT
    incident_id,
    outside_attempts, outside_failed / nullif(outside_attempts, 0) AS outside_rate,
    other_apps_attempts, other_apps_failed / nullif(other_apps_attempts, 0) AS other_apps_rate,
    other_devices_attempts, other_devices_failed / nullif(other_devices_attempts, 0) AS other_devices_rate,
    user_elsewhere_attempts, user_elsewhere_failed / nullif(user_elsewhere_attempts, 0) AS user_elsewhere_rate,
    other_networks_attempts, other_networks_failed / nullif(other_networks_attempts, 0) AS other_networks_rate,
    other_builds_attempts, other_builds_failed / nullif(other_builds_attempts, 0) AS other_builds_rate,
    other_platforms_attempts, other_platforms_failed / nullif(other_platforms_attempts, 0) AS other_platforms_rate,
    other_domains_attempts, other_domains_failed / nullif(other_domains_attempts, 0) AS other_domains_rate,
    from_top_network / nullif(attempts, 0) AS usual_network_share,
    in_top_domain / nullif(attempts, 0) AS usual_domain_share,
    on_top_platform / nullif(attempts, 0) AS usual_platform_share,
    with_top_build / nullif(on_top_platform, 0) AS usual_build_share,
    from_top_ip / nullif(attempts, 0) AS usual_address_share
FROM counted
