-- One row a sign-in and dimension: the values by which the scope of an incident can be told.
-- kind: device, user, app, client, os, ip, network, region, domain, platform, policy, mode or tenant
-- value: its value; a network is a prefix or an autonomous system, a region a city or country, a policy one that was changed, tenant is everything
-- workspace_id: the Log Analytics workspace it was read from
-- source_table: the Log Analytics table it landed in
-- sign_in_id: Id of the Log Analytics record
-- seen_at: when the sign-in happened, UTC
-- user_id: object id of the user
-- app_id: id of the application
-- client: library, broker or browser build
-- ip: address the request came from
-- result_code: ResultType; 0 is success, 50099 a refused device signature
-- failed: whether the device signature was refused (50099); who asks for these alone reads no other record
WITH dimension AS (
    SELECT 'device' AS kind, 'id' AS reading
    UNION ALL SELECT 'user', 'name'
    UNION ALL SELECT 'app', 'id'
    UNION ALL SELECT 'client', 'library'
    UNION ALL SELECT 'client', 'browser'
    UNION ALL SELECT 'client', 'agent'
    UNION ALL SELECT 'os', 'build'
    UNION ALL SELECT 'ip', 'address'
    UNION ALL SELECT 'network', 'prefix'
    UNION ALL SELECT 'network', 'subnet'
    UNION ALL SELECT 'network', 'system'
    UNION ALL SELECT 'region', 'city'
    UNION ALL SELECT 'region', 'country'
    UNION ALL SELECT 'mode', 'presence'
    UNION ALL SELECT 'domain', 'suffix'
    UNION ALL SELECT 'platform', 'family'
    UNION ALL SELECT 'tenant', 'all'
),
read_off AS (
    SELECT
        d.kind,
        CASE d.reading
            WHEN 'id' THEN CASE d.kind WHEN 'device' THEN s.device_id ELSE s.app_id END
            WHEN 'name' THEN coalesce(s."user", s.user_id)
            -- a build has a number: "Rich Client" alone names none
            WHEN 'library' THEN CASE WHEN regexp_matches(s.client, '[0-9]') THEN s.client END
            WHEN 'browser' THEN CASE
                WHEN s.browser IS DISTINCT FROM s.client AND regexp_matches(s.browser, '[0-9]') THEN s.browser
            END
            -- a browser's agent says what its build says; that of a client of one's own may be all that names it
            WHEN 'agent' THEN CASE
                WHEN s.user_agent NOT LIKE 'Mozilla/%' AND s.user_agent IS DISTINCT FROM s.client THEN s.user_agent
            END
            WHEN 'build' THEN s.os
            WHEN 'address' THEN s.ip
            WHEN 'prefix' THEN s.network
            WHEN 'subnet' THEN s.subnet
            WHEN 'system' THEN concat('AS', s.asn)
            WHEN 'city' THEN s.city
            WHEN 'country' THEN s.country
            WHEN 'presence' THEN CASE WHEN s.interactive THEN 'interactive' ELSE 'non-interactive' END
            WHEN 'suffix' THEN s.domain
            WHEN 'family' THEN s.platform
            ELSE 'all'
        END AS "value",
        s.workspace_id,
        s.source_table,
        s.sign_in_id,
        s.seen_at,
        s.user_id,
        s.app_id,
        s.client,
        s.ip,
        s.result_code,
        s.failed
    FROM known_sign_ins AS s
    CROSS JOIN dimension AS d
    UNION ALL
    SELECT
        'policy' AS kind,
        p.policy_id AS "value",
        s.workspace_id,
        s.source_table,
        s.sign_in_id,
        s.seen_at,
        s.user_id,
        s.app_id,
        s.client,
        s.ip,
        s.result_code,
        s.failed
    FROM known_sign_ins AS s
    INNER JOIN policy_scopes AS p ON s.user_id = p.user_id AND s.platform = p.platform
    INNER JOIN policy_apps AS a ON p.policy_id = a.policy_id AND s.app_id = a.app_id
)
SELECT kind, "value", workspace_id, source_table, sign_in_id, seen_at, user_id, app_id, client, ip, result_code, failed
FROM read_off
WHERE coalesce("value", '') NOT IN ('', 'AS')
