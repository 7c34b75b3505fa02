-- The moments that matter: the change that is blamed, the onset, the last failure, the first success of the scope after
-- it, and a change of the same target that lies between these two or shortly before them: a repair, perhaps.
WITH incident AS (
    SELECT i.*, f.top_device, f.device_share
    FROM found_incidents AS i
    LEFT JOIN incident_facts AS f ON i.incident_id = f.incident_id
    WHERE i.incident_id = $incident_id
),
again AS (
    SELECT min(v.seen_at) AS seen_at
    FROM sign_in_values AS v
    WHERE v.kind = $scope_kind AND v."value" = $scope_value AND v.result_code = '0' AND v.seen_at > $last_seen_at
),
blamed AS (
    SELECT c.*
    FROM changes AS c
    INNER JOIN incident AS i ON c.change_id = i.change_id AND c.workspace_id = i.change_workspace_id
)
SELECT marked_at, mark
FROM (
    SELECT changed_at AS marked_at, 'change' AS mark FROM blamed
    UNION ALL
    SELECT first_seen_at AS marked_at, 'onset' AS mark FROM incident
    UNION ALL
    SELECT max(c.changed_at) AS marked_at, 'repair?' AS mark
    FROM incident AS i
    CROSS JOIN again AS a
    LEFT JOIN blamed AS b ON i.change_id = b.change_id
    INNER JOIN changes AS c
        ON c.target_id = b.target_id OR (i.device_share >= 5e-1 AND c.target_id = i.top_device AND c.target_type = 'Device')
    WHERE c.change_kind <> 'other'
        AND c.changed_at > greatest(i.first_seen_at, i.last_seen_at - INTERVAL '2 hours')
        AND c.changed_at <= coalesce(a.seen_at, i.last_seen_at + INTERVAL '24 hours')
        AND c.change_id IS DISTINCT FROM i.change_id
    UNION ALL
    SELECT last_seen_at AS marked_at, 'last failure' AS mark FROM incident
    UNION ALL
    SELECT seen_at AS marked_at, 'succeeds again' AS mark FROM again
) AS moment
WHERE marked_at IS NOT NULL
ORDER BY marked_at, mark
