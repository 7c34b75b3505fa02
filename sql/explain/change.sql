-- The change that the first-ranked cause blames: by whom, of what, and its values before and after.
SELECT
    c.change_id, c.changed_at, c.change, c.change_kind, c.target_type, c.target_id, c.target, c.changed_by, c.old_value,
    c.new_value,
    date_diff('minute', c.changed_at, i.first_seen_at) AS minutes_before_onset
FROM found_incidents AS i
INNER JOIN changes AS c ON i.change_id = c.change_id AND i.change_workspace_id = c.workspace_id
WHERE i.incident_id = $incident_id
