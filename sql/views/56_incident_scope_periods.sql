-- One row an incident: the sign-ins of its scope before, between and after its first and last failure.
-- stored: yes
-- incident_id: the incident
-- hours_before: how far back the record of its scope goes before the onset
-- succeeded_before: successes of the scope before the onset
-- failed_before: failures of the scope before the onset that no other incident explains
-- succeeded_during: successes of the scope between first and last failure
-- failed_during: failures of the scope then, whoever explains them
-- succeeded_after: successes of the scope after the last failure
-- rate_before: share of refused signatures before the onset
-- rate_during: between first and last failure
WITH attempt AS (
    SELECT
        i.incident_id,
        v.seen_at,
        v.result_code = '50099' AS failed,
        CASE WHEN v.seen_at < i.first_seen_at THEN 'before' WHEN v.seen_at <= i.last_seen_at THEN 'during' ELSE 'after' END
            AS period,
        i.first_seen_at,
        f.incident_id IS NULL OR f.incident_id = i.incident_id AS own
    FROM incident_facts AS i
    INNER JOIN sign_in_values AS v ON i.scope_kind = v.kind AND i.scope_value = v."value"
    LEFT JOIN incident_failures AS f
        ON v.workspace_id = f.workspace_id AND v.source_table = f.source_table AND v.sign_in_id = f.sign_in_id
    WHERE v.result_code IN ('0', '50099')
),
counted AS (
    SELECT
        incident_id,
        greatest(0, date_diff(
            'second', date_trunc('second', min(seen_at)), date_trunc('second', max(first_seen_at)))) / 36e2 AS hours_before,
        count(*) FILTER (WHERE period = 'before' AND NOT failed) AS succeeded_before,
        count(*) FILTER (WHERE period = 'before' AND failed AND own) AS failed_before,
        count(*) FILTER (WHERE period = 'during' AND NOT failed) AS succeeded_during,
        count(*) FILTER (WHERE period = 'during' AND failed) AS failed_during,
        count(*) FILTER (WHERE period = 'after' AND NOT failed) AS succeeded_after
    FROM attempt
    GROUP BY incident_id
)
SELECT
    i.incident_id, c.hours_before,
    coalesce(c.succeeded_before, 0) AS succeeded_before,
    coalesce(c.failed_before, 0) AS failed_before,
    coalesce(c.succeeded_during, 0) AS succeeded_during,
    coalesce(c.failed_during, 0) AS failed_during,
    coalesce(c.succeeded_after, 0) AS succeeded_after,
    c.failed_before / nullif(c.failed_before + c.succeeded_before, 0) AS rate_before,
    c.failed_during / nullif(c.failed_during + c.succeeded_during, 0) AS rate_during
FROM incident_facts AS i
LEFT JOIN counted AS c ON i.incident_id = c.incident_id
