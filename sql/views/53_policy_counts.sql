-- One row a changed policy and a quarter of an hour: how many sign-ins before the end of the last run's window it is for.
-- stored: yes
-- columns: slot_counts
-- kind: policy
-- value: id of the policy
-- Counted anew by every run, for a policy may turn out to be in force for more users than was known.
-- Users that the same policies are for are of one group, and so are applications: a sign-in is counted once, for its two
-- groups, and not once for every policy that is for everybody.
WITH of_user AS (
    SELECT user_id, platform, string_agg(concat('<', policy_id, '>'), '' ORDER BY policy_id) AS policies
    FROM policy_scopes
    WHERE policy_id <> ''
    GROUP BY user_id, platform
),
of_app AS (
    SELECT app_id, string_agg(concat('<', policy_id, '>'), '' ORDER BY policy_id) AS policies
    FROM policy_apps
    WHERE policy_id <> ''
    GROUP BY app_id
),
user_group AS (
    SELECT user_id, platform, policies, dense_rank() OVER (ORDER BY policies) AS users FROM of_user
),
app_group AS (
    SELECT app_id, policies, dense_rank() OVER (ORDER BY policies) AS apps FROM of_app
),
shared AS (
    SELECT u.users, a.apps, p.policy_id
    FROM (SELECT DISTINCT policy_id, concat('<', policy_id, '>') AS told FROM policy_apps WHERE policy_id <> '') AS p
    INNER JOIN (SELECT DISTINCT users, policies FROM user_group) AS u ON contains(u.policies, p.told)
    INNER JOIN (SELECT DISTINCT apps, policies FROM app_group) AS a ON contains(a.policies, p.told)
),
attempt AS (
    SELECT
        u.users,
        a.apps,
        date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', s.seen_at)) // 900 AS slot,
        CAST(date_trunc('hour', s.seen_at) AS TIMESTAMP) AS "hour",
        s.user_id,
        s.app_id,
        s.client,
        s.ip,
        s.result_code IS NOT DISTINCT FROM '0' AS good
    FROM known_records AS s
    INNER JOIN user_group AS u ON s.user_id = u.user_id AND s.platform = u.platform
    INNER JOIN app_group AS a ON s.app_id = a.app_id
    -- a condition and no join: groups are not to be multiplied with each other before sign-ins are looked at
    WHERE EXISTS (SELECT 1 FROM shared AS g WHERE g.users = u.users AND g.apps = a.apps)
),
burst AS (
    SELECT users, apps, min(slot) AS slot, count(*) AS times
    FROM attempt
    WHERE good
    GROUP BY users, apps, "hour", user_id, app_id, client, ip
),
added AS (
    SELECT users, apps, slot, count(*) AS attempts, count(*) FILTER (WHERE good) AS successes, 0 AS weight
    FROM attempt
    GROUP BY users, apps, slot
    UNION ALL
    SELECT users, apps, slot, 0, 0, sum(CAST(floor(1000e0 * (1e0 + ln(times))) AS BIGINT))
    FROM burst
    GROUP BY users, apps, slot
)
SELECT
    'policy' AS kind, s.policy_id AS "value", a.slot, CAST(sum(a.attempts) AS BIGINT) AS attempts,
    CAST(sum(a.successes) AS BIGINT) AS successes, CAST(sum(a.weight) AS BIGINT) AS weight
FROM added AS a
INNER JOIN shared AS s ON a.users = s.users AND a.apps = s.apps
GROUP BY s.policy_id, a.slot
