-- id: policy_change
-- title: A conditional access or authentication policy began to demand device authentication
-- cause: policy_change
-- version: 1
-- status: stable
-- severity: high
-- tags: policy, change
-- mechanism: indirect
-- requires: table:AuditLogs
-- params: within=72
-- weights: base=-5 change=6 users=1 apps=1 scope=2 outside=-1 stranger=-3 few=-3 one_device=-2 brief=-2 spared=-3
-- references: entra-docs monitoring-health/reference-audit-activities.md
-- false_positives: A build or a network that broke shortly after an unrelated policy change.
-- remediation: Set the policy to report-only for one of the users and see whether the failures end; then find why these devices cannot prove themselves.
WITH strongest AS (
    SELECT t.*
    FROM incident_changes AS t
    INNER JOIN changes AS c ON t.change_id = c.change_id AND t.change_workspace_id = c.workspace_id
    INNER JOIN incident_facts AS i ON t.incident_id = i.incident_id
    WHERE t.change_kind = 'policy' AND t.touches = 'policy' AND t.delay_hours <= $within
    QUALIFY row_number() OVER (
        PARTITION BY t.incident_id
        -- that of the scope's own policy first, unless another is clearly stronger
        ORDER BY t.strength * CASE WHEN i.scope_kind = 'policy' AND i.scope_value <> c.target_id THEN 8e-1 ELSE 1e0 END DESC,
            t.changed_at DESC, t.change_id
    ) = 1
),
-- what ended within hours, though the policy was not changed back, was not its doing
changed_back AS (
    SELECT DISTINCT i.incident_id
    FROM strongest AS i
    INNER JOIN changes AS c ON i.change_id = c.change_id AND i.change_workspace_id = c.workspace_id
    INNER JOIN incident_facts AS f ON i.incident_id = f.incident_id
    INNER JOIN changes AS a
        ON a.change_kind = 'policy' AND coalesce(a.target_id, a.target) = coalesce(c.target_id, c.target)
        AND a.changed_at > f.first_seen_at AND a.changed_at <= f.last_seen_at + INTERVAL '12 hours'
)
SELECT
    f.incident_id,
    $base + $change * coalesce(c.strength, 0e0) + $users * least(1e0, f.users / 8e0) + $apps * least(1e0, f.apps / 4e0)
        + $scope * CASE WHEN f.scope_kind IN ('policy', 'platform', 'os') THEN 1e0 ELSE 0e0 END
        + $outside * least(1e0, 10e0 * coalesce(k.outside_rate, 0e0))
        + $stranger * f.strange_share + $few * CASE WHEN f.users < 3 THEN 1e0 ELSE 0e0 END
        + $one_device * CASE WHEN f.device_share >= 8e-1 THEN 1e0 ELSE 0e0 END
        + $brief * CASE
            WHEN p.succeeded_after > 5 AND b.incident_id IS NULL THEN greatest(0e0, 1e0 - f.core_hours / 8e0) ELSE 0e0
        END
        -- a policy spares nobody whom it is in force for: there as many are refused as in the incident's own scope
        + $spared * greatest(0e0, coalesce(1e0 - c.in_force_rate / nullif(p.rate_during, 0e0), 0e0)) AS log_odds,
    c.change_id,
    c.change_workspace_id,
    concat(
        f.users, ' users and ', f.apps, ' applications of ', f.scope_kind, ' ', f.scope_value, ' fail since ', f.onset,
        CASE WHEN c.touched_share IS NOT NULL THEN concat('; ', CAST(floor(1e2 * c.touched_share + 5e-1) AS BIGINT),
            ' of 100 failures fall under the policy of ', c.told) ELSE coalesce('; ' || c.told, '') END, '.'
    ) AS evidence_for,
    concat(
        CASE WHEN c.change_id IS NULL THEN 'No change of a policy that is for these sign-ins stands before the onset. ' ELSE '' END,
        CASE WHEN c.change_id IS NOT NULL AND c.touched_share IS NULL
            THEN 'No sign-in tells whom that policy is for. ' ELSE '' END,
        CASE WHEN c.failures_before_it > 0 THEN concat(c.failures_before_it, ' failures came before that change. ') ELSE '' END,
        CASE WHEN c.in_force_rate < p.rate_during / 2e0
            THEN concat('Of all sign-ins that it is in force for only ', CAST(floor(1e2 * c.in_force_rate + 5e-1) AS BIGINT),
                ' of 100 were refused from then on, here ', CAST(floor(1e2 * p.rate_during + 5e-1) AS BIGINT), '. ') ELSE '' END,
        CASE WHEN p.succeeded_after > 5 AND b.incident_id IS NULL AND f.core_hours < 8e0
            THEN 'It ended within hours, though nothing was changed back. ' ELSE '' END,
        'A policy asks for a signature, it does not spoil one.'
    ) AS evidence_against
FROM incident_facts AS f
INNER JOIN incident_controls AS k ON f.incident_id = k.incident_id
LEFT JOIN strongest AS c ON f.incident_id = c.incident_id
LEFT JOIN changed_back AS b ON f.incident_id = b.incident_id
INNER JOIN incident_scope_periods AS p ON f.incident_id = p.incident_id
WHERE f.users >= 2
