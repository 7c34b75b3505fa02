-- One row a changed policy and the users and platforms that it ever was in force for.
-- stored: yes
-- Refused sign-ins often list no policy, or list it as not applied, because they fail before it is weighed: whom it is for
-- is read off the sign-ins that got so far.
-- policy_id: the policy
-- user_id: object id of the user
-- platform: windows, macos, ios, android, linux or what the log calls it
WITH listed AS (
    SELECT user_id, platform, unnest(policies) AS policy
    FROM known_records
    WHERE user_id IS NOT NULL AND platform IS NOT NULL
)
SELECT DISTINCT l.policy.id AS policy_id, l.user_id, l.platform
FROM listed AS l
INNER JOIN (SELECT DISTINCT target_id FROM changes WHERE change_kind = 'policy') AS c ON l.policy.id = c.target_id
WHERE l.policy.result IN ('success', 'failure')
