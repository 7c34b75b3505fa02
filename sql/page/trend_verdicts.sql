-- How verdicts compare with hypotheses: what was ranked first when an analyst judged, and what the analyst said.
SELECT first_cause AS cause, cause AS verdict, count(*) AS incidents
FROM verdicts
GROUP BY first_cause, cause
ORDER BY incidents DESC, first_cause, verdict
