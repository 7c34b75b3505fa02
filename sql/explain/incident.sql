-- The incident: its scope, the cause ranked first, and what an analyst said of it.
SELECT
    i.incident_id, i.status, i.first_seen_at, i.last_seen_at, i.failures, i.sign_ins, i.devices, i.users, i.apps, i.scope,
    f.scope_kind, f.scope_value, i.cause, i.confidence, c.mechanism, i.change_id, i.summary, i.next_step,
    coalesce(
        CASE
            WHEN i.scope LIKE 'device=%' THEN (
                SELECT max(device) FROM failures WHERE incident_id = $incident_id AND i.scope = concat('device=', device_id))
            WHEN i.scope LIKE 'app=%' THEN (
                SELECT max(app) FROM failures WHERE incident_id = $incident_id AND i.scope = concat('app=', app_id))
            WHEN i.scope LIKE 'policy=%' THEN (SELECT max(target) FROM changes WHERE i.scope = concat('policy=', target_id))
        END,
        ''
    ) AS called,
    v.cause AS verdict, v.confirmed_at, v.confirmed_by, v.note
FROM incidents AS i
INNER JOIN found_incidents AS f ON i.incident_id = f.incident_id
LEFT JOIN causes AS c ON i.incident_id = c.incident_id AND c.rank = 1
LEFT JOIN verdicts AS v ON i.incident_id = v.incident_id
WHERE i.incident_id = $incident_id
