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
width AS (
    SELECT kind, count(DISTINCT "value") AS "values"
    FROM sign_in_values
    WHERE seen_at >= $since AND seen_at < $until
    GROUP BY kind
)
SELECT p.kind, 7e0 + p.price + ln(greatest(w."values", 1)) AS price
FROM preference AS p
INNER JOIN width AS w ON p.kind = w.kind
