-- id: token_forgery
-- title: Somebody presents tokens without holding the key
-- cause: token_forgery
-- version: 1
-- status: stable
-- severity: critical
-- tags: security
-- mechanism: direct
-- params: people=5
-- weights: base=-6 stranger=6 users=2 network=1 unnamed=1 risky=1 passwords=1 succeeded=-2 alone=-3
-- references: MS-PKAP 3.2.5.3.3
-- false_positives: A new office or provider whose first users meet another fault; then some of them succeed.
-- remediation: Block the source, revoke the sessions of the users it named, and look for other traffic from it; treat it as an attack until shown otherwise.
SELECT
    f.incident_id,
    $base + $stranger * greatest(f.strange_share, f.lone_share * f.untried_share)
        + $users * least(1e0, f.users / nullif($people, 0)) + $network * f.network_share + $unnamed * f.unnamed_share
        + $risky * f.risky_share
        + $passwords * least(1e0, 10e0 * coalesce(n.password_errors / nullif(n.address_attempts, 0), 0e0))
        * greatest(f.strange_share, f.lone_share)
        + $succeeded * CASE WHEN p.succeeded_during > 0 AND f.scope_kind IN ('ip', 'network') THEN 1e0 ELSE 0e0 END
        + $alone * CASE WHEN f.users < 2 THEN 1e0 ELSE 0e0 END AS log_odds,
    CAST(NULL AS VARCHAR) AS change_id,
    CAST(NULL AS VARCHAR) AS change_workspace_id,
    concat(
        CAST(floor(1e2 * f.strange_share + 5e-1) AS BIGINT), ' of 100 failures come from a network where their user never ',
        'succeeded, ', CAST(floor(1e2 * f.lone_share + 5e-1) AS BIGINT),
        ' of 100 from an address where nobody ever did; ', f.users, ' users are named; ', CAST(floor(1e2 * f.risky_share + 5e-1) AS BIGINT),
        ' of 100 carry a sign-in risk; ', n.password_errors, ' wrong passwords came from the same addresses.'
    ) AS evidence_for,
    concat(
        CASE WHEN p.succeeded_during > 0 THEN concat(p.succeeded_during, ' sign-ins of the same scope succeeded. ') ELSE '' END,
        CASE WHEN f.users < 2 THEN 'Only one user is named. ' ELSE '' END,
        'What was presented is not in the log.'
    ) AS evidence_against
FROM incident_facts AS f
INNER JOIN incident_neighbours AS n ON f.incident_id = n.incident_id
INNER JOIN incident_scope_periods AS p ON f.incident_id = p.incident_id
WHERE greatest(f.strange_share, f.lone_share * f.untried_share) >= 5e-1
