-- Each explained failure with the incident it belongs to: the covering stretch with the highest chance of failure, of
-- equals the smaller. Stretches of one scope within three days are one incident; fewer than five failures are none.
WITH sized AS (
    SELECT number, count(*) AS failures FROM scan_covers GROUP BY number
),
owned AS (
    SELECT c.failure, w.kind, w."value"
    FROM scan_covers AS c
    INNER JOIN scan_windows AS w ON c.number = w.number
    INNER JOIN sized AS s ON c.number = s.number
    QUALIFY row_number() OVER (PARTITION BY c.failure ORDER BY w.p DESC, s.failures, w.number) = 1
),
spaced AS (
    SELECT
        o.kind, o."value", f.failure, f.workspace_id, f.source_table, f.sign_in_id, f.seen_at,
        CASE
            WHEN date_diff('second', date_trunc('second', lag(f.seen_at) OVER scope), date_trunc('second', f.seen_at))
                <= 3 * 86400 THEN 0
            ELSE 1
        END AS starts
    FROM owned AS o
    INNER JOIN scan_failures AS f ON o.failure = f.failure
    WINDOW scope AS (PARTITION BY o.kind, o."value" ORDER BY f.failure)
),
numbered AS (
    SELECT *, sum(starts) OVER (
        PARTITION BY kind, "value" ORDER BY failure ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS spell
    FROM spaced
)
SELECT kind, "value", spell, workspace_id, source_table, sign_in_id, seen_at
FROM numbered
QUALIFY count(*) OVER (PARTITION BY kind, "value", spell) >= 5
ORDER BY kind, "value", spell, failure
