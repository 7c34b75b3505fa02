-- by_device.csv: one device, logged or inferred, those with failures first; failures of no known device stand in a row
-- without an id.
-- baseline_rate is the rate outside incidents; devices, users, apps, first and last seen are those of its failures; the
-- last change is the last one of this device before its last failure (before the window's end where it has none).
WITH shown AS (
    SELECT f.*
    FROM failures AS f
    LEFT JOIN incidents AS i ON f.incident_id = i.incident_id
    WHERE f.seen_at >= $since AND f.seen_at < $until AND (NOT $since_last OR i.status = 'new')
),
-- by the names it bore first: only a few of these need be told apart by time
borne AS (
    SELECT
        device_id, device, os, trust_type,
        count(*) AS sign_ins,
        count(*) FILTER (WHERE failed AND incident_id IS NULL) AS strays,
        count(*) FILTER (WHERE incident_id IS NULL) AS outside_incidents,
        max(seen_at) AS last_at
    FROM attempts
    WHERE seen_at >= $since AND seen_at < $until
    GROUP BY device_id, device, os, trust_type
),
failed AS (
    SELECT
        device_id,
        count(*) AS failures,
        count(DISTINCT app_id) AS apps,
        count(DISTINCT user_id) AS users,
        min(seen_at) AS first_seen_at,
        max(seen_at) AS last_seen_at
    FROM shown
    GROUP BY device_id
),
exposure AS (
    SELECT
        a.device_id,
        max_by(a.device, ROW(a.last_at, a.device)) AS device,
        max_by(a.os, ROW(a.last_at, a.os)) AS os,
        max_by(a.trust_type, ROW(a.last_at, a.trust_type)) AS trust_type,
        coalesce(max(f.failures), 0) AS failures,
        CAST(sum(a.sign_ins) AS BIGINT) AS sign_ins,
        CAST(sum(a.strays) AS BIGINT) AS strays,
        CAST(sum(a.outside_incidents) AS BIGINT) AS outside_incidents,
        coalesce(max(f.apps), 0) AS apps,
        coalesce(max(f.users), 0) AS users,
        max(f.first_seen_at) AS first_seen_at,
        max(f.last_seen_at) AS last_seen_at
    FROM borne AS a
    LEFT JOIN failed AS f ON a.device_id IS NOT DISTINCT FROM f.device_id
    GROUP BY a.device_id
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
    FROM shown AS s
    INNER JOIN incidents AS i ON s.incident_id = i.incident_id
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
