-- id: algorithm_mismatch
-- title: A client signs with an algorithm or encoding that the service does not accept
-- cause: algorithm_mismatch
-- version: 1
-- status: stable
-- severity: medium
-- tags: app, client
-- mechanism: direct
-- params: people=2
-- weights: base=-5 untried=5 on_app=2 never=1 devices=1 stranger=-6 alone=-3
-- references: RFC 7518 3.4; objc-common MSIDPkeyAuthHelper
-- false_positives: A new application whose first day fell into another incident.
-- remediation: Ask the maker of this application or client which algorithm and encoding it signs with (RS256, JOSE encoding), and try a maintained library.
SELECT
    f.incident_id,
    $base + $untried * f.untried_share + $on_app * f.app_share
        + $never * CASE WHEN h.app_succeeded = 0 THEN 1e0 ELSE 0e0 END + $devices * least(1e0, f.devices / 4e0)
        + $stranger * greatest(f.strange_share, f.lone_share)
        + $alone * CASE WHEN f.users < $people THEN 1e0 ELSE 0e0 END AS log_odds,
    CAST(NULL AS VARCHAR) AS change_id,
    CAST(NULL AS VARCHAR) AS change_workspace_id,
    concat(
        CAST(floor(1e2 * f.untried_share + 5e-1) AS BIGINT),
        ' of 100 failures are of an application and client that never once succeeded together; the commonest application succeeded ',
        h.app_succeeded, ' times on record; ', f.users, ' users tried.'
    ) AS evidence_for,
    concat(
        CASE WHEN f.users < $people THEN 'Only one user tried it. ' ELSE '' END,
        CASE WHEN f.strange_share > 0e0 OR f.lone_share > 0e0
            THEN concat(CAST(floor(1e2 * greatest(f.strange_share, f.lone_share) + 5e-1) AS BIGINT),
                ' of 100 failures come from where their user, or anybody, never succeeded. ') ELSE '' END,
        'The log does not name the algorithm.'
    ) AS evidence_against
FROM incident_facts AS f
INNER JOIN incident_histories AS h ON f.incident_id = h.incident_id
WHERE f.untried_share >= 5e-1
