-- One row a hypothesis for an incident, the likeliest first.
-- incident_id: the incident
-- rank: 1 is the likeliest
-- cause: the word for the cause
-- confidence: its probability, 0 to 1
-- change_id: the change that would have brought it about
-- evidence_for: what speaks for it
-- evidence_against: what speaks against it, and what could not be seen
-- mechanism: how this cause could break a device's signature: direct, indirect or doubtful
SELECT incident_id, rank, cause, confidence, change_id, evidence_for, evidence_against, mechanism
FROM judged_causes
