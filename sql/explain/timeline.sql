-- What happened when: refused signatures of the incident and other sign-ins of its scope, one row a stretch of time in
-- which there was any of them.
WITH attempt AS (
    SELECT seen_at, true AS refused
    FROM failures
    WHERE incident_id = $incident_id
    UNION ALL
    SELECT v.seen_at, false AS refused
    FROM sign_in_values AS v
    LEFT JOIN incident_failures AS f
        ON v.workspace_id = f.workspace_id AND v.source_table = f.source_table AND v.sign_in_id = f.sign_in_id
        AND f.incident_id = $incident_id
    WHERE v.kind = $scope_kind AND v."value" = $scope_value AND v.seen_at >= $start AND f.incident_id IS NULL
),
placed AS (
    SELECT refused, date_diff('second', $start, date_trunc('second', seen_at)) // $seconds AS place FROM attempt
)
SELECT
    $start + INTERVAL '1 second' * (place * $seconds) AS starts_at,
    count(*) FILTER (WHERE refused) AS failures,
    count(*) FILTER (WHERE NOT refused) AS other_sign_ins
FROM placed
GROUP BY place
ORDER BY place
