-- One row a device that any sign-in names.
-- device_id: the device's id
-- device: its display name when last seen
-- os: its operating system when last seen
-- trust_type: how it was joined when last seen
-- first_seen_at: first sign-in on record, UTC
-- last_seen_at: last sign-in on record, UTC
SELECT
    device_id,
    max_by(device, concat(CAST(seen_at AS VARCHAR), ' ', sign_in_id)) AS device,
    max_by(os, concat(CAST(seen_at AS VARCHAR), ' ', sign_in_id)) AS os,
    max_by(trust_type, concat(CAST(seen_at AS VARCHAR), ' ', sign_in_id)) AS trust_type,
    min(seen_at) AS first_seen_at,
    max(seen_at) AS last_seen_at
FROM sign_ins
WHERE device_known = 'logged'
GROUP BY device_id
