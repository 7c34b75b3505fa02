-- id: device_key_unavailable
-- title: The device's key is there but cannot be used at times
-- cause: device_key_unavailable
-- version: 1
-- status: stable
-- severity: low
-- tags: device
-- mechanism: direct
-- params: within=96
-- weights: base=-5 on_device=3 mixed=4 silent=0.5 long=1.5 change=-3 clock=-5 apart=-2 newcomers=-5 unknown=-4
-- references: objc-common MSIDKeyOperationUtil (signing failure is not checked)
-- false_positives: A clock that drifts now and then without leaving a clock code; two machines behind one device id.
-- remediation: Look on the device for what locks its key store at these times (first unlock, keychain access list, enclave busy), and update the broker.
WITH strongest AS (
    SELECT incident_id, max(strength) AS strength
    FROM incident_changes
    WHERE replaces_registration AND delay_hours <= $within
    GROUP BY incident_id
)
SELECT
    f.incident_id,
    $base + $on_device * f.device_share + $mixed * least(1e0, coalesce(h.device_good_share, 0e0) / 3e-1)
        + $silent * f.silent_share + $long * least(1e0, f.core_hours / 24e0) + $change * coalesce(c.strength, 0e0)
        + $clock * greatest(0e0, least(1e0, (n.clock_codes - n.clock_codes_expected) / 3e0))
        + $apart * least(1e0, 4e0 * h.apart_share) + $newcomers * least(1e0, h.new_users / 2e0)
        + $unknown * CASE WHEN h.device_succeeded_before = 0 THEN 1e0 ELSE 0e0 END AS log_odds,
    CAST(NULL AS VARCHAR) AS change_id,
    CAST(NULL AS VARCHAR) AS change_workspace_id,
    concat(
        f.device_failures, ' of ', f.failures, ' failures are on one device, and between them ',
        CAST(floor(1e2 * coalesce(h.device_good_share, 0e0) + 5e-1) AS BIGINT),
        ' of 100 half-hours with sign-ins hold a success; ', CAST(floor(1e2 * f.silent_share + 5e-1) AS BIGINT),
        ' of 100 failures were silent.'
    ) AS evidence_for,
    concat(
        CASE WHEN c.strength > 0e0 THEN 'Its registration was changed before the onset. ' ELSE '' END,
        CASE WHEN n.clock_codes > n.clock_codes_expected
            THEN concat(n.clock_codes, ' nonce or clock errors stand beside it. ') ELSE '' END,
        CASE WHEN h.new_users > 0 THEN concat(h.new_users, ' users are new to the device. ') ELSE '' END,
        'Seventy of 100 failures lie within ', CAST(round(f.core_hours, 1) AS VARCHAR), ' hours.'
    ) AS evidence_against
FROM incident_facts AS f
INNER JOIN incident_histories AS h ON f.incident_id = h.incident_id
INNER JOIN incident_neighbours AS n ON f.incident_id = n.incident_id
LEFT JOIN strongest AS c ON f.incident_id = c.incident_id
WHERE f.device_share >= 5e-1
