-- One row an incident: failures that share one explanation, with the first-ranked hypothesis about its cause.
-- incident_id: stays the same from night to night
-- status: new, ongoing or resolved against the run before
-- first_seen_at: its first failure, UTC
-- last_seen_at: its last failure, UTC
-- failures: refused sign-ins that belong to it
-- sign_ins: all sign-ins of its scope between first and last failure, failures included
-- devices: devices of its failures, logged or inferred
-- users: users of its failures
-- apps: applications of its failures
-- scope: what its failures have in common, as kind=value
-- cause: the first-ranked cause; a hypothesis
-- confidence: probability of that cause, 0 to 1
-- change_id: the change that may have brought it about
-- changed_at: when that change happened, UTC
-- change: what was changed
-- changed_by: who changed it
-- summary: one sentence
-- next_step: what to do
-- verdict: the cause that an analyst confirmed, or noise; empty where none was asked
SELECT
    i.incident_id,
    i.status,
    i.first_seen_at,
    i.last_seen_at,
    i.failures,
    i.sign_ins,
    i.devices,
    i.users,
    i.apps,
    i.scope,
    i.cause,
    i.confidence,
    i.change_id,
    c.changed_at,
    c.change,
    c.changed_by,
    i.summary,
    i.next_step,
    v.cause AS verdict
FROM found_incidents AS i
LEFT JOIN changes AS c ON i.change_id = c.change_id AND i.change_workspace_id = c.workspace_id
LEFT JOIN verdicts AS v ON i.incident_id = v.incident_id
