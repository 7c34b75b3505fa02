-- One row a changed policy and a user with a platform, or an application, that it ever was in force for.
-- stored: yes
-- Refused sign-ins often list no policy, or list it as not applied, because they fail before it is weighed: whom it is for
-- is read off the sign-ins that got so far, and off the conditions of a policy that asks for a device, where the record of
-- its change holds them. One that is for everybody everywhere tells no sign-in from another: only those count that list it.
-- policy_id: the policy
-- user_id: object id of the user; empty where an application is told
-- platform: windows, macos, ios, android, linux or what the log calls it; empty where an application is told
-- app_id: id of the application; empty where a user is told
WITH listed AS (
    SELECT user_id, platform, app_id, unnest(policies) AS policy FROM known_records
)
SELECT l.policy.id AS policy_id, l.user_id, l.platform, l.app_id
FROM listed AS l
INNER JOIN (SELECT DISTINCT target_id FROM changes WHERE change_kind = 'policy') AS c ON l.policy.id = c.target_id
WHERE l.policy.result IN ('success', 'failure')
GROUP BY GROUPING SETS ((l.policy.id, l.user_id, l.platform), (l.policy.id, l.app_id))
UNION
SELECT c.policy_id, s.user_id, s.platform, CAST(NULL AS VARCHAR)
FROM policy_conditions AS c
INNER JOIN (
    SELECT DISTINCT user_id, platform FROM known_records WHERE user_id IS NOT NULL AND platform IS NOT NULL
) AS s ON c.platforms = '' OR c.platforms LIKE concat('%"', s.platform, '"%')
WHERE c.asks_for_device AND NOT c.of_some_users AND (c.platforms <> '' OR c.apps <> '')
UNION
SELECT c.policy_id, CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), s.app_id
FROM policy_conditions AS c
INNER JOIN (SELECT DISTINCT app_id FROM known_records WHERE app_id IS NOT NULL) AS s
    ON c.apps = '' OR c.apps LIKE concat('%"', lower(s.app_id), '"%')
WHERE c.asks_for_device AND (c.platforms <> '' OR c.apps <> '' OR c.of_some_users)
