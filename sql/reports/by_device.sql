-- by_device.csv: one device, logged or inferred, those with failures first; failures of no known device stand in a row
-- without an id.
-- baseline_rate is the rate outside incidents; devices, users, apps, first and last seen are those of its failures; the
-- last change is the last one of this device before its last failure (before the window's end where it has none).
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
        s.device_id,
        max_by(s.device, ROW(s.seen_at, s.sign_in_id, s.workspace_id, s.source_table)) AS device,
        max_by(s.os, ROW(s.seen_at, s.sign_in_id, s.workspace_id, s.source_table)) AS os,
        max_by(s.trust_type, ROW(s.seen_at, s.sign_in_id, s.workspace_id, s.source_table)) AS trust_type,
        count(*) FILTER (WHERE s.shown) AS failures,
        count(*) AS sign_ins,
        count(*) FILTER (WHERE s.failed AND s.incident_id IS NULL) AS strays,
        count(*) FILTER (WHERE s.incident_id IS NULL) AS outside_incidents,
        count(DISTINCT s.app_id) FILTER (WHERE s.shown) AS apps,
        count(DISTINCT s.user_id) FILTER (WHERE s.shown) AS users,
        min(s.seen_at) FILTER (WHERE s.shown) AS first_seen_at,
        max(s.seen_at) FILTER (WHERE s.shown) AS last_seen_at
    FROM attempt AS s
    GROUP BY s.device_id
),
last_change AS (
    SELECT e.device_id, c.change_id, c.changed_at, c.change
    FROM exposure AS e
    INNER JOIN changes AS c ON c.target_type = 'Device' AND c.target_id = e.device_id
    WHERE c.change_kind <> 'other' AND c.changed_at < coalesce(e.last_seen_at, $until)
    QUALIFY row_number() OVER (PARTITION BY e.device_id ORDER BY c.changed_at DESC, c.change_id, c.workspace_id) = 1
),
likely AS (
    SELECT s.device_id, i.cause
    FROM attempt AS s
    INNER JOIN incidents AS i ON s.incident_id = i.incident_id
    WHERE s.shown
    GROUP BY s.device_id, i.cause
    QUALIFY row_number() OVER (PARTITION BY s.device_id ORDER BY count(*) DESC, i.cause) = 1
)
SELECT
    e.device_id,
    e.device,
    e.os,
    e.trust_type,
    e.failures,
    e.sign_ins,
    e.failures / e.sign_ins AS failure_rate,
    e.strays / nullif(e.outside_incidents, 0) AS baseline_rate,
    e.apps,
    e.users,
    e.first_seen_at,
    e.last_seen_at,
    c.change_id AS last_change_id,
    c.changed_at AS last_changed_at,
    c.change AS last_change,
    l.cause AS likely_cause
FROM exposure AS e
LEFT JOIN last_change AS c ON e.device_id = c.device_id
LEFT JOIN likely AS l ON e.device_id IS NOT DISTINCT FROM l.device_id
WHERE e.failures > 0 OR (e.device_id IS NOT NULL AND NOT $since_last)
ORDER BY e.failures DESC, e.sign_ins DESC, e.device_id
