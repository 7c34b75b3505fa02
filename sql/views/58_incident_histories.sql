-- One row an incident: what its commonest device, application and client did before and between its failures.
-- stored: yes
-- incident_id: the incident
-- device_succeeded_before: successes of its commonest device before the onset
-- device_succeeded_during: successes of that device between first and last failure
-- device_good_share: of the half-hours then in which the device signed in, those with a success, 0 to 1
-- device_users: users who signed in on that device then
-- new_users: of them, those who had never succeeded on it until a day (or half of the record) before the onset, when it was in use already
-- apart_share: of the hours then in which the device signed in, those with two users from two subnets, less the share before the onset
-- app_succeeded: successes of its commonest application on the whole record
-- build_first_seen_at: first sign-in with its build on record, UTC
-- record_from: first sign-in on the whole record, UTC
-- build_devices: its devices that use its build
-- switched_devices: of them, those that had succeeded with another client before
WITH record AS (
    SELECT min(seen_at) AS record_from FROM known_records
),
device_attempt AS (
    SELECT i.incident_id, i.first_seen_at, i.last_seen_at, s.user_id, s.ip, s.seen_at, true AS good
    FROM incident_facts AS i
    INNER JOIN touched_sign_ins AS s ON i.top_device = s.device_id
    WHERE s.result_code = '0'
    UNION ALL
    SELECT i.incident_id, i.first_seen_at, i.last_seen_at, f.user_id, f.ip, f.seen_at, false AS good
    FROM incident_facts AS i
    INNER JOIN failed_sign_ins AS f ON i.top_device = f.device_id
    WHERE f.seen_at < (SELECT until FROM horizon)
),
on_device AS (
    SELECT
        s.incident_id,
        s.user_id,
        a.subnet,
        s.good,
        s.seen_at < s.first_seen_at AS before,
        -- a day, or half of what is on record
        date_diff('second', date_trunc('second', s.seen_at), date_trunc('second', s.first_seen_at)) > least(
            86400, date_diff('second', date_trunc('second', r.record_from), date_trunc('second', s.first_seen_at)) // 2
        ) AS long_before,
        s.seen_at >= s.first_seen_at AND s.seen_at <= s.last_seen_at AS during,
        date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', s.seen_at)) // 1800 AS half_hour
    FROM device_attempt AS s
    CROSS JOIN record AS r
    LEFT JOIN addresses AS a ON s.ip = a.ip
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
hourly AS (
    SELECT
        incident_id, half_hour // 2 AS "hour", bool_or(before) AS before, bool_or(during) AS during,
        count(DISTINCT user_id) >= 2 AND count(DISTINCT subnet) >= 2 AS apart
    FROM on_device
    GROUP BY incident_id, half_hour // 2
),
places AS (
    SELECT
        incident_id,
        greatest(
            0e0,
            count(*) FILTER (WHERE during AND apart) / nullif(count(*) FILTER (WHERE during), 0)
            - coalesce(count(*) FILTER (WHERE before AND NOT during AND apart) / nullif(count(*) FILTER (WHERE before AND NOT during), 0), 0e0)
        ) AS apart_share
    FROM hourly
    GROUP BY incident_id
),
-- What many share is counted already, slot by slot; of the slot that the end of the window cuts the sign-ins are looked at.
app_success AS (
    SELECT i.incident_id, c.successes
    FROM incident_facts AS i
    INNER JOIN slot_counts AS c ON c.kind = 'app' AND i.top_app = c."value"
    WHERE c.slot < date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', (SELECT until FROM horizon))) // 900
    UNION ALL
    SELECT i.incident_id, 1
    FROM incident_facts AS i
    INNER JOIN cut_sign_ins AS s ON s.result_code = '0' AND i.top_app = s.app_id
    WHERE s.slot = date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', (SELECT until FROM horizon))) // 900
),
app AS (
    SELECT incident_id, CAST(sum(successes) AS BIGINT) AS app_succeeded FROM app_success GROUP BY incident_id
),
-- a build is told by any of four columns: of each combination of them that was ever seen, when it was seen first
seen_build AS (
    SELECT client, browser, user_agent, os, min(first_seen_at) AS first_seen_at
    FROM slot_builds
    WHERE first_seen_at < (SELECT until FROM horizon)
    GROUP BY client, browser, user_agent, os
),
build AS (
    SELECT i.incident_id, min(s.first_seen_at) AS build_first_seen_at
    FROM incident_facts AS i
    INNER JOIN seen_build AS s ON i.top_build IN (s.client, s.browser, s.user_agent, s.os)
    GROUP BY i.incident_id
),
build_device AS (
    SELECT DISTINCT i.incident_id, i.top_build, i.first_seen_at, f.device_id
    FROM incident_facts AS i
    INNER JOIN failures AS f ON i.incident_id = f.incident_id AND i.top_build IN (f.client, f.browser, f.user_agent, f.os)
    WHERE f.device_id IS NOT NULL
),
changed AS (
    SELECT DISTINCT b.incident_id, b.device_id
    FROM build_device AS b
    INNER JOIN touched_sign_ins AS s ON b.device_id = s.device_id
    WHERE s.result_code = '0' AND coalesce(s.client, '') <> b.top_build AND coalesce(s.browser, '') <> b.top_build
        AND coalesce(s.user_agent, '') <> b.top_build AND coalesce(s.os, '') <> b.top_build
),
switched AS (
    SELECT b.incident_id, count(*) AS build_devices, count(c.device_id) AS switched_devices
    FROM (SELECT DISTINCT incident_id, device_id FROM build_device) AS b
    LEFT JOIN changed AS c ON b.incident_id = c.incident_id AND b.device_id = c.device_id
    GROUP BY b.incident_id
)
SELECT
    i.incident_id,
    coalesce(d.device_succeeded_before, 0) AS device_succeeded_before,
    coalesce(d.device_succeeded_during, 0) AS device_succeeded_during,
    d.device_good_share,
    coalesce(p.device_users, 0) AS device_users,
    coalesce(p.new_users, 0) AS new_users,
    coalesce(w.apart_share, 0e0) AS apart_share,
    coalesce(a.app_succeeded, 0) AS app_succeeded,
    b.build_first_seen_at,
    r.record_from,
    coalesce(s.build_devices, 0) AS build_devices,
    coalesce(s.switched_devices, 0) AS switched_devices
FROM incident_facts AS i
CROSS JOIN record AS r
LEFT JOIN device AS d ON i.incident_id = d.incident_id
LEFT JOIN people AS p ON i.incident_id = p.incident_id
LEFT JOIN places AS w ON i.incident_id = w.incident_id
LEFT JOIN app AS a ON i.incident_id = a.incident_id
LEFT JOIN build AS b ON i.incident_id = b.incident_id
LEFT JOIN switched AS s ON i.incident_id = s.incident_id
