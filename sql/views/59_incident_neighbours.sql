-- One row an incident: other error codes of its users and platforms, from a day before its onset to an hour after its end.
-- stored: yes
-- incident_id: the incident
-- clock_codes: nonce and clock errors (140000, 500991, 500133)
-- clock_codes_expected: as many such errors as that many sign-ins have in this tenant elsewhere
-- device_codes: device unknown, disabled or not authenticated (50155, 700003, 135010, 135011)
-- hello_codes: Windows Hello key errors (130004 to 130008)
-- password_errors: wrong passwords and locked accounts (50126, 50053, 50034, 50056) from the incident's addresses
-- address_attempts: all sign-ins from the incident's addresses in that time
-- each one relation with the times in it: what is joined to all sign-ins is to be joined by its value, not by its times
WITH pair AS (
    SELECT DISTINCT
        f.incident_id, f.user_id, f.platform,
        i.first_seen_at - INTERVAL '24 hours' AS begins_at, i.last_seen_at + INTERVAL '1 hour' AS ends_at
    FROM failures AS f
    INNER JOIN incident_facts AS i ON f.incident_id = i.incident_id
),
address AS (
    SELECT DISTINCT
        f.incident_id, f.ip,
        i.first_seen_at - INTERVAL '24 hours' AS begins_at, i.last_seen_at + INTERVAL '1 hour' AS ends_at
    FROM failures AS f
    INNER JOIN incident_facts AS i ON f.incident_id = i.incident_id
),
habit AS (
    SELECT count(*) FILTER (WHERE result_code IN ('140000', '500991', '500133')) / nullif(count(*), 0) AS clock_rate
    FROM known_records
),
by_pair AS (
    SELECT
        p.incident_id,
        count(*) AS attempts,
        count(*) FILTER (WHERE s.result_code IN ('140000', '500991', '500133')) AS clock_codes,
        count(*) FILTER (WHERE s.result_code IN ('50155', '700003', '135010', '135011')) AS device_codes,
        count(*) FILTER (WHERE s.result_code IN ('130004', '130005', '130006', '130007', '130008')) AS hello_codes
    FROM pair AS p
    INNER JOIN touched_sign_ins AS s
        ON p.user_id = s.user_id AND p.platform = s.platform AND s.seen_at >= p.begins_at AND s.seen_at <= p.ends_at
    GROUP BY p.incident_id
),
by_address AS (
    SELECT
        a.incident_id,
        count(*) AS address_attempts,
        count(*) FILTER (WHERE s.result_code IN ('50126', '50053', '50034', '50056')) AS password_errors
    FROM address AS a
    INNER JOIN touched_sign_ins AS s ON a.ip = s.ip AND s.seen_at >= a.begins_at AND s.seen_at <= a.ends_at
    GROUP BY a.incident_id
)
SELECT
    i.incident_id,
    coalesce(p.clock_codes, 0) AS clock_codes,
    coalesce(p.attempts, 0) * coalesce(h.clock_rate, 0e0) AS clock_codes_expected,
    coalesce(p.device_codes, 0) AS device_codes,
    coalesce(p.hello_codes, 0) AS hello_codes,
    coalesce(a.password_errors, 0) AS password_errors,
    coalesce(a.address_attempts, 0) AS address_attempts
FROM incident_facts AS i
CROSS JOIN habit AS h
LEFT JOIN by_pair AS p ON i.incident_id = p.incident_id
LEFT JOIN by_address AS a ON i.incident_id = a.incident_id
