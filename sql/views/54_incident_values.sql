-- One row an incident and value that its failures share: how much of the incident one device, app or address holds.
-- stored: yes
-- incident_id: the incident
-- kind: device, user, app, client, os, ip, network, region, domain, platform, policy, mode or tenant
-- value: the value
-- failures: failures of the incident that bear it
-- share: of the incident's failures, 0 to 1
-- place: 1 is the commonest value of its kind
SELECT
    f.incident_id,
    v.kind,
    v."value",
    count(*) AS failures,
    count(*) / max(t.failures) AS share,
    row_number() OVER (PARTITION BY f.incident_id, v.kind ORDER BY count(*) DESC, v."value") AS place
FROM incident_failures AS f
INNER JOIN found_incidents AS i ON f.incident_id = i.incident_id
INNER JOIN (SELECT incident_id, count(*) AS failures FROM incident_failures GROUP BY incident_id) AS t
    ON f.incident_id = t.incident_id
INNER JOIN sign_in_values AS v
    ON f.workspace_id = v.workspace_id AND f.source_table = v.source_table AND f.sign_in_id = v.sign_in_id
WHERE v.failed
GROUP BY f.incident_id, v.kind, v."value"
