-- The clients with which an application of an incident's failures ever succeeded.
-- app_id: id of the application
-- client: library, broker or browser build
-- All successes are asked for them: an analysis lays them down once.
SELECT DISTINCT s.app_id, s.client
FROM known_successes AS s
WHERE s.app_id IN (SELECT app_id FROM failures WHERE incident_id IS NOT NULL)
