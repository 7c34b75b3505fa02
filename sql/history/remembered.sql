-- Remember the incidents of this night. As the window moves on a night sees less of an old one, so the earliest onset and
-- the largest counts stay.
MERGE INTO remembered_incidents AS r
USING (
    SELECT
        i.incident_id,
        least(i.first_seen_at, f.first_seen_at) AS first_seen_at,
        i.last_seen_at,
        greatest(i.failures, f.failures) AS failures,
        greatest(i.devices, f.devices) AS devices,
        greatest(i.users, f.users) AS users,
        greatest(i.apps, f.apps) AS apps,
        i.scope,
        i.cause,
        i.confidence,
        i.change_id,
        c.change_kind
    FROM found_incidents AS i
    LEFT JOIN changes AS c ON i.change_id = c.change_id AND i.change_workspace_id = c.workspace_id
    LEFT JOIN (
        SELECT
            incident_id,
            min(seen_at) AS first_seen_at,
            count(*) AS failures,
            count(DISTINCT device_id) AS devices,
            count(DISTINCT user_id) AS users,
            count(DISTINCT app_id) AS apps
        FROM failures
        GROUP BY incident_id
    ) AS f ON i.incident_id = f.incident_id
) AS n
ON r.incident_id = n.incident_id
WHEN MATCHED AND r.judged_until <= $until THEN UPDATE SET
    first_seen_at = least(r.first_seen_at, n.first_seen_at),
    last_seen_at = n.last_seen_at,
    failures = greatest(r.failures, n.failures),
    devices = greatest(r.devices, n.devices),
    users = greatest(r.users, n.users),
    apps = greatest(r.apps, n.apps),
    scope = n.scope,
    cause = n.cause,
    confidence = n.confidence,
    change_id = n.change_id,
    change_kind = n.change_kind,
    judged_until = $until
WHEN NOT MATCHED THEN INSERT (
    incident_id, first_seen_at, last_seen_at, failures, devices, users, apps, scope, cause, confidence, change_id, change_kind,
    judged_until
) VALUES (
    n.incident_id, n.first_seen_at, n.last_seen_at, n.failures, n.devices, n.users, n.apps, n.scope, n.cause, n.confidence,
    n.change_id, n.change_kind, $until
)
