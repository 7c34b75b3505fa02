-- One row an application that any sign-in names.
-- app_id: the application's id
-- app: its display name when last seen
-- first_seen_at: first sign-in on record, UTC
-- last_seen_at: last sign-in on record, UTC
SELECT
    app_id,
    max_by(app, concat(CAST(seen_at AS VARCHAR), ' ', sign_in_id)) AS app,
    min(seen_at) AS first_seen_at,
    max(seen_at) AS last_seen_at
FROM sign_ins
WHERE app_id IS NOT NULL
GROUP BY app_id
