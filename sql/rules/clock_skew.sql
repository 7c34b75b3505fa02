-- id: clock_skew
-- title: The assertion is expired, replayed or mistimed
-- cause: clock_skew
-- version: 1
-- status: stable
-- severity: low
-- tags: device, clock
-- mechanism: doubtful
-- params: codes=3
-- weights: base=-5 on_device=3 clock=6 mixed=1 newcomers=-2
-- references: AADSTS140000, AADSTS500991, AADSTS500133
-- false_positives: Nonce errors of a user who also has another broken device on the same platform.
-- remediation: Check the device's clock and its time source, then sign out and in once.
SELECT
    f.incident_id,
    $base + $on_device * f.device_share
        + $clock * greatest(0e0, least(1e0, (n.clock_codes - n.clock_codes_expected) / nullif($codes, 0)))
        * least(1e0, 5e0 * n.clock_codes / nullif(f.failures, 0))
        + $mixed * least(1e0, coalesce(h.device_good_share, 0e0) / 2e-1) + $newcomers * least(1e0, h.new_users / 2e0) AS log_odds,
    CAST(NULL AS VARCHAR) AS change_id,
    CAST(NULL AS VARCHAR) AS change_workspace_id,
    concat(
        n.clock_codes, ' nonce or clock errors (140000, 500991, 500133) of the same user and platform stand beside ',
        f.failures, ' failures; this tenant''s habit would give ', CAST(round(n.clock_codes_expected, 2) AS VARCHAR), '.'
    ) AS evidence_for,
    concat(
        CASE WHEN n.clock_codes = 0 THEN 'No nonce or clock error stands beside it. ' ELSE '' END,
        'A wrong time has codes of its own; that it also spoils a signature is an assumption.'
    ) AS evidence_against
FROM incident_facts AS f
INNER JOIN incident_histories AS h ON f.incident_id = h.incident_id
INNER JOIN incident_neighbours AS n ON f.incident_id = n.incident_id
WHERE f.device_share >= 5e-1
