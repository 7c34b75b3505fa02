-- id: device_identity_cloned
-- title: Several machines present one registration
-- cause: device_identity_cloned
-- version: 1
-- status: stable
-- severity: high
-- tags: device, security
-- mechanism: direct
-- params: newcomers=2
-- weights: base=-5 on_device=3 strangers=6 working=1 apart=4 few=-2 unknown=-4
-- references: entra-docs howto-device-identity-virtual-desktop-infrastructure.md
-- false_positives: A shared device that was handed to a new team; a kiosk has many users but no new ones.
-- remediation: Find the machines that share this device id (image cloned after join, roamed profile), let each leave and join anew, and mend the image.
SELECT
    f.incident_id,
    $base + $on_device * f.device_share
        + $strangers * least(1e0, h.new_users / nullif(1e0 + $newcomers, 0e0)) * coalesce(h.new_users / nullif(h.device_users, 0), 0e0)
        + $working * CASE WHEN h.new_users >= $newcomers AND h.device_succeeded_during > 0 THEN 1e0 ELSE 0e0 END
        + $apart * least(1e0, 4e0 * h.apart_share) * least(1e0, h.new_users)
        + $few * CASE WHEN h.new_users < $newcomers THEN 1e0 ELSE 0e0 END
        + $unknown * CASE WHEN h.device_succeeded_before = 0 THEN 1e0 ELSE 0e0 END AS log_odds,
    CAST(NULL AS VARCHAR) AS change_id,
    CAST(NULL AS VARCHAR) AS change_workspace_id,
    concat(
        f.device_failures, ' of ', f.failures, ' failures are on one device id; ', h.new_users, ' of its ', h.device_users,
        ' users then had never succeeded on it before ', f.onset, ', and it succeeded ', h.device_succeeded_during,
        ' times between the failures',
        CASE WHEN h.apart_share > 0e0 THEN concat('; in ', CAST(floor(1e2 * h.apart_share + 5e-1) AS BIGINT),
            ' of 100 hours two of its users signed in from two networks') ELSE '' END, '.'
    ) AS evidence_for,
    concat(
        CASE WHEN h.new_users < $newcomers THEN 'Too few of its users are new to it. ' ELSE '' END,
        'Before the onset it succeeded ', h.device_succeeded_before, ' times; whether several machines stand behind the id, '
        'the log does not say.'
    ) AS evidence_against
FROM incident_facts AS f
INNER JOIN incident_histories AS h ON f.incident_id = h.incident_id
WHERE f.device_share >= 5e-1
