-- id: federation_change
-- title: A domain's federation settings or signing certificate were changed
-- cause: federation_change
-- version: 1
-- status: stable
-- severity: high
-- tags: federation, change
-- mechanism: doubtful
-- requires: table:AuditLogs
-- params: within=72
-- weights: base=-7 change=6 users=1 apps=1 domain=2 scope=1 others=-1 alone=-3 brief=-2 unrecorded=-2
-- references: AADSTS5000811; Set federation settings on domain
-- false_positives: A network or a policy that only people of this domain use.
-- remediation: Compare the domain's federation settings and token-signing certificate with the identity provider's, and set them right or back.
WITH strongest AS (
    SELECT *
    FROM incident_changes
    WHERE change_kind = 'federation' AND touches = 'domain' AND delay_hours <= $within
    QUALIFY row_number() OVER (PARTITION BY incident_id ORDER BY strength DESC, changed_at DESC, change_id) = 1
),
-- what ended within hours, though the domain was not changed back, was not its doing
changed_back AS (
    SELECT DISTINCT i.incident_id
    FROM strongest AS i
    INNER JOIN changes AS c ON i.change_id = c.change_id AND i.change_workspace_id = c.workspace_id
    INNER JOIN incident_facts AS f ON i.incident_id = f.incident_id
    INNER JOIN changes AS a
        ON a.change_kind = 'federation' AND coalesce(a.target_id, a.target) = coalesce(c.target_id, c.target)
        AND a.changed_at > f.first_seen_at AND a.changed_at <= f.last_seen_at + INTERVAL '12 hours'
)
SELECT
    f.incident_id,
    $base + $change * coalesce(c.strength, 0e0) + $users * least(1e0, f.users / 5e0) + $apps * least(1e0, f.apps / 4e0)
        + $domain * greatest(
            0e0, coalesce((f.domain_share - k.usual_domain_share) / nullif(1e0 - k.usual_domain_share, 0e0), 0e0))
        + $scope * CASE WHEN f.scope_kind = 'domain' THEN 1e0 ELSE 0e0 END
        + $others * least(1e0, 5e0 * coalesce(k.other_domains_rate, 0e0))
        + $alone * CASE WHEN f.users < 2 THEN 1e0 ELSE 0e0 END
        + $brief * CASE
            WHEN p.succeeded_after > 5 AND b.incident_id IS NULL THEN greatest(0e0, 1e0 - f.core_hours / 8e0) ELSE 0e0
        END
        + $unrecorded * CASE WHEN c.change_id IS NULL THEN 1e0 ELSE 0e0 END AS log_odds,
    c.change_id,
    c.change_workspace_id,
    concat(
        f.domain_failures, ' of ', f.failures, ' failures are of users of ', f.top_domain, ', over ', f.apps,
        ' applications and ', f.devices, ' devices', coalesce('; this domain: ' || c.told, ''), '.'
    ) AS evidence_for,
    concat(
        CASE WHEN c.change_id IS NULL THEN 'No federation change of this domain stands before the onset. ' ELSE '' END,
        CASE WHEN c.failures_before_it > 0 THEN concat(c.failures_before_it, ' failures came before that change. ') ELSE '' END,
        coalesce(
            CAST(CAST(floor(1e2 * k.other_domains_rate + 5e-1) AS BIGINT) AS VARCHAR) || ' of 100 sign-ins of other domains were refused then. ', ''),
        CASE WHEN p.succeeded_after > 5 AND b.incident_id IS NULL AND f.core_hours < 8e0
            THEN 'It ended within hours, though nothing was changed back. ' ELSE '' END,
        'Federation has signature errors of its own; that it spoils a device''s signature is doubtful.'
    ) AS evidence_against
FROM incident_facts AS f
INNER JOIN incident_controls AS k ON f.incident_id = k.incident_id
LEFT JOIN strongest AS c ON f.incident_id = c.incident_id
LEFT JOIN changed_back AS b ON f.incident_id = b.incident_id
INNER JOIN incident_scope_periods AS p ON f.incident_id = p.incident_id
WHERE f.domain_share >= 8e-1
