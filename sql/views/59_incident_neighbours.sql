-- One row an incident: other error codes of its users and platforms, from a day before its onset to an hour after its end.
-- stored: yes
-- incident_id: the incident
-- clock_codes: nonce and clock errors (140000, 500991, 500133)
-- clock_codes_expected: as many such errors as that many sign-ins have in this tenant elsewhere
-- device_codes: device unknown, disabled or not authenticated (50155, 700003, 135010, 135011)
-- hello_codes: Windows Hello key errors (130004 to 130008)
-- password_errors: wrong passwords and locked accounts (50126, 50053, 50034, 50056) from the incident's addresses
-- address_attempts: all sign-ins from the incident's addresses in that time
WITH nearby AS (
    SELECT i.incident_id, s.result_code, s.user_id, s.platform, s.ip
    FROM incident_facts AS i
    INNER JOIN known_sign_ins AS s
        ON s.seen_at >= i.first_seen_at - INTERVAL '24 hours' AND s.seen_at <= i.last_seen_at + INTERVAL '1 hour'
),
pair AS (
    SELECT DISTINCT incident_id, user_id, platform FROM failures WHERE incident_id IS NOT NULL
),
address AS (
    SELECT DISTINCT incident_id, ip FROM failures WHERE incident_id IS NOT NULL
),
habit AS (
    SELECT count(*) FILTER (WHERE result_code IN ('140000', '500991', '500133')) / nullif(count(*), 0) AS clock_rate
    FROM known_sign_ins
),
by_pair AS (
    SELECT
        n.incident_id,
        count(*) AS attempts,
        count(*) FILTER (WHERE n.result_code IN ('140000', '500991', '500133')) AS clock_codes,
        count(*) FILTER (WHERE n.result_code IN ('50155', '700003', '135010', '135011')) AS device_codes,
        count(*) FILTER (WHERE n.result_code IN ('130004', '130005', '130006', '130007', '130008')) AS hello_codes
    FROM nearby AS n
    INNER JOIN pair AS p ON n.incident_id = p.incident_id AND n.user_id = p.user_id AND n.platform = p.platform
    GROUP BY n.incident_id
),
by_address AS (
    SELECT
        n.incident_id,
        count(*) AS address_attempts,
        count(*) FILTER (WHERE n.result_code IN ('50126', '50053', '50034', '50056')) AS password_errors
    FROM nearby AS n
    INNER JOIN address AS a ON n.incident_id = a.incident_id AND n.ip = a.ip
    GROUP BY n.incident_id
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
