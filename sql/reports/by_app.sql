-- by_app.csv: one application, those with failures first; failures of no known application stand in a row without an id.
-- baseline_rate is the rate outside incidents; devices, users, apps, first and last seen are those of its failures; the
-- last change is the last one of this app before its last failure (before the window's end where it has none).
WITH attempt AS (
    SELECT
        *,
        failed AND (
            NOT $since_last OR coalesce(incident_id IN (SELECT incident_id FROM incidents WHERE status = 'new'), false)
        ) AS shown
    FROM attempts
    WHERE seen_at >= $since AND seen_at < $until
),
exposure AS (
    SELECT
        s.app_id,
        max_by(s.app, ROW(s.seen_at, s.sign_in_id, s.workspace_id, s.source_table)) AS app,
        count(*) FILTER (WHERE s.shown) AS failures,
        count(*) AS sign_ins,
        count(*) FILTER (WHERE s.failed AND s.incident_id IS NULL) AS strays,
        count(*) FILTER (WHERE s.incident_id IS NULL) AS outside_incidents,
        count(DISTINCT s.device_id) FILTER (WHERE s.shown) AS devices,
        count(DISTINCT s.user_id) FILTER (WHERE s.shown) AS users,
        min(s.seen_at) FILTER (WHERE s.shown) AS first_seen_at,
        max(s.seen_at) FILTER (WHERE s.shown) AS last_seen_at
    FROM attempt AS s
    GROUP BY s.app_id
),
last_change AS (
    SELECT e.app_id, c.change_id, c.changed_at, c.change
    FROM exposure AS e
    INNER JOIN changes AS c ON c.target_type = 'Application' AND c.target_id = e.app_id
    WHERE c.change_kind <> 'other' AND c.changed_at < coalesce(e.last_seen_at, $until)
    QUALIFY row_number() OVER (PARTITION BY e.app_id ORDER BY c.changed_at DESC, c.change_id, c.workspace_id) = 1
),
likely AS (
    SELECT s.app_id, i.cause
    FROM attempt AS s
    INNER JOIN incidents AS i ON s.incident_id = i.incident_id
    WHERE s.shown
    GROUP BY s.app_id, i.cause
    QUALIFY row_number() OVER (PARTITION BY s.app_id ORDER BY count(*) DESC, i.cause) = 1
)
SELECT
    e.app_id,
    e.app,
    e.failures,
    e.sign_ins,
    e.failures / e.sign_ins AS failure_rate,
    e.strays / nullif(e.outside_incidents, 0) AS baseline_rate,
    e.devices,
    e.users,
    e.first_seen_at,
    e.last_seen_at,
    c.change_id AS last_change_id,
    c.changed_at AS last_changed_at,
    c.change AS last_change,
    l.cause AS likely_cause
FROM exposure AS e
LEFT JOIN last_change AS c ON e.app_id = c.app_id
LEFT JOIN likely AS l ON e.app_id IS NOT DISTINCT FROM l.app_id
WHERE e.failures > 0 OR (e.app_id IS NOT NULL AND NOT $since_last)
ORDER BY e.failures DESC, e.sign_ins DESC, e.app_id
