-- One row a changed policy and an application that it ever was in force for.
-- policy_id: the policy
-- app_id: id of the application
SELECT policy_id, app_id FROM policies_in_force WHERE app_id IS NOT NULL
