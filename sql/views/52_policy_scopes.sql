-- One row a changed policy and the users and platforms that it ever was in force for.
-- policy_id: the policy
-- user_id: object id of the user
-- platform: windows, macos, ios, android, linux or what the log calls it
SELECT policy_id, user_id, platform FROM policies_in_force WHERE user_id IS NOT NULL AND platform IS NOT NULL
