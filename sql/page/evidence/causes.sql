-- The hypotheses, with what speaks for and against each.
SELECT * FROM causes WHERE incident_id = $incident_id ORDER BY rank
