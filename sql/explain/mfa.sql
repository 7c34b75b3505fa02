-- Is it their MFA? What was asked of the affected users, how it went, whether they passed multi factor meanwhile, and
-- whether their security info was changed in the week before the onset.
WITH failed AS (
    SELECT
        f.user_id,
        f.authentication_requirement,
        coalesce(
            f.mfa_result,
            nullif(regexp_extract(
                coalesce(s.AuthenticationDetails, n.AuthenticationDetails),
                '"authenticationStepResultDetail": ?"(MFA [^"]*)"', 1), '')
        ) AS mfa_result
    FROM failures AS f
    LEFT JOIN SigninLogs AS s
        ON f.source_table = 'SigninLogs' AND f.workspace_id = s.WorkspaceId AND f.sign_in_id = s.Id
    LEFT JOIN AADNonInteractiveUserSignInLogs AS n
        ON f.source_table = 'AADNonInteractiveUserSignInLogs' AND f.workspace_id = n.WorkspaceId AND f.sign_in_id = n.Id
    WHERE f.incident_id = $incident_id
),
counted AS (
    SELECT
        count(*) AS failures,
        count(*) FILTER (WHERE authentication_requirement = 'multiFactorAuthentication') AS multi_factor_asked,
        count(*) FILTER (WHERE authentication_requirement IS NULL) AS requirement_unknown,
        count(*) FILTER (WHERE mfa_result IS NOT NULL) AS result_logged,
        count(*) FILTER (WHERE regexp_matches(lower(mfa_result), 'denied|declined|fail|did not|incorrect|fraud|timed out'))
            AS mfa_refused
    FROM failed
),
said AS (
    SELECT mfa_result, count(*) AS times
    FROM failed
    WHERE mfa_result IS NOT NULL
    GROUP BY mfa_result
    QUALIFY row_number() OVER (ORDER BY count(*) DESC, mfa_result) = 1
),
affected AS (
    SELECT DISTINCT user_id FROM failed WHERE user_id IS NOT NULL
),
passed AS (
    SELECT count(DISTINCT s.user_id) AS users
    FROM sign_ins AS s
    INNER JOIN affected AS a ON s.user_id = a.user_id
    CROSS JOIN (SELECT * FROM found_incidents WHERE incident_id = $incident_id) AS i
    WHERE s.result_code = '0' AND s.authentication_requirement = 'multiFactorAuthentication'
        AND s.seen_at >= i.first_seen_at AND s.seen_at <= i.last_seen_at
),
renewed AS (
    SELECT
        count(DISTINCT c.target_id) AS users,
        max_by(c.change, ROW(c.changed_at, c.change_id)) AS change,
        max(c.changed_at) AS changed_at
    FROM changes AS c
    INNER JOIN affected AS a ON c.target_id = a.user_id
    CROSS JOIN (SELECT * FROM found_incidents WHERE incident_id = $incident_id) AS i
    WHERE c.change_kind = 'user_auth_method' AND lower(c.change) LIKE '%security info%'
        AND c.changed_at >= i.first_seen_at - INTERVAL '7 days' AND c.changed_at <= i.first_seen_at
)
SELECT
    c.failures, c.multi_factor_asked, c.requirement_unknown, c.result_logged, c.mfa_refused, s.mfa_result, s.times,
    (SELECT count(*) FROM affected) AS users,
    p.users AS users_who_passed_meanwhile,
    r.users AS users_with_new_security_info,
    r.changed_at AS last_security_info_changed_at,
    r.change AS last_security_info_change
FROM counted AS c
CROSS JOIN passed AS p
CROSS JOIN renewed AS r
LEFT JOIN said AS s ON true
