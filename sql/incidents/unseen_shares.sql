-- For each incident the share of hours, between a day before its onset and its last failure, that a table was asked for
-- and could not be read: what the judge looked at through a hole. Records that were imported have no hours to miss.
WITH hole AS (
    SELECT source_table, "hour", bool_or(status = 'incomplete') AS missed
    FROM coverage
    WHERE status <> 'absent'
    GROUP BY source_table, "hour"
)
SELECT
    i.incident_id,
    -- of all hours of the tables that were asked for, also where only some of the hours were
    count(*) FILTER (WHERE h.missed) / greatest(
        count(*),
        count(DISTINCT h.source_table) * (26e0 + date_diff(
            'second', date_trunc('second', max(i.first_seen_at)), date_trunc('second', max(i.last_seen_at))) / 36e2)
    ) AS unseen_share,
    array_to_string(list_sort(array_agg(DISTINCT h.source_table) FILTER (WHERE h.missed)), ', ') AS tables
FROM incident_facts AS i
INNER JOIN hole AS h
    ON h."hour" >= i.first_seen_at - INTERVAL '24 hours' AND h."hour" <= i.last_seen_at + INTERVAL '2 hours'
GROUP BY i.incident_id
HAVING count(*) FILTER (WHERE h.missed) > 0
