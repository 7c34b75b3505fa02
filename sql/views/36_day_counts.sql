-- One row a device, person or address and a day on which it signed in: how often. Kept from night to night, day by day.
-- stored: yes
-- kept: by day
-- kind: device (as logged, none is inferred), user or ip
-- value: its value, as in sign_in_values
-- slot: quarters of an hour since 1970; the first of the day (UTC)
-- attempts: sign-ins, whatever their result
WITH attempt AS (
    SELECT
        date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', s.seen_at)) // 86400 * 96 AS slot,
        s.device_id, coalesce(s."user", s.user_id) AS person, s.ip
    FROM uncounted_sign_ins AS s
    WHERE s.seen_at IS NOT NULL
)
SELECT 'device' AS kind, device_id AS "value", slot, count(*) AS attempts
FROM attempt
WHERE device_id IS NOT NULL
GROUP BY device_id, slot
UNION ALL
SELECT 'user', person, slot, count(*) FROM attempt WHERE person IS NOT NULL GROUP BY person, slot
UNION ALL
SELECT 'ip', ip, slot, count(*) FROM attempt WHERE ip IS NOT NULL GROUP BY ip, slot
