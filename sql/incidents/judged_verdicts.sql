-- The latest verdict on each incident with what the rules had said of it then: what a confidence can be measured by.
SELECT
    CASE WHEN cause = 'noise' THEN 'unexplained' ELSE cause END AS truth,
    hypotheses
FROM given_verdicts
QUALIFY row_number() OVER (PARTITION BY incident_id ORDER BY confirmed_at DESC) = 1
ORDER BY incident_id
