-- One row a changed policy and an application that it ever was in force for.
-- stored: yes
-- As with its users, the conditions of a policy that asks for a device tell it too.
-- policy_id: the policy
-- app_id: id of the application
WITH listed AS (
    SELECT app_id, unnest(policies) AS policy
    FROM known_records
    WHERE app_id IS NOT NULL
)
SELECT l.policy.id AS policy_id, l.app_id
FROM listed AS l
INNER JOIN (SELECT DISTINCT target_id FROM changes WHERE change_kind = 'policy') AS c ON l.policy.id = c.target_id
WHERE l.policy.result IN ('success', 'failure')
UNION
SELECT c.policy_id, s.app_id
FROM policy_conditions AS c
INNER JOIN (SELECT DISTINCT app_id FROM known_records WHERE app_id IS NOT NULL) AS s
    ON c.apps = '' OR c.apps LIKE concat('%"', lower(s.app_id), '"%')
WHERE c.asks_for_device AND (c.platforms <> '' OR c.apps <> '' OR c.of_some_users)
