-- The first success of each incident's scope after its last failure.
SELECT i.incident_id, min(v.seen_at) AS recovered_at
FROM found_incidents AS i
INNER JOIN sign_in_values AS v
    ON i.scope_kind = v.kind AND i.scope_value = v."value" AND v.result_code = '0' AND v.seen_at > i.last_seen_at
GROUP BY i.incident_id
