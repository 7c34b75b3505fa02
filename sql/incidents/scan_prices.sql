-- What a scope of each kind must explain before it is believed: the more values there are to choose from, the dearer, and
-- of two kinds that explain the same failures the one that names a thing closer to the signature is cheaper.
WITH preference AS (
    SELECT 'device' AS kind, 0e0 AS price
    UNION ALL SELECT 'app', 0e0
    UNION ALL SELECT 'domain', 1e0
    UNION ALL SELECT 'policy', 3e0
    UNION ALL SELECT 'ip', 3e0
    UNION ALL SELECT 'tenant', 3e0
    UNION ALL SELECT 'user', 4e0
    UNION ALL SELECT 'client', 6e0
    UNION ALL SELECT 'network', 7e0
    UNION ALL SELECT 'region', 8e0
    UNION ALL SELECT 'mode', 9e0
    UNION ALL SELECT 'platform', 9e0
    UNION ALL SELECT 'os', 9e0
),
-- of whole days each device, person and address is counted already; the days that the window cuts are looked at
cut AS (
    SELECT device_id, coalesce("user", user_id) AS person, ip
    FROM recorded_sign_ins
    WHERE seen_at >= $since AND seen_at < $day_since
    UNION ALL
    SELECT device_id, coalesce("user", user_id), ip FROM recorded_sign_ins WHERE seen_at >= $day_until AND seen_at < $until
),
used AS (
    SELECT kind, "value" FROM day_counts WHERE slot >= $first_day AND slot < $last_day
    UNION
    SELECT 'device', device_id FROM cut WHERE device_id IS NOT NULL
    UNION
    SELECT 'user', person FROM cut WHERE person IS NOT NULL
    UNION
    SELECT 'ip', ip FROM cut WHERE ip IS NOT NULL
),
-- the values that were seen, each by what tells it at the least cost; a failure's device may have been inferred
seen AS (
    SELECT kind, "value"
    FROM value_counts
    WHERE slot >= $first_slot AND slot < $last_slot
    GROUP BY kind, "value"
    UNION
    -- the hours that the window cuts, each by itself: so nothing is read where it cuts none
    SELECT kind, "value" FROM sign_in_values WHERE seen_at >= $since AND seen_at < $whole_since
    UNION
    SELECT kind, "value" FROM sign_in_values WHERE seen_at >= $whole_until AND seen_at < $until
    UNION
    SELECT 'device', device_id
    FROM failed_sign_ins
    WHERE device_id IS NOT NULL AND seen_at >= $since AND seen_at < $until
    UNION
    SELECT kind, "value" FROM used WHERE kind <> 'user' OR "value" <> ''
    UNION
    SELECT 'network', a.network
    FROM used AS u
    INNER JOIN addresses AS a ON u.kind = 'ip' AND u."value" = a.ip
    WHERE a.network IS NOT NULL
    UNION
    SELECT 'network', a.subnet
    FROM used AS u
    INNER JOIN addresses AS a ON u.kind = 'ip' AND u."value" = a.ip
    WHERE a.subnet IS NOT NULL
),
width AS (
    SELECT kind, count(*) AS "values" FROM seen GROUP BY kind
)
SELECT p.kind, 7e0 + p.price + ln(greatest(w."values", 1)) AS price
FROM preference AS p
INNER JOIN width AS w ON p.kind = w.kind
