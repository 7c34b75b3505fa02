-- One row a changed policy and a quarter of an hour: how many sign-ins before the end of the last run's window it is for.
-- stored: yes
-- columns: slot_counts
-- kind: policy
-- value: id of the policy
-- Counted anew by every run, for a policy may turn out to be in force for more users than was known.
WITH attempt AS (
    SELECT
        p.policy_id,
        date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', s.seen_at)) // 900 AS slot,
        CAST(date_trunc('hour', s.seen_at) AS TIMESTAMP) AS "hour",
        s.user_id,
        s.app_id,
        s.client,
        s.ip,
        s.result_code IS NOT DISTINCT FROM '0' AS good
    FROM known_records AS s
    INNER JOIN policy_scopes AS p ON s.user_id = p.user_id AND s.platform = p.platform
    INNER JOIN policy_apps AS a ON p.policy_id = a.policy_id AND s.app_id = a.app_id
    WHERE p.policy_id <> ''
),
burst AS (
    SELECT policy_id, min(slot) AS slot, count(*) AS times
    FROM attempt
    WHERE good
    GROUP BY policy_id, "hour", user_id, app_id, client, ip
),
added AS (
    SELECT policy_id, slot, count(*) AS attempts, count(*) FILTER (WHERE good) AS successes, 0 AS weight
    FROM attempt
    GROUP BY policy_id, slot
    UNION ALL
    SELECT policy_id, slot, 0, 0, CAST(floor(1000e0 * (1e0 + ln(times))) AS BIGINT) FROM burst
)
SELECT
    'policy' AS kind, policy_id AS "value", slot, CAST(sum(attempts) AS BIGINT) AS attempts,
    CAST(sum(successes) AS BIGINT) AS successes, CAST(sum(weight) AS BIGINT) AS weight
FROM added
GROUP BY policy_id, slot
