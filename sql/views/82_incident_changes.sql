-- One row an incident and change before its onset that touches it by an id; that it stood before proves no cause.
-- stored: yes
-- incident_id: the incident
-- change_id: the change
-- change_workspace_id: the Log Analytics workspace it was read from
-- changed_at: when it happened, UTC
-- change: the operation
-- change_kind: what kind of change
-- touches: device, app, policy, domain or network: what of the incident it touches
-- touched_share: failures of the incident that it touches, 0 to 1; empty where nothing says whom a policy touches
-- delay_hours: from the change to the onset
-- failures_before_it: failures of the incident before the change
-- failed_alike_before: how often the incident's scope was refused from its onset to a change that came after it, against how often since: 1 is as often, 0 never
-- in_force_rate: of the sign-ins that a policy is in force for, the share refused from the change and the onset on; empty where nothing says whom it is in force for
-- succeeded_later: of a device, its successes from a day and a half after the change to the onset
-- replaces_registration: whether it put in place or removed the registration of the device that it touches
-- strength: 0 to 1: touched share, less the longer it took (half after two days), less the failures that came before it, less where all failed alike before it, less where a policy asks for no device, less where a device went well a day and a half after it
-- told: the change and its time in words
-- what leads sign-ins another way, or opens them on it: no such policy asks anybody for a device
WITH rerouting AS (
    SELECT change_id, workspace_id
    FROM changes
    WHERE lower(change) LIKE '%forwarding p%' OR lower(change) LIKE '%forwarding rule%'
        OR lower(change) LIKE '%remote network%' OR lower(change) LIKE '%filtering policy%'
        OR lower(change) LIKE 'create certificate%' OR lower(change) LIKE 'update certificate%'
        OR lower(change) LIKE 'delete certificate%'
),
touching AS (
    SELECT c.change_id, c.workspace_id, 'device' AS touches, 'device' AS kind, c.target_id AS "value"
    FROM changes AS c
    WHERE c.change_kind IN ('device_registration', 'device_state') AND c.target_id IS NOT NULL
    UNION ALL
    SELECT c.change_id, c.workspace_id, 'app', 'app', c.target_id
    FROM changes AS c
    WHERE c.change_kind IN ('credential', 'app_config', 'certificate', 'key') AND c.target_id IS NOT NULL
    UNION ALL
    SELECT c.change_id, c.workspace_id, 'policy', 'policy', c.target_id
    FROM changes AS c
    LEFT JOIN rerouting AS r ON c.change_id = r.change_id AND c.workspace_id = r.workspace_id
    WHERE c.change_kind = 'policy' AND c.target_id IS NOT NULL AND r.change_id IS NULL
    UNION ALL
    SELECT c.change_id, c.workspace_id, 'domain', 'domain', lower(t.name)
    FROM changes AS c
    CROSS JOIN (SELECT DISTINCT "value" AS name FROM incident_values WHERE kind = 'domain') AS t
    WHERE c.change_kind = 'federation' AND lower(t.name) IN (lower(c.target_id), lower(c.target))
),
platform_share AS (
    SELECT
        v.incident_id, c.change_id, c.workspace_id,
        coalesce(sum(v.share) FILTER (WHERE c.platforms LIKE concat('%"', v."value", '"%')), 0e0) AS share
    FROM policy_conditions AS c
    CROSS JOIN incident_values AS v
    WHERE c.platforms <> '' AND v.kind = 'platform'
    GROUP BY v.incident_id, c.change_id, c.workspace_id
),
touched AS (
    SELECT
        v.incident_id, t.change_id, t.workspace_id, t.touches, v.share
    FROM touching AS t
    INNER JOIN incident_values AS v ON t.kind = v.kind AND t."value" = v."value"
    UNION ALL
    -- a policy that no sign-in lists as in force, for some whom the record of its change does not tell one by one
    SELECT i.incident_id, t.change_id, t.workspace_id, t.touches, p.share
    FROM touching AS t
    CROSS JOIN incident_facts AS i
    LEFT JOIN platform_share AS p
        ON i.incident_id = p.incident_id AND t.change_id = p.change_id AND t.workspace_id = p.workspace_id
    WHERE t.touches = 'policy' AND NOT EXISTS (
        SELECT 1 FROM policy_scopes AS l WHERE l.policy_id = t."value"
    )
    UNION ALL
    SELECT i.incident_id, r.change_id, r.workspace_id, 'network' AS touches, i.network_share AS share
    FROM rerouting AS r
    CROSS JOIN incident_facts AS i
),
paired AS (
    SELECT DISTINCT
        t.incident_id, t.change_id, t.workspace_id, c.changed_at, c.change_kind, c.target_id,
        i.first_seen_at, i.last_seen_at, i.scope_kind, i.scope_value, i.failures
    FROM touched AS t
    INNER JOIN changes AS c ON t.change_id = c.change_id AND t.workspace_id = c.workspace_id
    INNER JOIN incident_facts AS i ON t.incident_id = i.incident_id
    WHERE c.changed_at >= i.first_seen_at - INTERVAL '14 days'
        -- a device's registration is seldom changed: that of the very device is thought of later than others
        AND c.changed_at <= CASE WHEN t.touches = 'device' THEN i.last_seen_at ELSE i.tenth_at END
),
-- A change that came after the first failure may still be the cause, if strays stood before it. Then the scope went well
-- until it: these are the scope's successes from the onset to the change, those that many share by quarters of an hour.
late AS (
    SELECT * FROM paired WHERE changed_at > first_seen_at
),
earlier AS (
    SELECT
        l.incident_id, l.change_id, l.workspace_id,
        count(*) AS failures_before_it,
        -- a user's retries within an hour are one try
        count(DISTINCT concat(coalesce(f.user_id, ''), ' ', CAST(CAST(date_trunc('hour', f.seen_at) AS TIMESTAMP) AS VARCHAR)))
            AS tries_before_it
    FROM late AS l
    INNER JOIN failures AS f ON l.incident_id = f.incident_id AND f.seen_at < l.changed_at
    GROUP BY l.incident_id, l.change_id, l.workspace_id
),
good_then AS (
    SELECT l.incident_id, l.change_id, l.workspace_id, c.successes
    FROM late AS l
    INNER JOIN slot_counts AS c
        ON l.scope_kind = c.kind AND l.scope_value = c."value"
        AND c.slot > date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', l.first_seen_at)) // 900
        AND c.slot < date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', l.changed_at)) // 900
    UNION ALL
    SELECT l.incident_id, l.change_id, l.workspace_id, 1
    FROM late AS l
    INNER JOIN touched_sign_ins AS s
        ON s.result_code = '0' AND l.scope_kind = 'device' AND l.scope_value = s.device_id AND s.seen_at >= l.first_seen_at AND s.seen_at < l.changed_at
    UNION ALL
    SELECT l.incident_id, l.change_id, l.workspace_id, 1
    FROM late AS l
    INNER JOIN touched_sign_ins AS s
        ON s.result_code = '0' AND l.scope_kind = 'user' AND l.scope_value = coalesce(s."user", s.user_id)
        AND s.seen_at >= l.first_seen_at AND s.seen_at < l.changed_at
    UNION ALL
    SELECT l.incident_id, l.change_id, l.workspace_id, 1
    FROM late AS l
    INNER JOIN touched_sign_ins AS s
        ON s.result_code = '0' AND l.scope_kind = 'ip' AND l.scope_value = s.ip AND s.seen_at >= l.first_seen_at AND s.seen_at < l.changed_at
    UNION ALL
    SELECT l.incident_id, l.change_id, l.workspace_id, 1
    FROM late AS l
    INNER JOIN (SELECT ip, network AS "value" FROM addresses UNION SELECT ip, subnet FROM addresses) AS a
        ON l.scope_kind = 'network' AND l.scope_value = a."value"
    INNER JOIN known_successes AS s ON a.ip = s.ip AND s.seen_at >= l.first_seen_at AND s.seen_at < l.changed_at
    UNION ALL
    SELECT l.incident_id, l.change_id, l.workspace_id, 1
    FROM late AS l
    INNER JOIN policy_scopes AS p ON l.scope_kind = 'policy' AND l.scope_value = p.policy_id
    INNER JOIN policy_apps AS a ON p.policy_id = a.policy_id
    INNER JOIN known_successes AS s
        ON p.user_id = s.user_id AND p.platform = s.platform AND a.app_id = s.app_id
        AND s.seen_at >= l.first_seen_at AND s.seen_at < l.changed_at
    -- said again of the policy alone: where no such scope is late, no sign-in is read
    WHERE p.policy_id IN (SELECT scope_value FROM late WHERE scope_kind = 'policy')
),
gap AS (
    SELECT
        e.incident_id, e.change_id, e.workspace_id, e.failures_before_it,
        -- as if four more had gone well, lest one stray shortly before the change says much
        e.tries_before_it / (e.tries_before_it + coalesce(g.successes, 0) + 4e0) AS rate_then,
        (i.failures - e.failures_before_it) / nullif(
            i.failures - e.failures_before_it + greatest(0, p.succeeded_during - coalesce(g.successes, 0)), 0) AS rate_since
    FROM earlier AS e
    INNER JOIN incident_facts AS i ON e.incident_id = i.incident_id
    INNER JOIN incident_scope_periods AS p ON e.incident_id = p.incident_id
    LEFT JOIN (
        SELECT incident_id, change_id, workspace_id, sum(successes) AS successes
        FROM good_then
        GROUP BY incident_id, change_id, workspace_id
    ) AS g ON e.incident_id = g.incident_id AND e.change_id = g.change_id AND e.workspace_id = g.workspace_id
),
-- A device may go on for hours with what it was given before its registration was changed; if it still succeeds a day and
-- a half later, what fails afterwards has another reason.
still_well AS (
    SELECT k.incident_id, k.change_id, k.workspace_id, count(*) AS successes
    FROM paired AS k
    INNER JOIN touched_sign_ins AS s
        ON s.result_code = '0' AND k.target_id = s.device_id
        AND s.seen_at >= k.changed_at + INTERVAL '36 hours' AND s.seen_at < k.first_seen_at
    WHERE k.change_kind IN ('device_registration', 'device_state')
    GROUP BY k.incident_id, k.change_id, k.workspace_id
),
-- What became, from the change and the onset on, of the sign-ins that a policy is in force for; in an incident whose scope
-- is the policy itself there is nothing to compare.
in_question AS (
    SELECT DISTINCT
        incident_id, change_id, workspace_id, target_id AS policy_id,
        date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', greatest(first_seen_at, changed_at))) // 900 AS from_slot,
        date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', last_seen_at)) // 900 AS to_slot
    FROM paired
    WHERE change_kind = 'policy' AND NOT (scope_kind = 'policy' AND scope_value = target_id)
        AND changed_at >= first_seen_at - INTERVAL '72 hours'
),
under_policy AS (
    SELECT "value" AS policy_id, slot, false AS failed, successes AS attempts FROM policy_counts
    UNION ALL
    SELECT p.policy_id, date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', s.seen_at)) // 900, true, 1
    FROM failures AS s
    INNER JOIN policy_scopes AS p ON s.user_id = p.user_id AND s.platform = p.platform
    INNER JOIN policy_apps AS a ON p.policy_id = a.policy_id AND s.app_id = a.app_id
),
in_force AS (
    SELECT
        q.incident_id, q.change_id, q.workspace_id,
        coalesce(sum(u.attempts) FILTER (WHERE u.failed), 0) / nullif(sum(u.attempts), 0) AS in_force_rate
    FROM in_question AS q
    INNER JOIN under_policy AS u ON q.policy_id = u.policy_id AND u.slot >= q.from_slot AND u.slot <= q.to_slot
    GROUP BY q.incident_id, q.change_id, q.workspace_id
),
dated AS (
    SELECT
        t.incident_id,
        t.change_id,
        t.workspace_id AS change_workspace_id,
        c.changed_at,
        c.change,
        c.change_kind,
        t.touches,
        t.share AS touched_share,
        greatest(0, date_diff('second', date_trunc('second', c.changed_at), date_trunc('second', i.first_seen_at))) / 36e2
            AS delay_hours,
        coalesce(e.failures_before_it, 0) AS failures_before_it,
        least(1e0, coalesce(e.rate_then / nullif(e.rate_since, 0e0), 0e0)) AS failed_alike_before,
        r.in_force_rate,
        coalesce(w.successes, 0) AS succeeded_later,
        i.failures,
        CASE WHEN NOT n.asks_for_device THEN 5e-1 ELSE 1e0 END AS plausible
    FROM touched AS t
    INNER JOIN paired AS k
        ON t.incident_id = k.incident_id AND t.change_id = k.change_id AND t.workspace_id = k.workspace_id
    INNER JOIN changes AS c ON t.change_id = c.change_id AND t.workspace_id = c.workspace_id
    INNER JOIN incident_facts AS i ON t.incident_id = i.incident_id
    LEFT JOIN gap AS e
        ON t.incident_id = e.incident_id AND t.change_id = e.change_id AND t.workspace_id = e.workspace_id
    LEFT JOIN in_force AS r
        ON t.incident_id = r.incident_id AND t.change_id = r.change_id AND t.workspace_id = r.workspace_id
    LEFT JOIN still_well AS w
        ON t.incident_id = w.incident_id AND t.change_id = w.change_id AND t.workspace_id = w.workspace_id
    LEFT JOIN policy_conditions AS n ON t.change_id = n.change_id AND t.workspace_id = n.workspace_id
    WHERE c.changed_at <= i.tenth_at OR 3 * e.failures_before_it <= i.failures
)
SELECT
    incident_id, change_id, change_workspace_id, changed_at, change, change_kind, touches, touched_share, delay_hours,
    failures_before_it, failed_alike_before, in_force_rate, succeeded_later,
    touches = 'device' AND (
        change_kind = 'device_registration' OR lower(change) LIKE 'delete device%' OR lower(change) LIKE 'hard delete device%'
    ) AS replaces_registration,
    coalesce(touched_share, 5e-1) * plausible * 48e0 / (48e0 + delay_hours) * (1e0 - failures_before_it / failures)
        * (1e0 - failed_alike_before) / (1e0 + succeeded_later) AS strength,
    concat(
        '"', change, '" at ', substr(CAST(changed_at AS VARCHAR), 1, 10), 'T', substr(CAST(changed_at AS VARCHAR), 12, 5), 'Z, ',
        CAST(round(delay_hours, 1) AS VARCHAR), ' hours before the first failure'
    ) AS told
FROM dated
