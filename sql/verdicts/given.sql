-- A verdict with what a later refit of the confidence needs: the incident and its ranked hypotheses as they stand now; of
-- an incident that left the window, as they stood at its last verdict.
WITH ranked AS (
    SELECT
        incident_id,
        list(
            struct_pack(
                cause := cause, rank := rank, confidence := confidence, log_odds := log_odds, change_id := change_id)
            ORDER BY rank
        ) AS hypotheses
    FROM judged_causes
    GROUP BY incident_id
),
known AS (
    SELECT
        i.incident_id, i.scope, i.first_seen_at, i.last_seen_at, i.failures, i.cause AS first_cause,
        coalesce(r.hypotheses, []) AS hypotheses, TIMESTAMP '9999-12-31 00:00:00' AS known_at
    FROM found_incidents AS i
    LEFT JOIN ranked AS r ON i.incident_id = r.incident_id
    UNION ALL
    SELECT
        incident_id, scope, first_seen_at, last_seen_at, failures, first_cause, hypotheses, confirmed_at AS known_at
    FROM given_verdicts
)
SELECT
    incident_id,
    $cause AS cause,
    $confirmed_at AS confirmed_at,
    $confirmed_by AS confirmed_by,
    $note AS note,
    scope,
    first_seen_at,
    last_seen_at,
    failures,
    first_cause,
    hypotheses
FROM known
WHERE incident_id = $incident_id
QUALIFY row_number() OVER (ORDER BY known_at DESC) = 1
