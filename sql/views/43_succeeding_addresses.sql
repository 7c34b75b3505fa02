-- The addresses of an incident's failures from which anybody ever succeeded.
-- ip: the address
-- All successes are asked for them: an analysis lays them down once.
SELECT DISTINCT s.ip
FROM known_successes AS s
WHERE s.ip IN (SELECT ip FROM failures WHERE incident_id IS NOT NULL)
