-- Each explained failure with the incident it belongs to: the covering stretch that likeliest caused it, if the smaller
-- fail first, for what two would have failed is a larger part of the smaller; but where nothing succeeds (a chance of .98
-- is the highest there is) nothing else is needed. A failure whose device was only inferred follows the incident of a
-- device that its user's failures of those days do name. Stretches of one scope are one incident unless it was well for
-- four days between them, within one stretch provably so; fewer than five failures are none.
-- A stretch in which hardly anything fails is the floor of strays by another name.
WITH believed AS (
    SELECT number, kind, "value", p FROM scan_windows WHERE p >= 5e-3
),
sized AS (
    SELECT number, count(*) AS failures FROM scan_covers GROUP BY number
),
ordered AS (
    SELECT
        c.failure, w.kind, w."value", w.p, s.failures, w.number,
        sum(ln(1e0 - w.p)) OVER (
            PARTITION BY c.failure ORDER BY s.failures, w.number ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) - ln(1e0 - w.p) AS log_spared
    FROM scan_covers AS c
    INNER JOIN believed AS w ON c.number = w.number
    INNER JOIN sized AS s ON c.number = s.number
),
owned AS (
    SELECT failure, kind, "value"
    FROM ordered
    QUALIFY row_number() OVER (
        PARTITION BY failure
        ORDER BY CASE WHEN p >= 98e-2 THEN 1e0 ELSE round(p * exp(log_spared), 9) END DESC, failures, number
    ) = 1
),
-- A scope that explains nearly the same as a wider one is that one by another name; so is an address within a network, or
-- a way of signing in within the tenant, if it fails in the days in which that fails.
scoped AS (
    SELECT DISTINCT w.kind, w."value", c.failure, f.slot
    FROM scan_covers AS c
    INNER JOIN believed AS w ON c.number = w.number
    INNER JOIN scan_failures AS f ON c.failure = f.failure
),
extent AS (
    SELECT
        kind, "value", count(*) AS failures, min(slot) AS first_slot, max(slot) AS last_slot,
        CASE WHEN kind IN ('ip', 'network', 'region') THEN 'place' WHEN kind IN ('mode', 'tenant') THEN 'service' END AS family
    FROM scoped
    GROUP BY kind, "value"
),
same AS (
    SELECT n.kind, n."value", w.kind AS wide_kind, w."value" AS wide_value, max(b.failures) AS failures
    FROM scoped AS n
    INNER JOIN scoped AS w ON n.failure = w.failure AND (n.kind <> w.kind OR n."value" <> w."value")
    INNER JOIN extent AS a ON n.kind = a.kind AND n."value" = a."value"
    INNER JOIN extent AS b ON w.kind = b.kind AND w."value" = b."value"
    WHERE b.failures > a.failures
    GROUP BY n.kind, n."value", w.kind, w."value"
    HAVING count(*) >= 9e-1 * max(a.failures) AND count(*) >= 75e-2 * max(b.failures)
    UNION ALL
    SELECT n.kind, n."value", b.kind, b."value", max(b.failures)
    FROM scoped AS n
    INNER JOIN extent AS a ON n.kind = a.kind AND n."value" = a."value"
    INNER JOIN scan_values AS v ON n.failure = v.failure
    INNER JOIN extent AS b
        ON v.kind = b.kind AND v."value" = b."value" AND a.family = b.family
        AND n.slot >= b.first_slot - 96 AND n.slot <= b.last_slot + 96
    WHERE b.failures > a.failures
    GROUP BY n.kind, n."value", b.kind, b."value"
    HAVING count(*) >= 9e-1 * max(a.failures)
),
alias AS (
    SELECT kind, "value", wide_kind, wide_value
    FROM same
    QUALIFY row_number() OVER (PARTITION BY kind, "value" ORDER BY failures DESC, wide_kind, wide_value) = 1
),
called AS (
    SELECT o.failure, coalesce(a.wide_kind, o.kind) AS kind, coalesce(a.wide_value, o."value") AS "value"
    FROM owned AS o
    LEFT JOIN alias AS a ON o.kind = a.kind AND o."value" = a."value"
),
named AS (
    SELECT o.kind, o."value", f.user_id, f.platform, f.seen_at
    FROM called AS o
    INNER JOIN scan_failures AS f ON o.failure = f.failure
    WHERE o.kind = 'device' AND f.device_known = 'logged'
),
nearest AS (
    SELECT o.failure, n."value"
    FROM called AS o
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
    FROM called AS o
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
-- The stretch that was chosen across a gap: how likely a sign-in within it fails.
bridged AS (
    SELECT g.failure, max(w.p) AS p
    FROM followed AS g
    INNER JOIN scan_windows AS w
        ON g.kind = w.kind AND g."value" = w."value" AND w.from_slot <= g.slot_before AND w.to_slot >= g.slot
    WHERE g.kind NOT IN ('tenant', 'mode')
    GROUP BY g.failure
),
recovered AS (
    SELECT g.kind, g."value", g.failure
    FROM followed AS g
    INNER JOIN (SELECT DISTINCT scope, kind, "value" FROM scan_values) AS c ON g.kind = c.kind AND g."value" = c."value"
    INNER JOIN scan_successes AS s ON c.scope = s.scope AND s.slot > g.slot_before AND s.slot < g.slot
    LEFT JOIN renewed AS n ON g.failure = n.failure
    LEFT JOIN bridged AS b ON g.failure = b.failure
    -- the service itself fails for hours: a second time is another incident
    WHERE g.slot - g.slot_before > CASE WHEN g.kind IN ('tenant', 'mode') THEN 48 ELSE 4 * 96 END OR n.failure IS NOT NULL
    GROUP BY g.kind, g."value", g.failure
    -- what goes on would succeed so often in a row once in a thousand times
    HAVING count(n.failure) > 0 OR count(b.failure) = 0 OR sum(s.weight) / 1e3 * -ln(1e0 - max(b.p)) > ln(1e3)
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
-- their own, are that policy's, though no row lists it; so is then one that was changed as well.
behind_policy AS (
    SELECT
        b."value", b.spell, c.target_id AS policy_id, c.changed_at, b.onset,
        CASE WHEN EXISTS (
            SELECT 1 FROM changes AS own
            WHERE own.target_id = b."value" AND own.changed_at <= b.onset AND own.changed_at >= b.onset - INTERVAL '36 hours'
        ) THEN 0 ELSE 1 END AS unchanged
    FROM begun AS b
    INNER JOIN changes AS c
        ON c.change_kind = 'policy' AND c.target_id IS NOT NULL
        AND c.changed_at <= b.onset AND c.changed_at >= b.onset - INTERVAL '36 hours'
    WHERE b.kind = 'app'
),
together AS (
    SELECT
        "value", spell, policy_id, changed_at,
        sum(unchanged) OVER near AS apps
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
-- while it is repaired by and by, and so is what follows them soon; one or two may have a fault of their own.
within_wider AS (
    SELECT
        n.kind, n."value", n.spell, n.onset, n.ending, w.kind AS wide_kind, w."value" AS wide_value, w.spell AS wide_spell,
        w.ending AS wide_ending
    FROM begun AS n
    INNER JOIN numbered AS f ON n.kind = f.kind AND n."value" = f."value" AND n.spell = f.spell
    INNER JOIN scan_values AS v ON f.failure = v.failure
    INNER JOIN begun AS w ON v.kind = w.kind AND v."value" = w."value" AND n.onset >= w.onset
    WHERE n.kind IN ('device', 'user') AND w.kind NOT IN ('device', 'user', 'tenant', 'mode')
    GROUP BY n.kind, n."value", n.spell, n.onset, n.ending, w.kind, w."value", w.spell, w.ending
    HAVING count(*) >= 95e-2 * max(n.failures)
),
lagging AS (
    SELECT *, CASE WHEN onset > greatest(wide_ending, coalesce(max(ending) OVER (
        PARTITION BY wide_kind, wide_value, wide_spell ORDER BY onset, kind, "value"
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), wide_ending)) + INTERVAL '4 days' THEN 1 ELSE 0 END AS too_late
    FROM within_wider
),
soon AS (
    SELECT *, sum(too_late) OVER (
        PARTITION BY wide_kind, wide_value, wide_spell ORDER BY onset, kind, "value"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS breaks
    FROM lagging
),
remainder AS (
    SELECT kind, "value", spell, wide_kind, wide_value, wide_spell
    FROM (
        SELECT
            *,
            count(*) OVER (PARTITION BY wide_kind, wide_value, wide_spell) AS parts,
            sum(CASE WHEN onset <= wide_ending + INTERVAL '4 days' THEN 1 ELSE 0 END) OVER (
                PARTITION BY wide_kind, wide_value, wide_spell
            ) AS first_parts
        FROM soon
        WHERE breaks = 0
    ) AS counted
    WHERE first_parts >= 3
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
