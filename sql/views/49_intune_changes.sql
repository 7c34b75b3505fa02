-- Audit records of Intune that changed an app, a profile or a policy, one row each.
-- columns: changes
-- The kinds of operation are patterns of audit_operations. Most profiles are written as DeviceConfiguration or the like:
-- whether one is of a VPN, a Wi-Fi, a proxy or a certificate, its name and its settings tell.
WITH told AS (
    SELECT
        WorkspaceId AS workspace_id,
        Id AS record_id,
        TimeGenerated AS changed_at,
        trim(OperationName) AS operation,
        nullif("Identity", '') AS "identity",
        TRY_CAST(TRY_CAST(Properties AS JSON) AS STRUCT(
            Actor STRUCT(UPN VARCHAR, "Name" VARCHAR, ApplicationName VARCHAR, ObjectId VARCHAR),
            TargetDisplayNames VARCHAR[],
            TargetObjectIds VARCHAR[],
            Targets STRUCT("Name" VARCHAR, ModifiedProperties STRUCT("Name" VARCHAR, "Old" VARCHAR, "New" VARCHAR)[])[]
        )) AS said
    FROM IntuneAuditLogs
    WHERE lower(coalesce(ResultType, 'success')) NOT IN ('failure', 'failed', 'timeout')
),
property AS (
    SELECT t.workspace_id, t.record_id, p.property."Name" AS "name", p.property."Old" AS old_value, p.property."New" AS new_value
    FROM told AS t
    CROSS JOIN UNNEST(t.said.Targets) AS u(touched)
    CROSS JOIN UNNEST(u.touched.ModifiedProperties) AS p(property)
),
settings AS (
    SELECT
        workspace_id,
        record_id,
        string_agg(concat("name", ': ', old_value), '; ' ORDER BY "name", old_value)
            FILTER (WHERE old_value NOT IN ('', '<null>')) AS old_value,
        string_agg(concat("name", ': ', new_value), '; ' ORDER BY "name", new_value)
            FILTER (WHERE new_value NOT IN ('', '<null>')) AS new_value
    FROM property
    GROUP BY workspace_id, record_id
),
named AS (
    SELECT
        t.workspace_id,
        t.record_id,
        t.changed_at,
        t.operation,
        t."identity",
        t.said.Actor AS actor,
        s.old_value,
        s.new_value,
        -- an object without a name is called <null>
        list_filter(t.said.TargetObjectIds, lambda each: each NOT IN ('', '<null>')) AS ids,
        list_filter(t.said.TargetDisplayNames, lambda each: each NOT IN ('', '<null>')) AS names,
        list_filter(list_transform(t.said.Targets, lambda each: each."Name"), lambda each: each NOT IN ('', '<null>'))
            AS other_names
    FROM told AS t
    LEFT JOIN settings AS s ON t.workspace_id = s.workspace_id AND t.record_id = s.record_id
),
aimed AS (
    SELECT
        *,
        CASE WHEN array_length(ids) > 0 THEN ids[1] END AS first_id,
        coalesce(nullif(array_to_string(names, ', '), ''), nullif(array_to_string(other_names, ', '), '')) AS target
    FROM named
),
classified AS (
    SELECT
        a.workspace_id,
        a.record_id,
        -- of what an operation may be, configuration says least
        coalesce(min(o.target_type) FILTER (WHERE o.target_type <> 'ConfigurationProfile'), min(o.target_type)) AS target_type
    FROM aimed AS a
    INNER JOIN audit_operations AS o ON o.change_kind = 'intune' AND lower(a.operation) LIKE replace(o.operation, '*', '%')
    GROUP BY a.workspace_id, a.record_id
)
SELECT
    a.record_id AS change_id,
    a.workspace_id,
    a.changed_at,
    a.operation AS change,
    'intune' AS change_kind,
    CASE
        WHEN c.target_type <> 'ConfigurationProfile' THEN c.target_type
        WHEN regexp_matches(concat_ws(' ', a.target, a.old_value, a.new_value), '(?i)vpn') THEN 'Vpn'
        WHEN regexp_matches(concat_ws(' ', a.target, a.old_value, a.new_value), '(?i)wi-?fi') THEN 'WiFi'
        WHEN regexp_matches(concat_ws(' ', a.target, a.old_value, a.new_value), '(?i)proxy') THEN 'Proxy'
        WHEN regexp_matches(concat_ws(' ', a.target, a.old_value, a.new_value), '(?i)certificate|scep|pkcs') THEN 'Certificate'
        ELSE c.target_type
    END AS target_type,
    a.first_id AS target_id,
    coalesce(a.target, a.first_id) AS target,
    coalesce(
        nullif(a.actor.UPN, ''),
        nullif(a.actor."Name", ''),
        a."identity",
        nullif(a.actor.ApplicationName, ''),
        nullif(a.actor.ObjectId, '')
    ) AS changed_by,
    a.old_value,
    a.new_value
FROM aimed AS a
INNER JOIN classified AS c ON a.workspace_id = c.workspace_id AND a.record_id = c.record_id
