-- One row a value that many sign-ins share and a quarter of an hour: how many bear it. Kept from night to night, day by day.
-- stored: yes
-- kept: by day
-- kind: app, client, os, network (autonomous systems alone), region, domain, platform, mode or tenant, as in sign_in_values
-- value: its value
-- slot: quarters of an hour since 1970
-- attempts: sign-ins, whatever their result
-- successes: those that succeeded
-- weight: thousandths that the successes weigh; m like ones within an hour weigh as 1 + ln m, all in the slot of the first
WITH counted AS (
    SELECT
        slot, app_id, city, country, asn, domain, mode,
        count(*) AS attempts,
        count(*) FILTER (WHERE good) AS successes
    FROM (
        -- no value is NULL, which stands for the columns that are not grouped by
        SELECT
            date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', s.seen_at)) // 900 AS slot,
            s.result_code IS NOT DISTINCT FROM '0' AS good,
            coalesce(s.app_id, '') AS app_id,
            coalesce(s.city, '') AS city,
            coalesce(s.country, '') AS country,
            coalesce(s.asn, '') AS asn,
            coalesce(s.domain, '') AS domain,
            CASE WHEN s.interactive THEN 'interactive' ELSE 'non-interactive' END AS mode
        FROM uncounted_sign_ins AS s
        WHERE s.seen_at IS NOT NULL
    ) AS attempt
    GROUP BY GROUPING SETS ((slot, app_id), (slot, city, country), (slot, asn), (slot, domain), (slot, mode))
),
built AS (
    SELECT * FROM slot_builds WHERE slot // 96 NOT IN (SELECT "day" FROM counted_days)
),
-- successes of which there are several alike within an hour; all others weigh as one
burst AS (
    SELECT
        CAST(date_trunc('hour', seen_at) AS TIMESTAMP) AS "hour", coalesce(user_id, '') AS user_id,
        coalesce(app_id, '') AS app_id, coalesce(client, '') AS client, coalesce(ip, '') AS ip
    FROM uncounted_sign_ins
    WHERE result_code = '0' AND seen_at IS NOT NULL
    GROUP BY
        CAST(date_trunc('hour', seen_at) AS TIMESTAMP), coalesce(user_id, ''), coalesce(app_id, ''), coalesce(client, ''),
        coalesce(ip, '')
    HAVING count(*) > 1
),
alike AS (
    SELECT
        date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', s.seen_at)) // 900 AS slot,
        b."hour", b.user_id, b.ip, b.client AS same_client,
        coalesce(s.app_id, '') AS app_id,
        coalesce(s.client, '') AS client,
        coalesce(s.browser, '') AS browser,
        coalesce(s.user_agent, '') AS user_agent,
        coalesce(s.os, '') AS os,
        coalesce(s.platform, '') AS platform,
        coalesce(s.city, '') AS city,
        coalesce(s.country, '') AS country,
        coalesce(s.asn, '') AS asn,
        coalesce(s.domain, '') AS domain,
        CASE WHEN s.interactive THEN 'interactive' ELSE 'non-interactive' END AS mode
    FROM uncounted_sign_ins AS s
    INNER JOIN burst AS b
        ON CAST(date_trunc('hour', s.seen_at) AS TIMESTAMP) = b."hour" AND coalesce(s.user_id, '') = b.user_id
        AND coalesce(s.app_id, '') = b.app_id AND coalesce(s.client, '') = b.client AND coalesce(s.ip, '') = b.ip
    WHERE s.result_code = '0'
),
repeated AS (
    SELECT 'app' AS kind, app_id AS "value", slot, "hour", user_id, app_id, same_client, ip FROM alike WHERE app_id <> ''
    UNION ALL
    SELECT 'client' AS kind, client AS "value", slot, "hour", user_id, app_id, same_client, ip FROM alike WHERE regexp_matches(client, '[0-9]')
    UNION ALL
    SELECT 'client' AS kind, browser AS "value", slot, "hour", user_id, app_id, same_client, ip FROM alike WHERE browser <> client AND regexp_matches(browser, '[0-9]')
    UNION ALL
    SELECT 'client' AS kind, user_agent AS "value", slot, "hour", user_id, app_id, same_client, ip FROM alike WHERE user_agent NOT LIKE 'Mozilla/%' AND user_agent <> client AND user_agent <> ''
    UNION ALL
    SELECT 'os' AS kind, os AS "value", slot, "hour", user_id, app_id, same_client, ip FROM alike WHERE os <> ''
    UNION ALL
    SELECT 'platform' AS kind, platform AS "value", slot, "hour", user_id, app_id, same_client, ip FROM alike WHERE platform <> ''
    UNION ALL
    SELECT 'region' AS kind, city AS "value", slot, "hour", user_id, app_id, same_client, ip FROM alike WHERE city <> ''
    UNION ALL
    SELECT 'region' AS kind, country AS "value", slot, "hour", user_id, app_id, same_client, ip FROM alike WHERE country <> ''
    UNION ALL
    SELECT 'network' AS kind, concat('AS', asn) AS "value", slot, "hour", user_id, app_id, same_client, ip FROM alike WHERE asn <> ''
    UNION ALL
    SELECT 'domain' AS kind, domain AS "value", slot, "hour", user_id, app_id, same_client, ip FROM alike WHERE domain <> ''
    UNION ALL
    SELECT 'mode' AS kind, mode AS "value", slot, "hour", user_id, app_id, same_client, ip FROM alike WHERE mode <> ''
    UNION ALL
    SELECT 'tenant' AS kind, 'all' AS "value", slot, "hour", user_id, app_id, same_client, ip FROM alike WHERE mode <> ''
),
grouped AS (
    SELECT kind, "value", min(slot) AS slot, count(*) AS times
    FROM repeated
    GROUP BY kind, "value", "hour", user_id, app_id, same_client, ip
),
added AS (
    SELECT 'app' AS kind, app_id AS "value", slot, attempts, successes, 1000 * successes AS weight
    FROM counted WHERE app_id <> ''
    UNION ALL
    SELECT 'region' AS kind, city AS "value", slot, attempts, successes, 1000 * successes AS weight
    FROM counted WHERE city <> ''
    UNION ALL
    SELECT 'region' AS kind, country AS "value", slot, attempts, successes, 1000 * successes AS weight
    FROM counted WHERE country <> ''
    UNION ALL
    SELECT 'network' AS kind, concat('AS', asn) AS "value", slot, attempts, successes, 1000 * successes AS weight
    FROM counted WHERE asn <> ''
    UNION ALL
    SELECT 'domain' AS kind, domain AS "value", slot, attempts, successes, 1000 * successes AS weight
    FROM counted WHERE domain <> ''
    UNION ALL
    SELECT 'mode' AS kind, mode AS "value", slot, attempts, successes, 1000 * successes AS weight
    FROM counted WHERE mode <> ''
    UNION ALL
    SELECT 'tenant' AS kind, 'all' AS "value", slot, attempts, successes, 1000 * successes AS weight
    FROM counted WHERE mode <> ''
    UNION ALL
    SELECT 'client' AS kind, client AS "value", slot, attempts, successes, 1000 * successes AS weight
    FROM built WHERE regexp_matches(client, '[0-9]')
    UNION ALL
    SELECT 'client' AS kind, browser AS "value", slot, attempts, successes, 1000 * successes AS weight
    FROM built WHERE browser <> client AND regexp_matches(browser, '[0-9]')
    UNION ALL
    SELECT 'client' AS kind, user_agent AS "value", slot, attempts, successes, 1000 * successes AS weight
    FROM built WHERE user_agent NOT LIKE 'Mozilla/%' AND user_agent <> client AND user_agent <> ''
    UNION ALL
    SELECT 'os' AS kind, os AS "value", slot, attempts, successes, 1000 * successes AS weight
    FROM built WHERE os <> ''
    UNION ALL
    SELECT 'platform' AS kind, platform AS "value", slot, attempts, successes, 1000 * successes AS weight
    FROM built WHERE platform <> ''
    UNION ALL
    SELECT kind, "value", slot, 0, 0, -1000 FROM repeated
    UNION ALL
    SELECT kind, "value", slot, 0, 0, CAST(floor(1000e0 * (1e0 + ln(times))) AS BIGINT) FROM grouped
)
SELECT
    kind, "value", slot, CAST(sum(attempts) AS BIGINT) AS attempts, CAST(sum(successes) AS BIGINT) AS successes,
    CAST(sum(weight) AS BIGINT) AS weight
FROM added
GROUP BY kind, "value", slot
