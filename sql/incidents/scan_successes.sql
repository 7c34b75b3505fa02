-- Successes of those values slot by slot, retries within an hour weighed as failures are.
WITH wanted AS (
    SELECT DISTINCT kind, "value" FROM scan_values
),
burst AS (
    SELECT
        v.kind,
        v."value",
        min(date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', v.seen_at)) // 900) AS slot,
        count(*) AS times
    FROM sign_in_values AS v
    INNER JOIN wanted AS w ON v.kind = w.kind AND v."value" = w."value"
    WHERE v.result_code = '0' AND v.seen_at >= $since AND v.seen_at < $until
    GROUP BY v.kind, v."value", CAST(date_trunc('hour', v.seen_at) AS TIMESTAMP), v.user_id, v.app_id, v.client, v.ip
)
SELECT kind, "value", slot, CAST(sum(CAST(floor(1000e0 * (1e0 + ln(times))) AS BIGINT)) AS BIGINT) AS weight
FROM burst
GROUP BY kind, "value", slot
