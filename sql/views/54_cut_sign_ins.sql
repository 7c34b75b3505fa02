-- The sign-ins of the quarters of an hour that an incident cuts: what is counted by these is looked at there one by one.
-- columns: sign_ins
-- slot: quarters of an hour since 1970
-- An incident begins or ends in them, its scope succeeds for the first time, or the last run's window ends. Few of all, and
-- asked for by several of the evidence: an analysis lays them down once.
WITH edge AS (
    SELECT min(seen_at) AS cut_at FROM failures WHERE incident_id IS NOT NULL GROUP BY incident_id
    UNION ALL
    SELECT max(seen_at) FROM failures WHERE incident_id IS NOT NULL GROUP BY incident_id
    UNION ALL
    SELECT until FROM horizon
),
cut AS (
    SELECT date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', cut_at)) // 900 AS slot FROM edge
    UNION
    SELECT min(c.slot)
    FROM value_counts AS c
    INNER JOIN found_incidents AS i ON c.kind = i.scope_kind AND c."value" = i.scope_value
    WHERE c.successes > 0
    GROUP BY i.incident_id
)
SELECT
    date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', s.seen_at)) // 900 AS slot,
    s.seen_at, s.user_id, s.domain, s.app_id, s.os, s.platform, s.client, s.browser, s.user_agent, s.asn, s.country, s.city,
    s.interactive, s.result_code
FROM known_records AS s
WHERE date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', s.seen_at)) // 900 IN (SELECT slot FROM cut)
