-- id: app_config_change
-- title: The application's own configuration was changed
-- cause: app_config_change
-- version: 1
-- status: stable
-- severity: high
-- tags: app, change
-- mechanism: indirect
-- requires: table:AuditLogs
-- params: within=72
-- weights: base=-6 on_app=3 change=6 devices=1 others=-1 stranger=-3 never=-3 alone=-3 one_device=-2 brief=-2 spared=-3 companion=-2.5
-- references: entra-docs monitoring-health/reference-audit-activities.md
-- false_positives: A credential of the same application changed within the same hours; the two are not to be told apart.
-- remediation: Compare the application's configuration with the one before the change and roll the change back on trial.
WITH strongest AS (
    SELECT *
    FROM incident_changes
    WHERE change_kind IN ('app_config') AND touches = 'app' AND delay_hours <= $within
    QUALIFY row_number() OVER (PARTITION BY incident_id ORDER BY strength DESC, changed_at DESC, change_id) = 1
),
-- a new key is recorded as a change of the application too: that record is no change of its own
companion AS (
    SELECT c.incident_id
    FROM strongest AS c
    INNER JOIN incident_changes AS k ON c.incident_id = k.incident_id
    WHERE k.change_kind = 'credential' AND k.touches = 'app'
        AND abs(date_diff('second', date_trunc('second', c.changed_at), date_trunc('second', k.changed_at))) <= 600
    GROUP BY c.incident_id
),
-- what ended within hours, though the application was not changed back, was not its doing
changed_back AS (
    SELECT DISTINCT i.incident_id
    FROM strongest AS i
    INNER JOIN changes AS c ON i.change_id = c.change_id AND i.change_workspace_id = c.workspace_id
    INNER JOIN incident_facts AS f ON i.incident_id = f.incident_id
    INNER JOIN changes AS a
        ON a.change_kind IN ('app_config', 'credential', 'certificate', 'key') AND a.target_id = c.target_id
        AND a.changed_at > f.first_seen_at AND a.changed_at <= f.last_seen_at + INTERVAL '12 hours'
)
SELECT
    f.incident_id,
    $base + $on_app * f.app_share + $change * coalesce(c.strength, 0e0) + $devices * least(1e0, f.devices / 5e0)
        + $others * least(1e0, 3e0 * coalesce(k.other_apps_rate, 0e0)) + $stranger * f.strange_share
        + $never * CASE WHEN h.app_succeeded = 0 THEN 1e0 ELSE 0e0 END
        + $alone * CASE WHEN f.users < 2 THEN 1e0 ELSE 0e0 END
        + $one_device * CASE WHEN f.device_share >= 8e-1 THEN 1e0 ELSE 0e0 END
        + $brief * CASE
            WHEN s.succeeded_after > 5 AND b.incident_id IS NULL THEN greatest(0e0, 1e0 - f.core_hours / 8e0) ELSE 0e0
        END
        + $companion * CASE WHEN p.incident_id IS NOT NULL THEN 1e0 ELSE 0e0 END
        -- a change of an application spares nobody who uses it: there as many are refused as in the incident's own scope
        + $spared * CASE
            WHEN f.scope_kind = 'app' THEN 0e0
            ELSE greatest(
                0e0, coalesce(1e0 - k.own_app_rate * (f.failures + s.succeeded_during) / nullif(f.failures, 0), 0e0))
        END AS log_odds,
    c.change_id,
    c.change_workspace_id,
    concat(
        f.app_failures, ' of ', f.failures, ' failures are on one application, from ', f.devices, ' devices of ', f.users,
        ' users', CASE WHEN c.told IS NOT NULL THEN concat('; this application: ', c.told) ELSE '' END,
        CASE WHEN k.other_apps_rate IS NOT NULL THEN concat('; the same devices were refused in ',
            CAST(floor(1e2 * k.other_apps_rate + 5e-1) AS BIGINT), ' of 100 sign-ins to other applications') ELSE '' END, '.'
    ) AS evidence_for,
    concat(
        CASE WHEN c.change_id IS NULL THEN 'No configuration change of this application stands before the onset. ' ELSE '' END,
        CASE WHEN c.failures_before_it > 0 THEN concat(c.failures_before_it, ' failures came before that change. ') ELSE '' END,
        CASE WHEN f.device_share >= 8e-1 THEN 'Nearly all of it is on one device. ' ELSE '' END,
        CASE WHEN c.change_id IS NOT NULL AND s.succeeded_after > 5 AND b.incident_id IS NULL AND f.core_hours < 8e0
            THEN 'It ended within hours, though nothing was changed back. ' ELSE '' END,
        CASE WHEN h.app_succeeded = 0 THEN 'The application has never once succeeded. ' ELSE '' END,
        CASE WHEN f.scope_kind <> 'app' AND k.own_app_rate < s.rate_during / 2e0
            THEN concat('Of all sign-ins to the application only ', CAST(floor(1e2 * k.own_app_rate + 5e-1) AS BIGINT),
                ' of 100 were refused then, here ', CAST(floor(1e2 * s.rate_during + 5e-1) AS BIGINT), '. ') ELSE '' END,
        CASE WHEN p.incident_id IS NOT NULL THEN 'A credential of it was changed within minutes of that. ' ELSE '' END,
        'Standing before the onset makes it a suspect, no more.'
    ) AS evidence_against
FROM incident_facts AS f
INNER JOIN incident_controls AS k ON f.incident_id = k.incident_id
INNER JOIN incident_histories AS h ON f.incident_id = h.incident_id
INNER JOIN incident_scope_periods AS s ON f.incident_id = s.incident_id
LEFT JOIN strongest AS c ON f.incident_id = c.incident_id
LEFT JOIN changed_back AS b ON f.incident_id = b.incident_id
LEFT JOIN companion AS p ON f.incident_id = p.incident_id
WHERE f.app_share >= 5e-1
