-- id: service_incident
-- title: The sign-in service itself failed
-- cause: service_incident
-- version: 1
-- status: stable
-- severity: medium
-- tags: service
-- mechanism: direct
-- params: hours=24
-- weights: base=-7 tenant=3 region=2 apps=1 devices=1 platforms=1 spread=2 short=2 brief=1 recovered=1 domain=-3 stranger=-2 elsewhere_well=-2
-- references: Microsoft Entra service health
-- false_positives: A way out that every user of a tenant shares.
-- remediation: Compare with the service health page for these hours; nothing is to be done here once it has ended.
SELECT
    f.incident_id,
    $base + $tenant * CASE WHEN f.scope_kind IN ('tenant', 'mode') THEN 1e0 ELSE 0e0 END
        + $region * CASE WHEN f.scope_kind = 'region' THEN 1e0 ELSE 0e0 END
        + $apps * least(1e0, f.apps / 5e0) + $devices * least(1e0, f.devices / 10e0)
        + $platforms * least(1e0, (f.platforms - 1) / 2e0)
        + $spread * (1e0 - greatest(f.app_share, f.ip_share, f.device_share))
        + $short * CASE WHEN f.core_hours <= $hours THEN 1e0 ELSE 0e0 END
        + $brief * CASE WHEN p.succeeded_after > 5 THEN greatest(0e0, 1e0 - f.core_hours / 8e0) ELSE 0e0 END
        + $recovered * CASE WHEN p.succeeded_after > 5 THEN 1e0 ELSE 0e0 END
        + $domain * greatest(
            0e0, coalesce((f.domain_share - k.usual_domain_share) / nullif(1e0 - k.usual_domain_share, 0e0), 0e0))
        + $stranger * f.strange_share
        + $elsewhere_well * CASE
            WHEN k.other_networks_attempts >= 5 THEN 1e0 - least(1e0, 3e0 * k.other_networks_rate) ELSE 0e0
        END AS log_odds,
    CAST(NULL AS VARCHAR) AS change_id,
    CAST(NULL AS VARCHAR) AS change_workspace_id,
    concat(
        f.apps, ' applications, ', f.devices, ' devices, ', f.platforms, ' platforms and ', f.domains,
        ' domains fail at once; 70 of 100 failures lie within ', CAST(round(f.core_hours, 1) AS VARCHAR), ' hours; ',
        p.succeeded_after, ' sign-ins of the scope succeeded afterwards.'
    ) AS evidence_for,
    concat(
        'Its commonest application holds ', CAST(floor(1e2 * f.app_share + 5e-1) AS BIGINT), ', its commonest address ',
        CAST(floor(1e2 * f.ip_share + 5e-1) AS BIGINT), ' of 100 failures',
        coalesce(
            '; outside it ' || CAST(CAST(floor(1e2 * k.outside_rate + 5e-1) AS BIGINT) AS VARCHAR) || ' of 100 sign-ins were refused', ''), '.'
    ) AS evidence_against
FROM incident_facts AS f
INNER JOIN incident_controls AS k ON f.incident_id = k.incident_id
INNER JOIN incident_scope_periods AS p ON f.incident_id = p.incident_id
WHERE f.devices + f.users >= 4
