-- by_change.csv: one key or configuration change of the window (or of an incident in it), in time order; since the last
-- run, those that a hypothesis about a new incident names.
-- Before and after are the 48 hours on either side, over the sign-ins that the change touches by id: of its device, its
-- application, its user, its domain, or those that list its policy. rate_ratio compares the failure rates, each with half
-- a failure added (Haldane-Anscombe), and is empty where one side has no sign-in, or neither a failure. It shows what
-- happened together, not what caused what.
WITH chosen AS (
    SELECT incident_id, change_id
    FROM incidents
    WHERE last_seen_at >= $since AND first_seen_at < $until AND (NOT $since_last OR status = 'new')
),
shown AS (
    SELECT c.*
    FROM changes AS c
    WHERE (NOT $since_last AND c.change_kind <> 'other' AND c.changed_at >= $since AND c.changed_at < $until)
        OR EXISTS (SELECT 1 FROM chosen AS i WHERE i.change_id = c.change_id)
        OR ($since_last AND EXISTS (
            SELECT 1
            FROM causes AS h
            INNER JOIN chosen AS i ON h.incident_id = i.incident_id
            WHERE h.change_id = c.change_id
        ))
),
-- by what sign-ins tell whom it touches; one relation with the times in it: what is joined to all sign-ins is to be joined
-- by its value, not by its times
aimed AS (
    SELECT
        c.workspace_id, c.change_id, c.changed_at,
        CASE WHEN c.change_kind = 'federation' THEN 'Domain' ELSE c.target_type END AS target_type,
        CASE WHEN c.change_kind = 'federation' THEN lower(c.target) ELSE c.target_id END AS target_id,
        c.changed_at - INTERVAL '48 hours' AS begins_at,
        least(c.changed_at + INTERVAL '48 hours', $until) AS ends_at
    FROM shown AS c
),
listed AS (
    SELECT s.seen_at, s.result_code, p.policy.id AS policy_id
    FROM sign_ins AS s
    CROSS JOIN UNNEST(s.policies) AS p(policy)
    WHERE s.seen_at >= (SELECT min(begins_at) FROM aimed WHERE target_type = 'Policy')
        AND s.seen_at < (SELECT max(ends_at) FROM aimed WHERE target_type = 'Policy')
),
touching AS (
    SELECT c.workspace_id, c.change_id, c.changed_at, s.seen_at, s.result_code
    FROM aimed AS c
    INNER JOIN sign_ins AS s
        ON c.target_type = 'Device' AND c.target_id = s.device_id AND s.seen_at >= c.begins_at AND s.seen_at < c.ends_at
    UNION ALL
    SELECT c.workspace_id, c.change_id, c.changed_at, s.seen_at, s.result_code
    FROM aimed AS c
    INNER JOIN sign_ins AS s
        ON c.target_type = 'Application' AND c.target_id = s.app_id AND s.seen_at >= c.begins_at AND s.seen_at < c.ends_at
    UNION ALL
    SELECT c.workspace_id, c.change_id, c.changed_at, s.seen_at, s.result_code
    FROM aimed AS c
    INNER JOIN sign_ins AS s
        ON c.target_type = 'User' AND c.target_id = s.user_id AND s.seen_at >= c.begins_at AND s.seen_at < c.ends_at
    UNION ALL
    SELECT c.workspace_id, c.change_id, c.changed_at, s.seen_at, s.result_code
    FROM aimed AS c
    INNER JOIN sign_ins AS s
        ON c.target_type = 'Domain' AND c.target_id = s.domain AND s.seen_at >= c.begins_at AND s.seen_at < c.ends_at
    UNION ALL
    SELECT c.workspace_id, c.change_id, c.changed_at, s.seen_at, s.result_code
    FROM aimed AS c
    INNER JOIN listed AS s
        ON c.target_type = 'Policy' AND c.target_id = s.policy_id AND s.seen_at >= c.begins_at AND s.seen_at < c.ends_at
),
touched AS (
    SELECT
        workspace_id,
        change_id,
        count(*) FILTER (WHERE result_code = '50099' AND seen_at < changed_at) AS failures_before,
        count(*) FILTER (WHERE result_code = '50099' AND seen_at >= changed_at) AS failures_after,
        count(*) FILTER (WHERE seen_at < changed_at) AS sign_ins_before,
        count(*) FILTER (WHERE seen_at >= changed_at) AS sign_ins_after
    FROM touching
    GROUP BY workspace_id, change_id
),
blamed AS (
    SELECT change_id, count(*) AS incidents
    FROM chosen
    WHERE change_id IS NOT NULL
    GROUP BY change_id
)
SELECT
    c.change_id,
    c.changed_at,
    c.change,
    c.change_kind,
    c.target_type,
    coalesce(c.target, c.target_id) AS target,
    c.changed_by,
    coalesce(t.failures_before, 0) AS failures_before,
    coalesce(t.failures_after, 0) AS failures_after,
    coalesce(t.sign_ins_before, 0) AS sign_ins_before,
    coalesce(t.sign_ins_after, 0) AS sign_ins_after,
    CASE WHEN t.sign_ins_before > 0 AND t.sign_ins_after > 0 AND t.failures_before + t.failures_after > 0
        THEN ((t.failures_after + 5e-1) / (t.sign_ins_after + 1e0))
            / ((t.failures_before + 5e-1) / (t.sign_ins_before + 1e0))
    END AS rate_ratio,
    coalesce(b.incidents, 0) AS incidents,
    c.old_value,
    c.new_value,
    c.target_id,
    c.workspace_id
FROM shown AS c
LEFT JOIN touched AS t ON c.workspace_id = t.workspace_id AND c.change_id = t.change_id
LEFT JOIN blamed AS b ON c.change_id = b.change_id
ORDER BY c.changed_at, c.change_id, c.workspace_id
