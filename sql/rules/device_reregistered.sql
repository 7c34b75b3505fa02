-- id: device_reregistered
-- title: The device's registration was replaced while the client kept its old key
-- cause: device_reregistered
-- version: 1
-- status: stable
-- severity: medium
-- tags: device, change
-- mechanism: indirect
-- requires: table:AuditLogs
-- params: within=96
-- weights: base=-5 on_device=3 change=6 mixed=-1 newcomers=-2 unknown=-1
-- references: entra-docs devices/faq.yml; AADSTS700003
-- false_positives: A repair by re-registration after the key was lost; then the failures began before the change.
-- remediation: Remove the old account or device entry on the device and register it once more (Windows: dsregcmd /leave, then join; phones: Authenticator, Device registration).
WITH strongest AS (
    SELECT *
    FROM incident_changes
    WHERE replaces_registration AND delay_hours <= $within
    QUALIFY row_number() OVER (PARTITION BY incident_id ORDER BY strength DESC, changed_at DESC, change_id) = 1
)
SELECT
    f.incident_id,
    $base + $on_device * f.device_share + $change * coalesce(c.strength, 0e0)
        + $mixed * coalesce(h.device_good_share, 0e0) + $newcomers * coalesce(h.new_users / nullif(h.device_users, 0), 0e0)
        + $unknown * CASE WHEN h.device_succeeded_before = 0 THEN 1e0 ELSE 0e0 END AS log_odds,
    c.change_id,
    c.change_workspace_id,
    concat(
        f.device_failures, ' of ', f.failures, ' failures are on one device, over ', f.apps, ' applications',
        coalesce('; this device: ' || c.told, ''), '.'
    ) AS evidence_for,
    concat(
        CASE WHEN c.change_id IS NULL THEN 'No registration change of this device stands before the onset. ' ELSE '' END,
        CASE WHEN c.failures_before_it > 0 THEN concat(c.failures_before_it, ' failures came before that change. ') ELSE '' END,
        CASE WHEN c.succeeded_later > 0 THEN concat('It still succeeded ', c.succeeded_later,
            ' times from a day and a half after that change to the onset. ') ELSE '' END,
        'It succeeded ', h.device_succeeded_during, ' times between first and last failure.'
    ) AS evidence_against
FROM incident_facts AS f
INNER JOIN incident_histories AS h ON f.incident_id = h.incident_id
LEFT JOIN strongest AS c ON f.incident_id = c.incident_id
WHERE f.device_share >= 5e-1
