-- One row an incident: what its commonest device, application and client did before and between its failures.
-- stored: yes
-- incident_id: the incident
-- device_succeeded_before: successes of its commonest device before the onset
-- device_succeeded_during: successes of that device between first and last failure
-- device_good_share: of the half-hours then in which the device signed in, those with a success, 0 to 1
-- device_users: users who signed in on that device then
-- new_users: of them, those who had never succeeded on it until half a day before the onset, when it was in use already
-- app_succeeded: successes of its commonest application on the whole record
-- build_first_seen_at: first sign-in with its build on record, UTC
-- record_from: first sign-in on the whole record, UTC
-- build_devices: its devices that use its build
-- switched_devices: of them, those that had succeeded with another client before
WITH on_device AS (
    SELECT
        i.incident_id,
        s.user_id,
        s.result_code = '0' AS good,
        s.seen_at < i.first_seen_at AS before,
        s.seen_at < i.first_seen_at - INTERVAL '12 hours' AS long_before,
        s.seen_at >= i.first_seen_at AND s.seen_at <= i.last_seen_at AS during,
        date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', s.seen_at)) // 1800 AS half_hour
    FROM incident_facts AS i
    INNER JOIN known_sign_ins AS s ON i.top_device = s.device_id
    WHERE s.result_code IN ('0', '50099')
),
device AS (
    SELECT
        incident_id,
        count(*) FILTER (WHERE good AND before) AS device_succeeded_before,
        count(*) FILTER (WHERE good AND during) AS device_succeeded_during,
        count(DISTINCT half_hour) FILTER (WHERE good AND during)
            / nullif(count(DISTINCT half_hour) FILTER (WHERE during), 0) AS device_good_share
    FROM on_device
    GROUP BY incident_id
),
device_user AS (
    SELECT incident_id, user_id, bool_or(good AND long_before) AS known, bool_or(during) AS now
    FROM on_device
    WHERE user_id IS NOT NULL
    GROUP BY incident_id, user_id
),
people AS (
    SELECT
        incident_id,
        count(*) FILTER (WHERE now) AS device_users,
        CASE WHEN bool_or(known) THEN count(*) FILTER (WHERE now AND NOT known) ELSE 0 END AS new_users
    FROM device_user
    GROUP BY incident_id
),
app AS (
    SELECT i.incident_id, count(*) AS app_succeeded
    FROM incident_facts AS i
    INNER JOIN known_sign_ins AS s ON i.top_app = s.app_id
    WHERE s.result_code = '0'
    GROUP BY i.incident_id
),
build AS (
    SELECT i.incident_id, min(s.seen_at) AS build_first_seen_at
    FROM incident_facts AS i
    INNER JOIN known_sign_ins AS s ON i.top_build = s.client OR i.top_build = s.browser OR i.top_build = s.user_agent OR i.top_build = s.os
    GROUP BY i.incident_id
),
build_device AS (
    SELECT DISTINCT i.incident_id, i.top_build, i.first_seen_at, f.device_id
    FROM incident_facts AS i
    INNER JOIN failures AS f ON i.incident_id = f.incident_id AND i.top_build IN (f.client, f.browser, f.user_agent, f.os)
    WHERE f.device_id IS NOT NULL
),
switched AS (
    SELECT
        b.incident_id,
        count(DISTINCT b.device_id) AS build_devices,
        count(DISTINCT s.device_id) AS switched_devices
    FROM build_device AS b
    LEFT JOIN known_sign_ins AS s
        ON b.device_id = s.device_id AND s.result_code = '0' AND coalesce(s.client, '') <> b.top_build
        AND coalesce(s.browser, '') <> b.top_build AND coalesce(s.user_agent, '') <> b.top_build
        AND coalesce(s.os, '') <> b.top_build
    GROUP BY b.incident_id
),
record AS (
    SELECT min(seen_at) AS record_from FROM known_sign_ins
)
SELECT
    i.incident_id,
    coalesce(d.device_succeeded_before, 0) AS device_succeeded_before,
    coalesce(d.device_succeeded_during, 0) AS device_succeeded_during,
    d.device_good_share,
    coalesce(p.device_users, 0) AS device_users,
    coalesce(p.new_users, 0) AS new_users,
    coalesce(a.app_succeeded, 0) AS app_succeeded,
    b.build_first_seen_at,
    r.record_from,
    coalesce(s.build_devices, 0) AS build_devices,
    coalesce(s.switched_devices, 0) AS switched_devices
FROM incident_facts AS i
CROSS JOIN record AS r
LEFT JOIN device AS d ON i.incident_id = d.incident_id
LEFT JOIN people AS p ON i.incident_id = p.incident_id
LEFT JOIN app AS a ON i.incident_id = a.incident_id
LEFT JOIN build AS b ON i.incident_id = b.incident_id
LEFT JOIN switched AS s ON i.incident_id = s.incident_id
