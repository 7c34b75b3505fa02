-- The kinds of device concerned, the commonest first: a Windows device by how it is joined, others by their platform.
WITH own AS (
    SELECT device_id, platform, trust_type FROM failures WHERE incident_id = $incident_id
),
joined AS (
    SELECT device_id, max_by(trust_type, ROW(seen_at, sign_in_id)) AS trust_type
    FROM sign_ins
    WHERE device_id IN (SELECT device_id FROM own) AND trust_type IS NOT NULL
    GROUP BY device_id
),
failed AS (
    SELECT o.device_id, o.platform, lower(coalesce(j.trust_type, o.trust_type, '')) AS trust
    FROM own AS o
    LEFT JOIN joined AS j ON o.device_id = j.device_id
),
kind AS (
    SELECT
        device_id,
        CASE
            WHEN platform IN ('ios', 'android', 'macos') THEN platform
            WHEN coalesce(platform, 'windows') = 'windows' AND trust LIKE '%hybrid%' THEN 'hybrid'
            WHEN coalesce(platform, 'windows') = 'windows' AND trust LIKE '%joined%' THEN 'joined'
            WHEN platform = 'windows' AND trust LIKE '%registered%' THEN 'registered'
            WHEN platform = 'windows' THEN 'windows'
            ELSE coalesce(platform, 'unknown')
        END AS kind
    FROM failed
)
SELECT kind, count(*) AS failures, count(DISTINCT device_id) AS devices
FROM kind
GROUP BY kind
ORDER BY failures DESC, kind
