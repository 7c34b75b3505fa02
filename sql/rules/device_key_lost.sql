-- id: device_key_lost
-- title: The device's private key or its certificate is gone
-- cause: device_key_lost
-- version: 1
-- status: stable
-- severity: medium
-- tags: device
-- mechanism: indirect
-- params: within=96
-- weights: base=-4 on_device=3 silence=4 hello=0.5 change=-5 clock=-3 apart=-2 newcomers=-3 unknown=-4 one_app=-1
-- references: entra-docs devices/faq.yml; NTE_BAD_KEYSET 0x80090016
-- false_positives: A re-registration that the audit log does not record; a locked keychain while nobody signs in with success.
-- remediation: Repair the registration on the device (Windows: dsregcmd /forcerecovery; phones and Macs: unregister, then register), and ask what was cleared, restored or replaced at the onset.
WITH strongest AS (
    SELECT incident_id, max(strength) AS strength
    FROM incident_changes
    WHERE replaces_registration AND delay_hours <= $within
    GROUP BY incident_id
)
SELECT
    f.incident_id,
    $base + $on_device * f.device_share + $silence * greatest(0e0, 1e0 - 3e0 * coalesce(h.device_good_share, 0e0))
        + $hello * least(1e0, n.hello_codes / 1e0) + $change * coalesce(c.strength, 0e0)
        + $clock * greatest(0e0, least(1e0, (n.clock_codes - n.clock_codes_expected) / 3e0))
        + $apart * least(1e0, 4e0 * h.apart_share) + $newcomers * coalesce(h.new_users / nullif(h.device_users, 0), 0e0)
        + $unknown * CASE WHEN h.device_succeeded_before = 0 THEN 1e0 ELSE 0e0 END
        + $one_app * CASE WHEN f.apps = 1 THEN 1e0 ELSE 0e0 END AS log_odds,
    CAST(NULL AS VARCHAR) AS change_id,
    CAST(NULL AS VARCHAR) AS change_workspace_id,
    concat(
        f.device_failures, ' of ', f.failures, ' failures are on one device, over ', f.apps, ' applications; it succeeded ',
        h.device_succeeded_before, ' times before ', f.onset, ' and ', h.device_succeeded_during,
        ' times between first and last failure',
        CASE WHEN n.hello_codes > 0 THEN concat('; ', n.hello_codes, ' Windows Hello key errors beside it') ELSE '' END, '.'
    ) AS evidence_for,
    concat(
        CASE WHEN c.strength > 0e0 THEN 'Its registration was changed before the onset. ' ELSE '' END,
        CASE WHEN h.device_succeeded_before = 0 THEN 'There is no success before the onset to compare with. ' ELSE '' END,
        'Between the failures ', CAST(floor(1e2 * coalesce(h.device_good_share, 0e0) + 5e-1) AS BIGINT),
        ' of 100 half-hours with sign-ins hold a success; a key that cannot be used looks the same while nothing succeeds.'
    ) AS evidence_against
FROM incident_facts AS f
INNER JOIN incident_histories AS h ON f.incident_id = h.incident_id
INNER JOIN incident_neighbours AS n ON f.incident_id = n.incident_id
LEFT JOIN strongest AS c ON f.incident_id = c.incident_id
WHERE f.device_share >= 5e-1
