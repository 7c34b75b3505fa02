-- Audit records that changed something, taken apart and put together: one row a change.
-- stored: yes
-- columns: changes
-- One device join writes several records under different ids and correlation ids, a policy is mirrored by the
-- directory: records of one device, or of one policy, within two minutes of each other are one change, but the upkeep of a
-- device (its system or its compliance was recorded anew) is none that registers or deletes it soon after. Other records
-- are one change where they share target and correlation id. Those of Intune stand as they are.
WITH classified AS (
    SELECT
        a.WorkspaceId AS workspace_id,
        a.Id AS record_id,
        coalesce(a.ActivityDateTime, a.TimeGenerated) AS changed_at,
        trim(replace(replace(coalesce(nullif(a.OperationName, ''), a.ActivityDisplayName), '–', '-'), '—', '-'))
            AS operation,
        coalesce(o.change_kind, 'other') AS change_kind,
        o.target_type,
        a.CorrelationId AS correlation_id,
        coalesce(
            nullif(a.InitiatedBy."user".userPrincipalName, ''),
            nullif(a.InitiatedBy."user".displayName, ''),
            nullif(a.InitiatedBy.app.displayName, ''),
            nullif(a.InitiatedBy."user".id, ''),
            nullif(a.InitiatedBy.app.appId, '')
        ) AS changed_by,
        a.TargetResources AS targets,
        a.AdditionalDetails AS details
    FROM AuditLogs AS a
    LEFT JOIN audit_operations AS o
        ON o.operation = lower(trim(replace(
            replace(coalesce(nullif(a.OperationName, ''), a.ActivityDisplayName), '–', '-'), '—', '-')))
    WHERE lower(coalesce(a.Result, 'success')) NOT IN ('failure', 'timeout')
),
target AS (
    SELECT c.workspace_id, c.record_id, t.target
    FROM classified AS c
    CROSS JOIN UNNEST(c.targets) AS t(target)
),
property AS (
    SELECT
        target.workspace_id,
        target.record_id,
        p.property.displayName AS name,
        p.property.oldValue AS old_text,
        p.property.newValue AS new_text,
        -- values are JSON text inside JSON: one layer of brackets and quotes comes off, the rest is left to read
        trim(regexp_replace(regexp_replace(p.property.oldValue, '^\[?"?|"?\]?$', '', 'g'), '\\"', '"', 'g')) AS old_value,
        trim(regexp_replace(regexp_replace(p.property.newValue, '^\[?"?|"?\]?$', '', 'g'), '\\"', '"', 'g')) AS new_value
    FROM target
    CROSS JOIN UNNEST(target.target.modifiedProperties) AS p(property)
),
detail AS (
    SELECT c.workspace_id, c.record_id, lower(replace(d.detail."key", ' ', '')) AS name, d.detail."value" AS detail_value
    FROM classified AS c
    CROSS JOIN UNNEST(c.details) AS d(detail)
),
named_target AS (
    SELECT
        workspace_id,
        record_id,
        max(nullif(target.id, '')) FILTER (WHERE lower(target."type") = 'device') AS device_object_id,
        max(nullif(target.displayName, '')) FILTER (WHERE lower(target."type") = 'device') AS device_name,
        max(nullif(target.id, '')) FILTER (WHERE lower(target."type") IN ('application', 'serviceprincipal')) AS app_object_id,
        max(nullif(target.displayName, '')) FILTER (WHERE lower(target."type") IN ('application', 'serviceprincipal')) AS app_name,
        max(nullif(target.id, '')) FILTER (WHERE lower(target."type") = 'user') AS user_id,
        max(nullif(target.userPrincipalName, '')) FILTER (WHERE lower(target."type") = 'user') AS user_name,
        max(nullif(target.id, '')) FILTER (WHERE lower(target."type") = 'policy') AS policy_id,
        max(nullif(target.displayName, '')) FILTER (WHERE lower(target."type") = 'policy') AS policy_name,
        max(nullif(target.id, '')) AS any_id,
        max(nullif(target.displayName, '')) AS any_name,
        max(nullif(target."type", '')) AS any_type
    FROM target
    GROUP BY workspace_id, record_id
),
named_property AS (
    SELECT
        workspace_id,
        record_id,
        max(coalesce(nullif(new_value, ''), old_value)) FILTER (WHERE name IN ('DeviceId', 'TargetId.DeviceId')) AS device_id,
        max(coalesce(nullif(new_value, ''), old_value)) FILTER (WHERE name = 'Device.ObjectID') AS device_object_id,
        max(coalesce(nullif(new_value, ''), old_value)) FILTER (WHERE name = 'Device.DisplayName') AS device_name,
        max(coalesce(nullif(new_value, ''), old_value)) FILTER (WHERE name = 'AppId') AS app_id,
        -- among a service principal's names stands the id of its application
        max(regexp_extract(
            coalesce(nullif(new_value, ''), old_value),
            '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}',
            0
        )) FILTER (WHERE name = 'TargetId.ServicePrincipalNames') AS service_principal_name,
        bool_or(name = 'KeyDescription' AND old_value IS DISTINCT FROM new_value) AS changes_key,
        string_agg(concat(name, ': ', old_value), '; ' ORDER BY name, old_value)
            FILTER (WHERE old_value <> '' AND name <> 'Included Updated Properties' AND name NOT LIKE 'TargetId.%') AS old_value,
        string_agg(concat(name, ': ', new_value), '; ' ORDER BY name, new_value)
            FILTER (WHERE new_value <> '' AND name <> 'Included Updated Properties' AND name NOT LIKE 'TargetId.%') AS new_value
    FROM property
    GROUP BY workspace_id, record_id
),
named_detail AS (
    SELECT
        workspace_id,
        record_id,
        max(nullif(detail_value, '')) FILTER (WHERE name = 'deviceid') AS device_id,
        max(nullif(detail_value, '')) FILTER (WHERE name = 'appid') AS app_id
    FROM detail
    GROUP BY workspace_id, record_id
),
-- object ids of devices and applications, with the ids that sign-ins use, wherever one record tells both
device_ids AS (
    SELECT t.device_object_id, max(coalesce(p.device_id, d.device_id)) AS device_id
    FROM named_target AS t
    LEFT JOIN named_property AS p ON t.workspace_id = p.workspace_id AND t.record_id = p.record_id
    LEFT JOIN named_detail AS d ON t.workspace_id = d.workspace_id AND t.record_id = d.record_id
    WHERE t.device_object_id IS NOT NULL AND coalesce(p.device_id, d.device_id) IS NOT NULL
    GROUP BY t.device_object_id
),
app_ids AS (
    SELECT service_principal_id AS app_object_id, max(app_id) AS app_id
    FROM recorded_sign_ins
    WHERE service_principal_id IS NOT NULL
    GROUP BY service_principal_id
),
-- an application's name stands in for its id where one application alone bears it
app_names AS (
    SELECT app, max(app_id) AS app_id
    FROM (SELECT DISTINCT app, app_id FROM recorded_sign_ins WHERE app IS NOT NULL) AS called
    GROUP BY app
    HAVING count(app_id) = 1
),
resolved AS (
    SELECT
        c.workspace_id,
        c.record_id,
        c.changed_at,
        c.operation,
        CASE WHEN c.change_kind = 'app_config' AND coalesce(p.changes_key, false) THEN 'credential' ELSE c.change_kind END
            AS change_kind,
        CASE
            WHEN c.change_kind IN ('device_registration', 'device_state')
                OR coalesce(p.device_id, d.device_id, t.device_object_id, p.device_object_id) IS NOT NULL THEN 'Device'
            WHEN t.app_object_id IS NOT NULL THEN 'Application'
            WHEN t.policy_id IS NOT NULL THEN 'Policy'
            WHEN t.user_id IS NOT NULL THEN 'User'
            ELSE coalesce(t.any_type, c.target_type, 'Other')
        END AS target_type,
        coalesce(p.device_id, d.device_id, device_ids.device_id, t.device_object_id, p.device_object_id) AS device_key,
        coalesce(t.device_name, p.device_name) AS device_name,
        coalesce(d.app_id, p.app_id, app_ids.app_id, nullif(p.service_principal_name, ''), app_names.app_id, t.app_object_id)
            AS app_key,
        t.app_name,
        t.policy_id,
        t.policy_name,
        t.user_id,
        t.user_name,
        t.any_id,
        t.any_name,
        c.changed_by,
        c.correlation_id,
        p.old_value,
        p.new_value
    FROM classified AS c
    LEFT JOIN named_target AS t ON c.workspace_id = t.workspace_id AND c.record_id = t.record_id
    LEFT JOIN named_property AS p ON c.workspace_id = p.workspace_id AND c.record_id = p.record_id
    LEFT JOIN named_detail AS d ON c.workspace_id = d.workspace_id AND c.record_id = d.record_id
    LEFT JOIN device_ids ON coalesce(t.device_object_id, p.device_object_id) = device_ids.device_object_id
    LEFT JOIN app_ids ON t.app_object_id = app_ids.app_object_id
    LEFT JOIN app_names ON t.app_name = app_names.app
),
aimed AS (
    SELECT
        *,
        CASE target_type
            WHEN 'Device' THEN coalesce(device_key, device_name)
            WHEN 'Application' THEN app_key
            WHEN 'Policy' THEN policy_id
            WHEN 'User' THEN user_id
            ELSE coalesce(any_id, any_name)
        END AS target_id,
        CASE target_type
            WHEN 'Device' THEN device_name
            WHEN 'Application' THEN app_name
            WHEN 'Policy' THEN policy_name
            WHEN 'User' THEN coalesce(user_name, any_name)
            ELSE coalesce(any_name, any_id)
        END AS target
    FROM resolved
),
bundled AS (
    SELECT
        *,
        CASE
            WHEN target_type = 'Device' AND target_id IS NOT NULL THEN concat('device ', target_id)
            WHEN target_type = 'Policy' AND target_id IS NOT NULL THEN concat('policy ', target_id)
            WHEN coalesce(correlation_id, '') <> '' AND target_id IS NOT NULL
                THEN concat('request ', target_id, ' ', correlation_id)
            ELSE concat('record ', record_id)
        END AS bundle,
        coalesce(operation IN ('Update device', 'Device no longer compliant', 'Device no longer managed'), false) AS is_upkeep
    FROM aimed
),
followed AS (
    SELECT
        *,
        lag(changed_at) OVER (PARTITION BY workspace_id, bundle ORDER BY changed_at, record_id) AS before_it,
        max(changed_at) FILTER (WHERE NOT is_upkeep) OVER (
            PARTITION BY workspace_id, bundle ORDER BY changed_at, record_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS other_before_it
    FROM bundled
),
started AS (
    SELECT
        *,
        CASE
            -- what only upkeep stands before begins a change of its own
            WHEN date_diff('second', date_trunc('second', CASE WHEN is_upkeep THEN before_it ELSE other_before_it END),
                date_trunc('second', changed_at)) <= 120 THEN 0
            ELSE 1
        END AS starts
    FROM followed
),
numbered AS (
    SELECT
        *,
        sum(starts) OVER (
            PARTITION BY workspace_id, bundle ORDER BY changed_at, record_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS change_number
    FROM started
),
ranked AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY workspace_id, bundle, change_number ORDER BY changed_at, record_id) AS position,
        row_number() OVER (
            PARTITION BY workspace_id, bundle, change_number
            ORDER BY
                CASE
                    WHEN operation = 'Register device' THEN 1
                    WHEN operation = 'Add device' THEN 2
                    WHEN operation = 'Unregister device' THEN 3
                    WHEN change_kind = 'credential' THEN 4
                    WHEN operation IN ('Add registered owner to device', 'Add registered users to device') THEN 6
                    ELSE 5
                END,
                changed_at,
                record_id
        ) AS telling
    FROM numbered
)
SELECT
    max(record_id) FILTER (WHERE position = 1) AS change_id,
    workspace_id,
    min(changed_at) AS changed_at,
    -- the operation that tells most, and how many records stand behind it
    concat(
        max(operation) FILTER (WHERE telling = 1),
        CASE WHEN count(*) > 1 THEN concat(' (', count(*), ' audit records)') ELSE '' END
    ) AS change,
    CASE
        WHEN bool_or(change_kind = 'device_registration') THEN 'device_registration'
        WHEN bool_or(change_kind = 'credential') THEN 'credential'
        ELSE min(change_kind)
    END AS change_kind,
    max(target_type) AS target_type,
    max(target_id) AS target_id,
    max(target) AS target,
    max(changed_by) FILTER (WHERE position = 1) AS changed_by,
    string_agg(old_value, '; ' ORDER BY changed_at, record_id) AS old_value,
    string_agg(new_value, '; ' ORDER BY changed_at, record_id) AS new_value
FROM ranked
GROUP BY workspace_id, bundle, change_number
UNION ALL
SELECT change_id, workspace_id, changed_at, change, change_kind, target_type, target_id, target, changed_by, old_value, new_value
FROM intune_changes
