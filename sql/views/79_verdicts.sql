-- One row an incident that an analyst has judged: the latest verdict, which later nights leave as it is.
-- incident_id: the incident; it may have left the window since
-- cause: the confirmed cause, or noise
-- confirmed_at: when it was confirmed, UTC
-- confirmed_by: operating system user who confirmed it
-- note: what the analyst noted
-- first_cause: the cause that was ranked first when it was confirmed
SELECT incident_id, cause, confirmed_at, confirmed_by, note, first_cause
FROM given_verdicts
QUALIFY row_number() OVER (PARTITION BY incident_id ORDER BY confirmed_at DESC) = 1
