-- id: network_interception
-- title: A proxy or TLS inspection alters what the device signed
-- cause: network_interception
-- version: 1
-- status: stable
-- severity: high
-- tags: network
-- mechanism: direct
-- params: within=72
-- weights: base=-6 source=4 devices=1 apps=1 elsewhere_well=3 scope=1 change=2 stranger=-5 few=-4 one_app=-1 one_device=-2
-- references: AADSTS50192; Global Secure Access TLS inspection
-- false_positives: An attack from one address; an office where one build or one policy is used alone.
-- remediation: Exempt the sign-in service's hosts from inspection on this way out, and let one device sign in past it.
WITH strongest AS (
    SELECT *
    FROM incident_changes
    WHERE touches = 'network' AND delay_hours <= $within
    QUALIFY row_number() OVER (PARTITION BY incident_id ORDER BY strength DESC, changed_at DESC, change_id) = 1
),
lifted AS (
    SELECT
        f.incident_id,
        greatest(
            0e0,
            coalesce((f.ip_share - k.usual_address_share) / nullif(1e0 - k.usual_address_share, 0e0), 0e0),
            coalesce((f.network_share - k.usual_network_share) / nullif(1e0 - k.usual_network_share, 0e0), 0e0)
        ) AS lift
    FROM incident_facts AS f
    INNER JOIN incident_controls AS k ON f.incident_id = k.incident_id
)
SELECT
    f.incident_id,
    $base + $source * l.lift + $devices * least(1e0, f.devices / 4e0) + $apps * least(1e0, f.apps / 4e0)
        + $elsewhere_well * CASE
            WHEN k.other_networks_attempts >= 5 THEN 1e0 - least(1e0, 3e0 * k.other_networks_rate) ELSE 0e0
        END
        + $scope * CASE WHEN f.scope_kind IN ('ip', 'network', 'region') THEN 1e0 ELSE 0e0 END + $change * coalesce(c.strength, 0e0)
        + $stranger * f.strange_share + $few * CASE WHEN f.devices < 2 OR f.users < 2 THEN 1e0 ELSE 0e0 END
        + $one_app * CASE WHEN f.apps = 1 THEN 1e0 ELSE 0e0 END
        + $one_device * CASE WHEN f.device_share >= 8e-1 THEN 1e0 ELSE 0e0 END AS log_odds,
    c.change_id,
    c.change_workspace_id,
    concat(
        f.ip_failures, ' of ', f.failures, ' failures come from ', f.top_ip, ', from ', f.devices, ' devices and ', f.apps,
        ' applications', coalesce(
            '; from elsewhere the same devices were refused in '
                || CAST(CAST(floor(1e2 * k.other_networks_rate + 5e-1) AS BIGINT) AS VARCHAR) || ' of 100 sign-ins', ''),
        coalesce('; ' || c.told, ''), '.'
    ) AS evidence_for,
    concat(
        CASE WHEN f.users < 2 THEN 'Only one user is behind it. ' ELSE '' END,
        CASE WHEN k.other_networks_attempts < 5 THEN 'The same devices hardly signed in from elsewhere. ' ELSE '' END,
        CASE WHEN f.strange_share > 0e0 THEN concat(CAST(floor(1e2 * f.strange_share + 5e-1) AS BIGINT),
            ' of 100 failures come from where their user never succeeded. ') ELSE '' END,
        'The logs cannot show what was altered on the way.'
    ) AS evidence_against
FROM incident_facts AS f
INNER JOIN incident_controls AS k ON f.incident_id = k.incident_id
INNER JOIN lifted AS l ON f.incident_id = l.incident_id
LEFT JOIN strongest AS c ON f.incident_id = c.incident_id
WHERE l.lift >= 3e-1
