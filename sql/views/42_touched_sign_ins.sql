-- The sign-ins that share a device, a user or, from a day before the incidents on, an address with a failure of an incident.
-- columns: sign_ins
-- Few of all, and asked for by most of the evidence: an analysis lays them down once. What was usual is told by the five
-- weeks before the first failure, however long the history. Half a tenant may share an address, so further back only an
-- incident over one address is asked for; none is of after the end of the last run's window.
WITH failed AS (
    SELECT device_id, user_id, coalesce("user", user_id) AS person, coalesce(ip, '') AS ip
    FROM failures
    WHERE incident_id IS NOT NULL
)
SELECT
    s.seen_at, s.user_id, s."user", s.app_id, s.device_id, s.os, s.platform, s.client, s.browser, s.user_agent, s.ip, s.asn,
    s.result_code
FROM known_records AS s
WHERE s.seen_at >= (SELECT min(seen_at) FROM failures WHERE incident_id IS NOT NULL) - INTERVAL '35 days'
    AND (s.device_id IN (SELECT device_id FROM failed WHERE device_id IS NOT NULL)
        OR s.user_id IN (SELECT user_id FROM failed WHERE user_id IS NOT NULL)
        OR coalesce(s."user", s.user_id) IN (SELECT person FROM failed WHERE person IS NOT NULL)
        OR s.seen_at >= (SELECT min(seen_at) FROM failures WHERE incident_id IS NOT NULL) - INTERVAL '24 hours'
            AND coalesce(s.ip, '') IN (SELECT ip FROM failed)
        OR s.ip IN (SELECT scope_value FROM found_incidents WHERE scope_kind = 'ip'))
