-- One row a change that put a policy in place, with the policy's conditions as far as the record of the change holds them.
-- change_id: the change
-- workspace_id: the Log Analytics workspace it was read from
-- policy_id: the policy
-- platforms: the platforms that it includes as the record lists them, in small letters; without text where it is for every one, empty where the record does not tell
-- apps: ids of the applications that it includes as the record lists them, in small letters; without text where it is for every one, empty where the record does not tell
-- of_some_users: whether it includes some users, groups or roles only; empty where the record does not tell
-- asks_for_device: whether it asks for a device that can prove itself; true where the record does not tell
WITH written AS (
    SELECT
        change_id,
        workspace_id,
        target_id AS policy_id,
        lower(new_value) AS told
    FROM changes
    WHERE change_kind = 'policy' AND target_id <> '' AND NOT regexp_matches(lower(new_value), '"state": ?"disabled"')
),
listed AS (
    SELECT
        change_id,
        workspace_id,
        policy_id,
        told LIKE '%"conditions"%' AS has_conditions,
        regexp_extract(told, 'includeplatforms": ?\[([^\]]*)', 1) AS platforms,
        regexp_extract(told, 'includeapplications": ?\[([^\]]*)', 1) AS apps,
        regexp_extract(told, 'includeusers": ?\[([^\]]*)', 1) AS users,
        regexp_matches(told, 'include(groups|roles)": ?\[ ?"') AS has_groups,
        told NOT LIKE '%grantcontrols%' OR told LIKE '%compliantdevice%' OR told LIKE '%domainjoineddevice%' AS asks_for_device
    FROM written
)
SELECT
    change_id,
    workspace_id,
    policy_id,
    CASE WHEN has_conditions THEN CASE WHEN platforms LIKE '%"all"%' THEN '' ELSE platforms END END AS platforms,
    CASE WHEN has_conditions THEN CASE WHEN apps LIKE '%"all"%' THEN '' ELSE apps END END AS apps,
    CASE WHEN has_conditions THEN has_groups OR (users <> '' AND users NOT LIKE '%"all"%') END AS of_some_users,
    asks_for_device
FROM listed
