-- Would a new token help? Of the failures whose device is known, those after which the device succeeded within ten minutes.
WITH failed AS (
    SELECT f.workspace_id, f.source_table, f.sign_in_id, f.device_id, f.seen_at
    FROM failures AS f
    WHERE f.incident_id = $incident_id AND f.device_id IS NOT NULL
        AND f.seen_at + INTERVAL '10 minutes' <= (SELECT until FROM horizon)
),
answered AS (
    SELECT DISTINCT f.workspace_id, f.source_table, f.sign_in_id
    FROM failed AS f
    INNER JOIN known_sign_ins AS s
        ON f.device_id = s.device_id AND s.seen_at > f.seen_at AND s.seen_at <= f.seen_at + INTERVAL '10 minutes'
    WHERE s.result_code = '0'
)
SELECT followed, failures, followed / nullif(failures, 0) AS rate
FROM (SELECT (SELECT count(*) FROM answered) AS followed, (SELECT count(*) FROM failed) AS failures) AS counted
