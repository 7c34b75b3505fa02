-- One row an incident: the sign-ins of its scope before, between and after its first and last failure.
-- stored: yes
-- incident_id: the incident
-- hours_before: how far back the record of its scope goes before the onset
-- attempts_during: sign-ins of its scope between its first and last failure, whatever their result
-- succeeded_before: successes of the scope before the onset
-- failed_before: failures of the scope before the onset that no other incident explains
-- succeeded_during: successes of the scope between first and last failure
-- failed_during: failures of the scope then, whoever explains them
-- succeeded_after: successes of the scope after the last failure
-- rate_before: share of refused signatures before the onset
-- rate_during: between first and last failure
WITH scope AS (
    SELECT
        incident_id, scope_kind, scope_value, first_seen_at, last_seen_at,
        date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', first_seen_at)) // 900 AS first_slot,
        date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', last_seen_at)) // 900 AS last_slot
    FROM incident_facts
),
-- What many share is counted already, slot by slot. The sign-ins themselves are looked at in the slots that its first or
-- its last failure cuts, or the end of the window, and in the first of the scope.
cut AS (
    SELECT incident_id, first_slot AS slot FROM scope
    UNION
    SELECT incident_id, last_slot FROM scope
    UNION
    SELECT s.incident_id, date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', until)) // 900 FROM scope AS s CROSS JOIN horizon
    UNION
    SELECT i.incident_id, min(c.slot)
    FROM value_counts AS c
    INNER JOIN scope AS i ON c.kind = i.scope_kind AND c."value" = i.scope_value
    WHERE c.successes > 0
    GROUP BY i.incident_id
),
whole AS (
    SELECT
        i.incident_id,
        sum(c.attempts) FILTER (WHERE c.slot > i.first_slot AND c.slot < i.last_slot) AS attempts_during,
        sum(c.successes) FILTER (WHERE c.slot < i.first_slot) AS succeeded_before,
        sum(c.successes) FILTER (WHERE c.slot > i.first_slot AND c.slot < i.last_slot) AS succeeded_during,
        sum(c.successes) FILTER (WHERE c.slot > i.last_slot) AS succeeded_after
    FROM value_counts AS c
    INNER JOIN scope AS i ON c.kind = i.scope_kind AND c."value" = i.scope_value
    LEFT JOIN cut ON i.incident_id = cut.incident_id AND c.slot = cut.slot
    WHERE cut.slot IS NULL AND c.slot < (SELECT date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', until)) // 900 FROM horizon)
    GROUP BY i.incident_id
),
scope_address AS (
    SELECT DISTINCT i.incident_id, a.ip
    FROM scope AS i
    INNER JOIN addresses AS a ON i.scope_kind = 'network' AND i.scope_value IN (a.network, a.subnet)
),
other AS (
    SELECT i.incident_id, s.seen_at, s.result_code
    FROM cut_sign_ins AS s
    INNER JOIN scope AS i ON i.scope_kind = 'app' AND s.app_id = i.scope_value
    INNER JOIN cut AS c ON i.incident_id = c.incident_id AND s.slot = c.slot
    UNION ALL
    SELECT i.incident_id, s.seen_at, s.result_code
    FROM cut_sign_ins AS s
    INNER JOIN scope AS i ON i.scope_kind = 'client' AND regexp_matches(s.client, '[0-9]') AND s.client = i.scope_value
    INNER JOIN cut AS c ON i.incident_id = c.incident_id AND s.slot = c.slot
    UNION ALL
    SELECT i.incident_id, s.seen_at, s.result_code
    FROM cut_sign_ins AS s
    INNER JOIN scope AS i ON i.scope_kind = 'client' AND regexp_matches(s.browser, '[0-9]') AND s.browser IS DISTINCT FROM s.client AND s.browser = i.scope_value
    INNER JOIN cut AS c ON i.incident_id = c.incident_id AND s.slot = c.slot
    UNION ALL
    SELECT i.incident_id, s.seen_at, s.result_code
    FROM cut_sign_ins AS s
    INNER JOIN scope AS i ON i.scope_kind = 'client' AND s.user_agent NOT LIKE 'Mozilla/%' AND s.user_agent IS DISTINCT FROM s.client AND s.user_agent = i.scope_value
    INNER JOIN cut AS c ON i.incident_id = c.incident_id AND s.slot = c.slot
    UNION ALL
    SELECT i.incident_id, s.seen_at, s.result_code
    FROM cut_sign_ins AS s
    INNER JOIN scope AS i ON i.scope_kind = 'os' AND s.os = i.scope_value
    INNER JOIN cut AS c ON i.incident_id = c.incident_id AND s.slot = c.slot
    UNION ALL
    SELECT i.incident_id, s.seen_at, s.result_code
    FROM cut_sign_ins AS s
    INNER JOIN scope AS i ON i.scope_kind = 'network' AND concat('AS', s.asn) = i.scope_value
    INNER JOIN cut AS c ON i.incident_id = c.incident_id AND s.slot = c.slot
    UNION ALL
    SELECT i.incident_id, s.seen_at, s.result_code
    FROM cut_sign_ins AS s
    INNER JOIN scope AS i ON i.scope_kind = 'region' AND s.city = i.scope_value
    INNER JOIN cut AS c ON i.incident_id = c.incident_id AND s.slot = c.slot
    UNION ALL
    SELECT i.incident_id, s.seen_at, s.result_code
    FROM cut_sign_ins AS s
    INNER JOIN scope AS i ON i.scope_kind = 'region' AND s.country = i.scope_value
    INNER JOIN cut AS c ON i.incident_id = c.incident_id AND s.slot = c.slot
    UNION ALL
    SELECT i.incident_id, s.seen_at, s.result_code
    FROM cut_sign_ins AS s
    INNER JOIN scope AS i ON i.scope_kind = 'mode' AND CASE WHEN s.interactive THEN 'interactive' ELSE 'non-interactive' END = i.scope_value
    INNER JOIN cut AS c ON i.incident_id = c.incident_id AND s.slot = c.slot
    UNION ALL
    SELECT i.incident_id, s.seen_at, s.result_code
    FROM cut_sign_ins AS s
    INNER JOIN scope AS i ON i.scope_kind = 'domain' AND s.domain = i.scope_value
    INNER JOIN cut AS c ON i.incident_id = c.incident_id AND s.slot = c.slot
    UNION ALL
    SELECT i.incident_id, s.seen_at, s.result_code
    FROM cut_sign_ins AS s
    INNER JOIN scope AS i ON i.scope_kind = 'platform' AND s.platform = i.scope_value
    INNER JOIN cut AS c ON i.incident_id = c.incident_id AND s.slot = c.slot
    UNION ALL
    SELECT i.incident_id, s.seen_at, s.result_code
    FROM cut_sign_ins AS s
    INNER JOIN scope AS i ON i.scope_kind = 'tenant' AND i.scope_value = 'all'
    INNER JOIN cut AS c ON i.incident_id = c.incident_id AND s.slot = c.slot
    UNION ALL
    SELECT i.incident_id, s.seen_at, s.result_code
    FROM touched_sign_ins AS s
    INNER JOIN scope AS i ON i.scope_kind = 'device' AND s.device_id = i.scope_value
    UNION ALL
    SELECT i.incident_id, s.seen_at, s.result_code
    FROM touched_sign_ins AS s
    INNER JOIN scope AS i ON i.scope_kind = 'user' AND coalesce(s."user", s.user_id) = i.scope_value
    UNION ALL
    SELECT i.incident_id, s.seen_at, s.result_code
    FROM touched_sign_ins AS s
    INNER JOIN scope AS i ON i.scope_kind = 'ip' AND s.ip = i.scope_value
    UNION ALL
    SELECT i.incident_id, s.seen_at, s.result_code
    FROM known_records AS s
    INNER JOIN scope_address AS i ON s.ip = i.ip
    UNION ALL
    SELECT i.incident_id, s.seen_at, s.result_code
    FROM cut_sign_ins AS s
    INNER JOIN policy_scopes AS p ON s.user_id = p.user_id AND s.platform = p.platform
    INNER JOIN policy_apps AS a ON p.policy_id = a.policy_id AND s.app_id = a.app_id
    INNER JOIN scope AS i ON i.scope_kind = 'policy' AND p.policy_id = i.scope_value
    INNER JOIN cut AS c ON i.incident_id = c.incident_id AND s.slot = c.slot
),
attempt AS (
    SELECT incident_id, seen_at, result_code = '0' AS good, false AS failed, false AS own
    FROM other
    WHERE result_code <> '50099' OR result_code IS NULL
    UNION ALL
    SELECT i.incident_id, v.seen_at, false, true, f.incident_id IS NULL OR f.incident_id = i.incident_id
    FROM scope AS i
    INNER JOIN sign_in_values AS v ON i.scope_kind = v.kind AND i.scope_value = v."value"
    LEFT JOIN incident_failures AS f
        ON v.workspace_id = f.workspace_id AND v.source_table = f.source_table AND v.sign_in_id = f.sign_in_id
    WHERE v.failed
),
timed AS (
    SELECT
        a.incident_id, a.seen_at, coalesce(a.good, false) AS good, a.failed, a.own, i.first_seen_at,
        CASE WHEN a.seen_at < i.first_seen_at THEN 'before' WHEN a.seen_at <= i.last_seen_at THEN 'during' ELSE 'after' END
            AS period
    FROM attempt AS a
    INNER JOIN scope AS i ON a.incident_id = i.incident_id
),
counted AS (
    SELECT
        incident_id,
        min(seen_at) FILTER (WHERE good OR failed) AS record_from,
        count(*) FILTER (WHERE period = 'during') AS attempts_during,
        count(*) FILTER (WHERE period = 'before' AND good) AS succeeded_before,
        count(*) FILTER (WHERE period = 'before' AND failed AND own) AS failed_before,
        count(*) FILTER (WHERE period = 'during' AND good) AS succeeded_during,
        count(*) FILTER (WHERE period = 'during' AND failed) AS failed_during,
        count(*) FILTER (WHERE period = 'after' AND good) AS succeeded_after
    FROM timed
    GROUP BY incident_id
),
summed AS (
    SELECT
        i.incident_id,
        greatest(0, date_diff(
            'second', date_trunc('second', c.record_from), date_trunc('second', i.first_seen_at))) / 36e2 AS hours_before,
        CAST(coalesce(c.attempts_during, 0) + coalesce(w.attempts_during, 0) - coalesce(n.failures, 0) AS BIGINT)
            AS attempts_during,
        CAST(coalesce(c.succeeded_before, 0) + coalesce(w.succeeded_before, 0) AS BIGINT) AS succeeded_before,
        coalesce(c.failed_before, 0) AS failed_before,
        CAST(coalesce(c.succeeded_during, 0) + coalesce(w.succeeded_during, 0) AS BIGINT) AS succeeded_during,
        coalesce(c.failed_during, 0) AS failed_during,
        CAST(coalesce(c.succeeded_after, 0) + coalesce(w.succeeded_after, 0) AS BIGINT) AS succeeded_after
    FROM scope AS i
    LEFT JOIN counted AS c ON i.incident_id = c.incident_id
    LEFT JOIN whole AS w ON i.incident_id = w.incident_id
    -- failures are among the attempts that are counted already
    LEFT JOIN (
        SELECT t.incident_id, count(*) AS failures
        FROM timed AS t
        INNER JOIN scope AS i ON t.incident_id = i.incident_id
        INNER JOIN (SELECT DISTINCT kind, "value" FROM value_counts) AS k ON i.scope_kind = k.kind AND i.scope_value = k."value"
        LEFT JOIN cut ON t.incident_id = cut.incident_id AND date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', t.seen_at)) // 900 = cut.slot
        WHERE t.failed AND t.period = 'during' AND cut.slot IS NULL
        GROUP BY t.incident_id
    ) AS n ON i.incident_id = n.incident_id
)
SELECT
    incident_id, hours_before, attempts_during, succeeded_before, failed_before, succeeded_during, failed_during, succeeded_after,
    failed_before / nullif(failed_before + succeeded_before, 0) AS rate_before,
    failed_during / nullif(failed_during + succeeded_during, 0) AS rate_during
FROM summed
