-- Each explained failure with the incident it belongs to: the covering stretch with the highest chance of failure, of
-- equals the smaller. A failure whose device was only inferred follows the incident of a device that its user's failures
-- of those days do name. Stretches of one scope are one incident unless it was well for four days between them;
-- fewer than five failures are none.
WITH sized AS (
    SELECT number, count(*) AS failures FROM scan_covers GROUP BY number
),
owned AS (
    SELECT c.failure, w.kind, w."value"
    FROM scan_covers AS c
    INNER JOIN scan_windows AS w ON c.number = w.number
    INNER JOIN sized AS s ON c.number = s.number
    QUALIFY row_number() OVER (PARTITION BY c.failure ORDER BY w.p DESC, s.failures, w.number) = 1
),
named AS (
    SELECT o.kind, o."value", f.user_id, f.platform, f.seen_at
    FROM owned AS o
    INNER JOIN scan_failures AS f ON o.failure = f.failure
    WHERE o.kind = 'device' AND f.device_known = 'logged'
),
nearest AS (
    SELECT o.failure, n."value"
    FROM owned AS o
    INNER JOIN scan_failures AS f ON o.failure = f.failure
    INNER JOIN named AS n
        ON f.user_id = n.user_id AND f.platform = n.platform
        AND n.seen_at >= f.seen_at - INTERVAL '48 hours' AND n.seen_at <= f.seen_at + INTERVAL '48 hours'
    WHERE o.kind = 'device' AND f.device_known = 'inferred'
    QUALIFY row_number() OVER (
        PARTITION BY o.failure
        ORDER BY abs(date_diff('second', date_trunc('second', f.seen_at), date_trunc('second', n.seen_at))), n."value"
    ) = 1
),
settled AS (
    SELECT o.failure, o.kind, coalesce(n."value", o."value") AS "value"
    FROM owned AS o
    LEFT JOIN nearest AS n ON o.failure = n.failure
),
-- A scope that did not succeed in between has not recovered, however long nothing was seen of it.
followed AS (
    SELECT
        o.kind, o."value", o.failure, f.slot, f.seen_at,
        lag(f.slot) OVER before_it AS slot_before,
        lag(f.seen_at) OVER before_it AS seen_before
    FROM settled AS o
    INNER JOIN scan_failures AS f ON o.failure = f.failure
    WINDOW before_it AS (PARTITION BY o.kind, o."value" ORDER BY o.failure)
),
-- What began again shortly after the scope itself was changed anew has a reason of its own, unless such changes are its
-- daily bread.
own_change AS (
    SELECT 'device' AS kind, target_id AS "value", changed_at FROM changes WHERE change_kind = 'device_registration'
    UNION ALL
    SELECT 'app', target_id, changed_at FROM changes WHERE change_kind IN ('credential', 'certificate', 'key', 'app_config')
    UNION ALL
    SELECT 'policy', target_id, changed_at FROM changes WHERE change_kind = 'policy'
    UNION ALL
    SELECT 'domain', lower(coalesce(target_id, target)), changed_at FROM changes WHERE change_kind = 'federation'
    UNION ALL
    SELECT 'domain', lower(target), changed_at FROM changes WHERE change_kind = 'federation' AND target <> target_id
),
renewed AS (
    SELECT g.failure
    FROM followed AS g
    INNER JOIN own_change AS c
        ON g.kind = c.kind AND CASE WHEN g.kind = 'domain' THEN lower(g."value") ELSE g."value" END = c."value"
        AND c.changed_at <= g.seen_at AND c.changed_at >= g.seen_at - INTERVAL '14 days'
    WHERE g.slot - g.slot_before > 96
    GROUP BY g.failure, g.seen_at, g.seen_before
    HAVING max(c.changed_at) > g.seen_before AND max(c.changed_at) >= g.seen_at - INTERVAL '36 hours'
        AND count(DISTINCT date_trunc('day', c.changed_at)) <= 3
),
recovered AS (
    SELECT DISTINCT g.kind, g."value", g.failure
    FROM followed AS g
    INNER JOIN scan_successes AS s
        ON g.kind = s.kind AND g."value" = s."value" AND s.slot > g.slot_before AND s.slot < g.slot
    LEFT JOIN renewed AS n ON g.failure = n.failure
    -- the service itself fails for hours: a second time is another incident
    WHERE g.slot - g.slot_before > CASE WHEN g.kind IN ('tenant', 'mode') THEN 48 ELSE 4 * 96 END OR n.failure IS NOT NULL
),
spaced AS (
    SELECT
        o.kind, o."value", f.failure, f.workspace_id, f.source_table, f.sign_in_id, f.seen_at, f.arrived_at,
        CASE WHEN r.failure IS NOT NULL THEN 1 ELSE 0 END AS starts
    FROM settled AS o
    INNER JOIN scan_failures AS f ON o.failure = f.failure
    LEFT JOIN recovered AS r ON o.kind = r.kind AND o."value" = r."value" AND o.failure = r.failure
),
numbered AS (
    SELECT *, sum(starts) OVER (
        PARTITION BY kind, "value" ORDER BY failure ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS spell
    FROM spaced
),
begun AS (
    SELECT kind, "value", spell, min(seen_at) AS onset, max(seen_at) AS ending, count(*) AS failures
    FROM numbered
    GROUP BY kind, "value", spell
    HAVING count(*) >= 5
),
-- Several applications that begin to fail within hours of each other, after a policy was changed and without a change of
-- their own, are that policy's, though no row lists it.
behind_policy AS (
    SELECT b."value", b.spell, c.target_id AS policy_id, c.changed_at, b.onset
    FROM begun AS b
    INNER JOIN changes AS c
        ON c.change_kind = 'policy' AND c.target_id IS NOT NULL
        AND c.changed_at <= b.onset AND c.changed_at >= b.onset - INTERVAL '36 hours'
    WHERE b.kind = 'app' AND NOT EXISTS (
        SELECT 1 FROM changes AS own
        WHERE own.target_id = b."value" AND own.changed_at <= b.onset AND own.changed_at >= b.onset - INTERVAL '36 hours'
    )
),
together AS (
    SELECT
        "value", spell, policy_id, changed_at,
        count(*) OVER near AS apps
    FROM behind_policy
    WINDOW near AS (
        PARTITION BY policy_id, changed_at ORDER BY onset RANGE BETWEEN INTERVAL '12 hours' PRECEDING AND INTERVAL '12 hours' FOLLOWING
    )
),
shared_policy AS (
    SELECT "value", spell, policy_id
    FROM together
    WHERE apps >= 3
    QUALIFY row_number() OVER (PARTITION BY "value", spell ORDER BY apps DESC, changed_at DESC, policy_id) = 1
),
-- Three devices or more that go on failing, all within one wider incident that has begun before, are what is left of it
-- while it is repaired by and by; one or two may have a fault of their own.
within_wider AS (
    SELECT
        n.kind, n."value", n.spell, w.kind AS wide_kind, w."value" AS wide_value, w.spell AS wide_spell
    FROM begun AS n
    INNER JOIN numbered AS f ON n.kind = f.kind AND n."value" = f."value" AND n.spell = f.spell
    INNER JOIN scan_values AS v ON f.failure = v.failure
    INNER JOIN begun AS w
        ON v.kind = w.kind AND v."value" = w."value" AND n.onset >= w.onset AND n.onset <= w.ending + INTERVAL '4 days'
    WHERE n.kind IN ('device', 'user') AND w.kind NOT IN ('device', 'user', 'tenant', 'mode')
    GROUP BY n.kind, n."value", n.spell, w.kind, w."value", w.spell
    HAVING count(*) >= 95e-2 * max(n.failures)
),
remainder AS (
    SELECT kind, "value", spell, wide_kind, wide_value, wide_spell
    FROM (
        SELECT *, count(*) OVER (PARTITION BY wide_kind, wide_value, wide_spell) AS parts FROM within_wider
    ) AS counted
    WHERE parts >= 3
    QUALIFY row_number() OVER (
        PARTITION BY kind, "value", spell ORDER BY parts DESC, wide_kind, wide_value, wide_spell
    ) = 1
),
placed AS (
    SELECT
        n.failure,
        coalesce(r.wide_kind, n.kind) AS kind,
        coalesce(r.wide_value, n."value") AS "value",
        coalesce(r.wide_spell, n.spell) AS spell
    FROM numbered AS n
    INNER JOIN begun AS b ON n.kind = b.kind AND n."value" = b."value" AND n.spell = b.spell
    LEFT JOIN remainder AS r ON n.kind = r.kind AND n."value" = r."value" AND n.spell = r.spell
)
SELECT
    CASE WHEN p.policy_id IS NULL THEN n.kind ELSE 'policy' END AS kind,
    coalesce(p.policy_id, n."value") AS "value",
    CASE WHEN p.policy_id IS NULL THEN n.spell ELSE -1 END AS spell,
    f.workspace_id, f.source_table, f.sign_in_id, f.seen_at,
    CAST(date_trunc('hour', f.arrived_at) AS TIMESTAMP) AS hour_of_arrival, f.failure
FROM placed AS n
INNER JOIN scan_failures AS f ON n.failure = f.failure
LEFT JOIN shared_policy AS p ON n.kind = 'app' AND n."value" = p."value" AND n.spell = p.spell
ORDER BY 1, 2, 3, n.failure
