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
-- replaces_registration: whether it put in place or removed the registration of the device that it touches
-- strength: 0 to 1: touched share, less the longer it took (half after two days), less the failures that came before it, less where a policy asks for no device
-- told: the change and its time in words
WITH touching AS (
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
    WHERE c.change_kind = 'policy' AND c.target_id IS NOT NULL
    UNION ALL
    SELECT c.change_id, c.workspace_id, 'domain', 'domain', lower(t.name)
    FROM changes AS c
    CROSS JOIN (SELECT DISTINCT "value" AS name FROM incident_values WHERE kind = 'domain') AS t
    WHERE c.change_kind = 'federation' AND lower(t.name) IN (lower(c.target_id), lower(c.target))
),
-- the platforms that a policy includes, and whether it asks for a device at all, as its new value in the log has it
condition AS (
    SELECT
        change_id,
        workspace_id,
        regexp_extract(lower(new_value), 'includeplatforms": ?\[([^\]]*)', 1) AS platforms,
        lower(new_value) LIKE '%grantcontrols%' AND lower(new_value) NOT LIKE '%compliantdevice%'
            AND lower(new_value) NOT LIKE '%domainjoineddevice%' AS asks_for_no_device
    FROM changes
    WHERE change_kind = 'policy'
),
platform_share AS (
    SELECT
        v.incident_id, c.change_id, c.workspace_id,
        coalesce(sum(v.share) FILTER (
            WHERE c.platforms LIKE concat('%"', v."value", '"%') OR c.platforms LIKE '%"all"%'
        ), 0e0) AS share
    FROM condition AS c
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
    -- a policy that no sign-in lists as in force: whom it touches is read off its conditions, if the record holds them
    SELECT i.incident_id, t.change_id, t.workspace_id, t.touches, p.share
    FROM touching AS t
    CROSS JOIN incident_facts AS i
    LEFT JOIN platform_share AS p
        ON i.incident_id = p.incident_id AND t.change_id = p.change_id AND t.workspace_id = p.workspace_id
    WHERE t.touches = 'policy' AND NOT EXISTS (
        SELECT 1 FROM policy_scopes AS l WHERE l.policy_id = t."value"
    )
    UNION ALL
    SELECT i.incident_id, c.change_id, c.workspace_id, 'network' AS touches, i.network_share AS share
    FROM changes AS c
    CROSS JOIN incident_facts AS i
    WHERE lower(c.change) LIKE '%forwarding p%' OR lower(c.change) LIKE '%forwarding rule%'
        OR lower(c.change) LIKE '%remote network%' OR lower(c.change) LIKE '%filtering policy%'
        OR lower(c.change) LIKE 'create certificate%' OR lower(c.change) LIKE 'update certificate%'
        OR lower(c.change) LIKE 'delete certificate%'
),
earlier AS (
    SELECT t.incident_id, t.change_id, t.workspace_id, count(*) FILTER (WHERE f.seen_at < c.changed_at) AS failures_before_it
    FROM touched AS t
    INNER JOIN changes AS c ON t.change_id = c.change_id AND t.workspace_id = c.workspace_id
    INNER JOIN failures AS f ON t.incident_id = f.incident_id
    GROUP BY t.incident_id, t.change_id, t.workspace_id
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
        e.failures_before_it,
        i.failures,
        CASE WHEN n.asks_for_no_device THEN 5e-1 ELSE 1e0 END AS plausible
    FROM touched AS t
    INNER JOIN changes AS c ON t.change_id = c.change_id AND t.workspace_id = c.workspace_id
    INNER JOIN incident_facts AS i ON t.incident_id = i.incident_id
    INNER JOIN earlier AS e
        ON t.incident_id = e.incident_id AND t.change_id = e.change_id AND t.workspace_id = e.workspace_id
    LEFT JOIN condition AS n ON t.change_id = n.change_id AND t.workspace_id = n.workspace_id
    WHERE c.changed_at <= i.tenth_at AND c.changed_at >= i.first_seen_at - INTERVAL '14 days'
)
SELECT
    incident_id, change_id, change_workspace_id, changed_at, change, change_kind, touches, touched_share, delay_hours,
    failures_before_it,
    touches = 'device' AND (
        change_kind = 'device_registration' OR lower(change) LIKE 'delete device%' OR lower(change) LIKE 'hard delete device%'
    ) AS replaces_registration,
    coalesce(touched_share, 5e-1) * plausible * 48e0 / (48e0 + delay_hours) * (1e0 - failures_before_it / failures)
        AS strength,
    concat(
        '"', change, '" at ', substr(CAST(changed_at AS VARCHAR), 1, 10), 'T', substr(CAST(changed_at AS VARCHAR), 12, 5), 'Z, ',
        CAST(round(delay_hours, 1) AS VARCHAR), ' hours before the first failure'
    ) AS told
FROM dated
