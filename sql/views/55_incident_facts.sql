-- One row an incident: what its own failures say, each share of them between 0 and 1.
-- stored: yes
-- incident_id: the incident
-- scope_kind: kind of its scope
-- scope_value: value of its scope
-- first_seen_at: its first failure, UTC
-- tenth_at: when a tenth of its failures had been seen, UTC; an onset that single strays before it do not move
-- last_seen_at: its last failure, UTC
-- onset: its first failure as text
-- failures: its failures
-- devices: devices of its failures
-- users: users of its failures
-- apps: applications of its failures
-- networks: networks (prefixes) of its failures
-- platforms: platforms of its failures
-- domains: domains of its failures
-- core_hours: hours of the shortest stretch that holds 70 of 100 failures
-- silent_share: failures at which no person was there
-- unnamed_share: failures whose device is neither logged nor inferred
-- risky_share: failures that came with a sign-in risk
-- strange_share: failures from a network and provider where their user never succeeded
-- lone_share: failures from an address where nobody ever succeeded and three of the incident's users tried
-- untried_share: failures of an application and client that never once succeeded together
-- top_device: the commonest device
-- device_failures: failures that bear it
-- device_share: its share
-- top_app: the commonest application
-- app_failures: failures that bear it
-- app_share: its share
-- top_user: the commonest user
-- user_share: the share
-- top_build: the library, broker, browser or system build that the incident is about, else the commonest client
-- build_failures: failures that bear it
-- build_share: its share
-- top_ip: the commonest address
-- ip_failures: failures that bear it
-- ip_share: its share
-- top_network: the commonest prefix or autonomous system
-- network_share: its share
-- top_domain: the commonest domain
-- domain_failures: failures that bear it
-- domain_share: its share
-- top_platform: the commonest platform
-- platform_failures: failures that bear it
-- platform_share: its share
WITH failed AS (
    SELECT
        i.scope_kind, i.scope_value, f.*,
        row_number() OVER (PARTITION BY i.incident_id ORDER BY f.seen_at, f.sign_in_id) AS number,
        count(*) OVER (PARTITION BY i.incident_id) AS total
    FROM failures AS f
    INNER JOIN found_incidents AS i ON f.incident_id = i.incident_id
),
at_home AS (
    SELECT user_id, ip, asn
    FROM touched_sign_ins
    WHERE result_code = '0' AND user_id IN (SELECT user_id FROM failed)
    GROUP BY user_id, ip, asn
),
home_network AS (
    SELECT DISTINCT h.user_id, a.network
    FROM at_home AS h
    INNER JOIN addresses AS a ON h.ip = a.ip
    WHERE a.network IS NOT NULL
),
home_system AS (
    SELECT DISTINCT user_id, asn FROM at_home WHERE asn IS NOT NULL
),
tried AS (
    SELECT incident_id, ip FROM failed WHERE ip IS NOT NULL GROUP BY incident_id, ip HAVING count(DISTINCT user_id) >= 3
),
lone AS (
    SELECT t.incident_id, t.ip
    FROM tried AS t
    LEFT JOIN succeeding_addresses AS g ON t.ip = g.ip
    WHERE g.ip IS NULL
),
core AS (
    SELECT
        a.incident_id,
        min(date_diff('second', date_trunc('second', a.seen_at), date_trunc('second', b.seen_at))) / 36e2 AS core_hours
    FROM failed AS a
    INNER JOIN failed AS b
        ON a.incident_id = b.incident_id AND b.number = a.number + CAST(ceil(7e-1 * a.total) AS BIGINT) - 1
    GROUP BY a.incident_id
),
top AS (
    SELECT
        incident_id,
        max("value") FILTER (WHERE kind = 'device') AS top_device,
        max(failures) FILTER (WHERE kind = 'device') AS device_failures,
        max(share) FILTER (WHERE kind = 'device') AS device_share,
        max("value") FILTER (WHERE kind = 'app') AS top_app,
        max(failures) FILTER (WHERE kind = 'app') AS app_failures,
        max(share) FILTER (WHERE kind = 'app') AS app_share,
        max("value") FILTER (WHERE kind = 'user') AS top_user,
        max(share) FILTER (WHERE kind = 'user') AS user_share,
        max("value") FILTER (WHERE kind = 'client') AS top_client,
        max(failures) FILTER (WHERE kind = 'client') AS client_failures,
        max(share) FILTER (WHERE kind = 'client') AS client_share,
        max("value") FILTER (WHERE kind = 'ip') AS top_ip,
        max(failures) FILTER (WHERE kind = 'ip') AS ip_failures,
        max(share) FILTER (WHERE kind = 'ip') AS ip_share,
        max("value") FILTER (WHERE kind = 'network') AS top_network,
        max(share) FILTER (WHERE kind = 'network') AS network_share,
        max("value") FILTER (WHERE kind = 'domain') AS top_domain,
        max(failures) FILTER (WHERE kind = 'domain') AS domain_failures,
        max(share) FILTER (WHERE kind = 'domain') AS domain_share,
        max("value") FILTER (WHERE kind = 'platform') AS top_platform,
        max(failures) FILTER (WHERE kind = 'platform') AS platform_failures,
        max(share) FILTER (WHERE kind = 'platform') AS platform_share
    FROM incident_values
    WHERE place = 1
    GROUP BY incident_id
),
-- the build that the incident is about, if it is about one, else the commonest client
build AS (
    SELECT i.incident_id, v."value", v.failures, v.share
    FROM found_incidents AS i
    INNER JOIN incident_values AS v
        ON i.incident_id = v.incident_id AND i.scope_kind = v.kind AND i.scope_value = v."value"
    WHERE v.kind IN ('client', 'os')
),
counted AS (
    SELECT
        f.incident_id,
        max(f.scope_kind) AS scope_kind,
        max(f.scope_value) AS scope_value,
        min(f.seen_at) AS first_seen_at,
        min(f.seen_at) FILTER (WHERE 10 * f.number >= f.total) AS tenth_at,
        max(f.seen_at) AS last_seen_at,
        concat(
            substr(CAST(min(f.seen_at) AS VARCHAR), 1, 10), 'T', substr(CAST(min(f.seen_at) AS VARCHAR), 12, 5), 'Z') AS onset,
        count(*) AS failures,
        count(DISTINCT f.device_id) AS devices,
        count(DISTINCT f.user_id) AS users,
        count(DISTINCT f.app_id) AS apps,
        count(DISTINCT f.network) AS networks,
        count(DISTINCT f.platform) AS platforms,
        count(DISTINCT f.domain) AS domains,
        count(*) FILTER (WHERE NOT f.interactive) / count(*) AS silent_share,
        count(*) FILTER (WHERE f.device_id IS NULL) / count(*) AS unnamed_share,
        count(*) FILTER (WHERE coalesce(f.risk_level, 'none') NOT IN ('none', 'hidden')) / count(*) AS risky_share,
        count(*) FILTER (WHERE n.user_id IS NULL AND a.user_id IS NULL) / count(*) AS strange_share,
        count(*) FILTER (WHERE l.ip IS NOT NULL) / count(*) AS lone_share,
        count(*) FILTER (WHERE w.app_id IS NULL) / count(*) AS untried_share
    FROM failed AS f
    LEFT JOIN home_network AS n ON f.user_id = n.user_id AND f.network = n.network
    LEFT JOIN home_system AS a ON f.user_id = a.user_id AND f.asn = a.asn
    LEFT JOIN lone AS l ON f.incident_id = l.incident_id AND f.ip = l.ip
    LEFT JOIN succeeding_clients AS w ON f.app_id = w.app_id AND f.client = w.client
    GROUP BY f.incident_id
)
SELECT
    c.incident_id, c.scope_kind, c.scope_value, c.first_seen_at, c.tenth_at, c.last_seen_at, c.onset, c.failures, c.devices, c.users,
    c.apps, c.networks, c.platforms, c.domains, core.core_hours, c.silent_share, c.unnamed_share, c.risky_share,
    c.strange_share, c.lone_share, c.untried_share,
    t.top_device, coalesce(t.device_failures, 0) AS device_failures, coalesce(t.device_share, 0e0) AS device_share,
    t.top_app, coalesce(t.app_failures, 0) AS app_failures, coalesce(t.app_share, 0e0) AS app_share,
    t.top_user, coalesce(t.user_share, 0e0) AS user_share,
    coalesce(b."value", t.top_client) AS top_build,
    coalesce(b.failures, t.client_failures, 0) AS build_failures,
    coalesce(b.share, t.client_share, 0e0) AS build_share,
    t.top_ip, coalesce(t.ip_failures, 0) AS ip_failures, coalesce(t.ip_share, 0e0) AS ip_share,
    t.top_network, coalesce(t.network_share, 0e0) AS network_share,
    t.top_domain, coalesce(t.domain_failures, 0) AS domain_failures, coalesce(t.domain_share, 0e0) AS domain_share,
    t.top_platform, coalesce(t.platform_failures, 0) AS platform_failures, coalesce(t.platform_share, 0e0) AS platform_share
FROM counted AS c
LEFT JOIN core ON c.incident_id = core.incident_id
LEFT JOIN top AS t ON c.incident_id = t.incident_id
LEFT JOIN build AS b ON c.incident_id = b.incident_id
