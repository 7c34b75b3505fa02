-- What analysts said of incidents, and how much a rule spoke for each hypothesis.

-- The log-odds behind a confidence: a later refit of the confidence needs them.
ALTER TABLE judged_causes ADD COLUMN log_odds DOUBLE;

-- One row a verdict given; of several for one incident the view verdicts shows the latest. Incident and hypotheses are
-- kept as they stood then: later nights judge again, raw records are purged, and neither may change what was confirmed.
CREATE TABLE given_verdicts (
    incident_id VARCHAR NOT NULL,
    cause VARCHAR NOT NULL,
    confirmed_at TIMESTAMP NOT NULL,
    confirmed_by VARCHAR NOT NULL,
    note VARCHAR,
    scope VARCHAR NOT NULL,
    first_seen_at TIMESTAMP NOT NULL,
    last_seen_at TIMESTAMP NOT NULL,
    failures BIGINT NOT NULL,
    first_cause VARCHAR NOT NULL,
    hypotheses STRUCT(
        cause VARCHAR, rank BIGINT, confidence DOUBLE, log_odds DOUBLE, change_id VARCHAR)[] NOT NULL
);
