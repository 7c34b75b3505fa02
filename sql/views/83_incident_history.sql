-- One row an incident that any night found, also those that have left the window; a night that looks again at its time and finds it no more takes it out.
-- incident_id: stays the same from night to night
-- first_seen_at: its first failure that any night knew, UTC
-- last_seen_at: its last failure, UTC
-- resolved_at: its last failure once it has been quiet for 24 hours, UTC; empty while it goes on
-- hours_to_resolve: hours from its first failure to its last, once it is resolved; their mean is the mean time to resolve
-- failures: the most refused sign-ins that a night counted of it, those before the window included
-- devices: the most devices that a night counted of it
-- users: the most users that a night counted of it
-- apps: the most applications that a night counted of it
-- scope: what its failures have in common, as kind=value
-- cause: the cause that was ranked first when it was last judged; a hypothesis
-- confidence: probability of that cause then, 0 to 1
-- change_id: the change that was named then
-- change_kind: what kind of change that is
-- verdict: the cause that an analyst confirmed, or noise; empty where none was asked
-- judged_until: end of the window in which it was last judged, UTC
SELECT
    r.incident_id,
    r.first_seen_at,
    r.last_seen_at,
    r.resolved_at,
    date_diff('second', r.first_seen_at, r.resolved_at) / 36e2 AS hours_to_resolve,
    r.failures,
    r.devices,
    r.users,
    r.apps,
    r.scope,
    r.cause,
    r.confidence,
    r.change_id,
    r.change_kind,
    v.cause AS verdict,
    r.judged_until
FROM remembered_incidents AS r
LEFT JOIN verdicts AS v ON r.incident_id = v.incident_id
