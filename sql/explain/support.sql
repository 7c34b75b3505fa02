-- What a support case asks for: request and correlation ids of up to five failures, from the first to the last.
WITH numbered AS (
    SELECT
        seen_at, sign_in_id, correlation_id, app, "user", source_table,
        row_number() OVER (ORDER BY seen_at, sign_in_id) - 1 AS place,
        count(*) OVER () - 1 AS last_place
    FROM failures
    WHERE incident_id = $incident_id
)
SELECT seen_at, sign_in_id AS request_id, correlation_id, app, "user", source_table
FROM numbered
WHERE last_place < 5 OR place IN (0, last_place // 4, last_place // 2, 3 * last_place // 4, last_place)
ORDER BY seen_at, sign_in_id
