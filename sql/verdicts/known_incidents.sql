-- The incidents that a beginning of an id may mean: those of the last analysis, and those that bear a verdict already.
SELECT incident_id, bool_or(current) AS current
FROM (
    SELECT incident_id, true AS current FROM found_incidents
    UNION ALL
    SELECT incident_id, false AS current FROM given_verdicts
) AS known
WHERE starts_with(incident_id, $beginning)
GROUP BY incident_id
ORDER BY incident_id
