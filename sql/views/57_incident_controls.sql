-- One row an incident: how often sign-ins beside it were refused between its first and its last failure.
-- stored: yes
-- A rate is empty where nobody signed in. Failures that another incident explains are left out on both sides of it.
-- incident_id: the incident
-- outside_attempts: sign-ins that share no device, application, user, address or client with the incident
-- outside_rate: the share of them refused
-- other_apps_attempts: sign-ins of the incident's devices to other applications than its commonest
-- other_apps_rate: the share of them refused
-- own_app_rate: the share of all sign-ins to its commonest application that were refused
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
WITH compared AS (
    SELECT
        *,
        date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', first_seen_at)) // 900 AS first_slot,
        date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', last_seen_at)) // 900 AS last_slot
    FROM incident_facts
),
-- one relation with the times in it: what is joined to all sign-ins is to be joined by its value, not by its times
owner AS (
    SELECT DISTINCT
        v.incident_id, v.kind, v."value", i.first_seen_at, i.last_seen_at, i.top_device, i.top_app, i.top_ip, i.top_build
    FROM incident_values AS v
    INNER JOIN incident_facts AS i ON v.incident_id = i.incident_id
    WHERE v.kind IN ('device', 'user')
),
-- failures are few: each is held beside each incident that does not leave it to another
failed AS (
    SELECT
        i.incident_id,
        f.incident_id IS NOT NULL AS inside,
        f.device_id IS NOT DISTINCT FROM i.top_device AS on_top_device,
        f.app_id IS NOT DISTINCT FROM i.top_app AS to_top_app,
        coalesce(i.top_build IN (f.client, f.browser, f.user_agent, f.os), false) AS with_top_build,
        f.ip IS NOT DISTINCT FROM i.top_ip AS from_top_ip,
        coalesce(i.top_network IN (f.network, f.subnet, concat('AS', f.asn)), false) AS from_top_network,
        f.platform IS NOT DISTINCT FROM i.top_platform AS on_top_platform,
        f.domain IS NOT DISTINCT FROM i.top_domain AS in_top_domain,
        d."value" IS NOT NULL AS of_devices,
        u."value" IS NOT NULL AS of_users
    FROM compared AS i
    INNER JOIN failures AS f
        ON f.seen_at >= i.first_seen_at AND f.seen_at <= i.last_seen_at
        AND (f.incident_id IS NULL OR f.incident_id = i.incident_id)
    LEFT JOIN owner AS d ON i.incident_id = d.incident_id AND d.kind = 'device' AND f.device_id = d."value"
    LEFT JOIN owner AS u ON i.incident_id = u.incident_id AND u.kind = 'user' AND coalesce(f."user", f.user_id) = u."value"
    WHERE f.seen_at < (SELECT until FROM horizon)
),
of_failures AS (
    SELECT
        incident_id,
        count(*) AS attempts,
        count(*) FILTER (
            WHERE NOT (inside OR of_devices OR of_users OR to_top_app OR from_top_ip OR with_top_build)
        ) AS outside,
        count(*) FILTER (WHERE of_devices AND NOT to_top_app) AS other_apps,
        count(*) FILTER (WHERE to_top_app) AS to_top_app,
        count(*) FILTER (WHERE to_top_app AND NOT of_devices AND NOT of_users) AS other_devices,
        count(*) FILTER (WHERE of_users AND NOT on_top_device) AS user_elsewhere,
        count(*) FILTER (WHERE of_devices AND NOT from_top_ip) AS other_networks,
        count(*) FILTER (WHERE on_top_platform AND NOT with_top_build) AS other_builds,
        count(*) FILTER (WHERE NOT on_top_platform) AS other_platforms,
        count(*) FILTER (WHERE NOT in_top_domain) AS other_domains,
        count(*) FILTER (WHERE from_top_network) AS from_top_network,
        count(*) FILTER (WHERE from_top_ip) AS from_top_ip,
        count(*) FILTER (WHERE on_top_platform AND with_top_build) AS with_top_build,
        count(*) FILTER (WHERE in_top_domain) AS in_top_domain,
        count(*) FILTER (WHERE on_top_platform) AS on_top_platform
    FROM failed
    GROUP BY incident_id
),
-- Of the successes those are looked at that share a device, a user or an address with the incident, each once; those that
-- share the application are counted beside them. What is left of all that were counted is outside.
touched AS (
    SELECT
        i.incident_id, true AS of_devices, u."value" IS NOT NULL AS of_users,
        s.device_id IS NOT DISTINCT FROM i.top_device AS on_top_device,
        s.app_id IS NOT DISTINCT FROM i.top_app AS to_top_app,
        coalesce(i.top_build IN (s.client, s.browser, s.user_agent, s.os), false) AS with_top_build,
        s.ip IS NOT DISTINCT FROM i.top_ip AS from_top_ip,
    FROM owner AS i
    INNER JOIN touched_sign_ins AS s
        ON s.result_code = '0' AND i.kind = 'device' AND i."value" = s.device_id AND s.seen_at >= i.first_seen_at AND s.seen_at <= i.last_seen_at
    LEFT JOIN owner AS u ON i.incident_id = u.incident_id AND u.kind = 'user' AND coalesce(s."user", s.user_id) = u."value"
    UNION ALL
    SELECT
        i.incident_id, false, true, s.device_id IS NOT DISTINCT FROM i.top_device,
        s.app_id IS NOT DISTINCT FROM i.top_app AS to_top_app,
        coalesce(i.top_build IN (s.client, s.browser, s.user_agent, s.os), false) AS with_top_build,
        s.ip IS NOT DISTINCT FROM i.top_ip AS from_top_ip,
    FROM owner AS i
    INNER JOIN touched_sign_ins AS s
        ON s.result_code = '0' AND i.kind = 'user' AND i."value" = coalesce(s."user", s.user_id) AND s.seen_at >= i.first_seen_at AND s.seen_at <= i.last_seen_at
    LEFT JOIN owner AS d ON i.incident_id = d.incident_id AND d.kind = 'device' AND s.device_id = d."value"
    WHERE d."value" IS NULL
    UNION ALL
    SELECT
        i.incident_id, false, false, false,
        s.app_id IS NOT DISTINCT FROM i.top_app AS to_top_app,
        coalesce(i.top_build IN (s.client, s.browser, s.user_agent, s.os), false) AS with_top_build,
        s.ip IS NOT DISTINCT FROM i.top_ip AS from_top_ip,
    FROM compared AS i
    INNER JOIN touched_sign_ins AS s
        ON s.result_code = '0' AND i.top_ip IS NOT DISTINCT FROM s.ip AND s.seen_at >= i.first_seen_at AND s.seen_at <= i.last_seen_at
    LEFT JOIN owner AS d ON i.incident_id = d.incident_id AND d.kind = 'device' AND s.device_id = d."value"
    LEFT JOIN owner AS u ON i.incident_id = u.incident_id AND u.kind = 'user' AND coalesce(s."user", s.user_id) = u."value"
    WHERE d."value" IS NULL AND u."value" IS NULL
),
of_touched AS (
    SELECT
        incident_id,
        count(*) FILTER (WHERE NOT with_top_build AND NOT to_top_app) AS of_other_builds,
        count(*) FILTER (WHERE of_devices AND NOT to_top_app) AS other_apps,
        count(*) FILTER (WHERE to_top_app AND (of_devices OR of_users)) AS own_devices,
        count(*) FILTER (WHERE of_users AND NOT on_top_device) AS user_elsewhere,
        count(*) FILTER (WHERE of_devices AND NOT from_top_ip) AS other_networks,
        count(*) FILTER (WHERE from_top_ip) AS from_top_ip
    FROM touched
    GROUP BY incident_id
),
of_app AS (
    SELECT
        i.incident_id,
        count(*) AS to_top_app,
        count(*) FILTER (
            WHERE NOT coalesce(i.top_build IN (s.client, s.browser, s.user_agent, s.os), false)
        ) AS with_other_builds
    FROM compared AS i
    INNER JOIN known_successes AS s
        ON i.top_app IS NOT DISTINCT FROM s.app_id AND s.seen_at >= i.first_seen_at AND s.seen_at <= i.last_seen_at
    GROUP BY i.incident_id
),
network_address AS (
    SELECT DISTINCT i.incident_id, i.first_seen_at, i.last_seen_at, a.ip
    FROM incident_facts AS i
    INNER JOIN addresses AS a ON i.top_network IN (a.network, a.subnet)
),
of_network AS (
    SELECT i.incident_id, count(*) AS from_top_network
    FROM network_address AS i
    INNER JOIN known_successes AS s ON i.ip = s.ip AND s.seen_at >= i.first_seen_at AND s.seen_at <= i.last_seen_at
    GROUP BY i.incident_id
),
-- What many share is counted already, slot by slot; of the slots that its first and its last failure cut the sign-ins are
-- looked at.
cut AS (
    SELECT *, first_slot AS slot FROM compared
    UNION
    SELECT *, last_slot FROM compared
),
in_cut AS (
    SELECT
        i.incident_id,
        count(*) AS attempts,
        count(*) FILTER (WHERE concat('AS', s.asn) = i.top_network) AS from_top_network,
        count(*) FILTER (WHERE s.domain IS NOT DISTINCT FROM i.top_domain) AS in_top_domain,
        count(*) FILTER (WHERE s.platform IS NOT DISTINCT FROM i.top_platform) AS on_top_platform,
        count(*) FILTER (WHERE i.top_build IN (s.client, s.browser, s.user_agent, s.os)) AS of_top_build,
        count(*) FILTER (
            WHERE s.platform IS NOT DISTINCT FROM i.top_platform AND i.top_build IN (s.client, s.browser, s.user_agent, s.os)
        ) AS with_top_build
    FROM cut AS i
    INNER JOIN cut_sign_ins AS s
        ON s.result_code = '0' AND i.slot = s.slot AND s.seen_at >= i.first_seen_at AND s.seen_at <= i.last_seen_at
    GROUP BY i.incident_id
),
-- what all values of a kind leave has none
total AS (
    SELECT
        slot,
        sum(successes) FILTER (WHERE kind = 'tenant') AS attempts,
        sum(CASE kind WHEN 'tenant' THEN successes WHEN 'domain' THEN -successes END) AS of_no_domain,
        sum(CASE kind WHEN 'tenant' THEN successes WHEN 'platform' THEN -successes END) AS of_no_platform
    FROM slot_counts
    WHERE kind IN ('tenant', 'domain', 'platform')
    GROUP BY slot
),
of_all AS (
    SELECT
        i.incident_id,
        sum(t.attempts) AS attempts,
        sum(t.of_no_domain) AS of_no_domain,
        sum(t.of_no_platform) AS of_no_platform
    FROM compared AS i
    INNER JOIN total AS t ON t.slot > i.first_slot AND t.slot < i.last_slot
    GROUP BY i.incident_id
),
commonest AS (
    SELECT incident_id, 'domain' AS kind, top_domain AS "value", first_slot, last_slot FROM compared
    UNION ALL
    SELECT incident_id, 'platform', top_platform, first_slot, last_slot FROM compared
    UNION ALL
    SELECT incident_id, 'network', top_network, first_slot, last_slot FROM compared
),
of_value AS (
    SELECT
        i.incident_id,
        sum(c.successes) FILTER (WHERE i.kind = 'domain') AS in_top_domain,
        sum(c.successes) FILTER (WHERE i.kind = 'platform') AS on_top_platform,
        sum(c.successes) FILTER (WHERE i.kind = 'network') AS from_top_network
    FROM commonest AS i
    INNER JOIN slot_counts AS c
        ON i.kind = c.kind AND i."value" = c."value" AND c.slot > i.first_slot AND c.slot < i.last_slot
    GROUP BY i.incident_id
),
-- the combinations of what a record tells of its build in which an incident's occurs
build AS (
    SELECT i.incident_id, i.first_slot, i.last_slot, i.top_platform, b.client, b.browser, b.user_agent, b.os
    FROM compared AS i
    INNER JOIN (SELECT DISTINCT client, browser, user_agent, os FROM slot_builds) AS b
        ON i.top_build IN (b.client, b.browser, b.user_agent, b.os)
),
of_build AS (
    SELECT
        i.incident_id,
        sum(b.successes) AS of_top_build,
        sum(b.successes) FILTER (WHERE nullif(b.platform, '') IS NOT DISTINCT FROM i.top_platform) AS with_top_build
    FROM build AS i
    INNER JOIN slot_builds AS b
        ON i.client = b.client AND i.browser = b.browser AND i.user_agent = b.user_agent AND i.os = b.os
        AND b.slot > i.first_slot AND b.slot < i.last_slot
    GROUP BY i.incident_id
),
succeeded AS (
    SELECT
        i.incident_id,
        coalesce(c.attempts, 0) + coalesce(a.attempts, 0) AS attempts,
        coalesce(c.of_top_build, 0) + coalesce(b.of_top_build, 0) + coalesce(t.of_other_builds, 0)
            + coalesce(p.with_other_builds, 0) AS shared,
        coalesce(t.other_apps, 0) AS other_apps,
        coalesce(p.to_top_app, 0) AS to_top_app,
        coalesce(p.to_top_app, 0) - coalesce(t.own_devices, 0) AS other_devices,
        coalesce(t.user_elsewhere, 0) AS user_elsewhere,
        coalesce(t.other_networks, 0) AS other_networks,
        coalesce(t.from_top_ip, 0) AS from_top_ip,
        coalesce(c.from_top_network, 0) + coalesce(v.from_top_network, 0) + coalesce(n.from_top_network, 0)
            AS from_top_network,
        coalesce(c.in_top_domain, 0)
            + coalesce(CASE WHEN i.top_domain IS NULL THEN a.of_no_domain ELSE v.in_top_domain END, 0) AS in_top_domain,
        coalesce(c.on_top_platform, 0)
            + coalesce(CASE WHEN i.top_platform IS NULL THEN a.of_no_platform ELSE v.on_top_platform END, 0)
            AS on_top_platform,
        coalesce(c.with_top_build, 0) + coalesce(b.with_top_build, 0) AS with_top_build
    FROM compared AS i
    LEFT JOIN in_cut AS c ON i.incident_id = c.incident_id
    LEFT JOIN of_all AS a ON i.incident_id = a.incident_id
    LEFT JOIN of_value AS v ON i.incident_id = v.incident_id
    LEFT JOIN of_build AS b ON i.incident_id = b.incident_id
    LEFT JOIN of_touched AS t ON i.incident_id = t.incident_id
    LEFT JOIN of_app AS p ON i.incident_id = p.incident_id
    LEFT JOIN of_network AS n ON i.incident_id = n.incident_id
),
counted AS (
    SELECT
        s.incident_id,
        CAST(s.attempts + f.attempts AS BIGINT) AS attempts,
        CAST(s.attempts - s.shared + f.outside AS BIGINT) AS outside_attempts, f.outside AS outside_failed,
        CAST(s.other_apps + f.other_apps AS BIGINT) AS other_apps_attempts, f.other_apps AS other_apps_failed,
        CAST(s.to_top_app + f.to_top_app AS BIGINT) AS own_app_attempts, f.to_top_app AS own_app_failed,
        CAST(s.other_devices + f.other_devices AS BIGINT) AS other_devices_attempts, f.other_devices AS other_devices_failed,
        CAST(s.user_elsewhere + f.user_elsewhere AS BIGINT) AS user_elsewhere_attempts,
        f.user_elsewhere AS user_elsewhere_failed,
        CAST(s.other_networks + f.other_networks AS BIGINT) AS other_networks_attempts,
        f.other_networks AS other_networks_failed,
        CAST(s.on_top_platform - s.with_top_build + f.other_builds AS BIGINT) AS other_builds_attempts,
        f.other_builds AS other_builds_failed,
        CAST(s.attempts - s.on_top_platform + f.other_platforms AS BIGINT) AS other_platforms_attempts,
        f.other_platforms AS other_platforms_failed,
        CAST(s.attempts - s.in_top_domain + f.other_domains AS BIGINT) AS other_domains_attempts,
        f.other_domains AS other_domains_failed,
        CAST(s.from_top_network + f.from_top_network AS BIGINT) AS from_top_network,
        CAST(s.from_top_ip + f.from_top_ip AS BIGINT) AS from_top_ip,
        CAST(s.with_top_build + f.with_top_build AS BIGINT) AS with_top_build,
        CAST(s.in_top_domain + f.in_top_domain AS BIGINT) AS in_top_domain,
        CAST(s.on_top_platform + f.on_top_platform AS BIGINT) AS on_top_platform
    FROM succeeded AS s
    -- an incident has failures
    INNER JOIN of_failures AS f ON s.incident_id = f.incident_id
)
SELECT
    incident_id,
    outside_attempts, outside_failed / nullif(outside_attempts, 0) AS outside_rate,
    other_apps_attempts, other_apps_failed / nullif(other_apps_attempts, 0) AS other_apps_rate,
    own_app_failed / nullif(own_app_attempts, 0) AS own_app_rate,
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
