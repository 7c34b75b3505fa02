-- One row a changed policy and an application that it ever was in force for.
-- stored: yes
-- policy_id: the policy
-- app_id: id of the application
WITH listed AS (
    SELECT app_id, unnest(policies) AS policy
    FROM known_records
    WHERE app_id IS NOT NULL
)
SELECT DISTINCT l.policy.id AS policy_id, l.app_id
FROM listed AS l
INNER JOIN (SELECT DISTINCT target_id FROM changes WHERE change_kind = 'policy') AS c ON l.policy.id = c.target_id
WHERE l.policy.result IN ('success', 'failure')
