-- The change that is blamed, and others before the onset that touch it.
SELECT i.*, c.target, c.changed_by, c.old_value, c.new_value
FROM incident_changes AS i
INNER JOIN changes AS c ON i.change_id = c.change_id AND i.change_workspace_id = c.workspace_id
WHERE i.incident_id = $incident_id
ORDER BY i.strength DESC, i.change_id
