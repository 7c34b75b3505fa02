-- What is remembered of incidents from night to night, also of those that have left the window: how long they took, and
-- what recurs, is asked over weeks.
CREATE TABLE remembered_incidents (
    incident_id VARCHAR NOT NULL,
    first_seen_at TIMESTAMP NOT NULL,
    last_seen_at TIMESTAMP NOT NULL,
    resolved_at TIMESTAMP,
    failures BIGINT NOT NULL,
    devices BIGINT NOT NULL,
    users BIGINT NOT NULL,
    apps BIGINT NOT NULL,
    scope VARCHAR NOT NULL,
    cause VARCHAR NOT NULL,
    confidence DOUBLE NOT NULL,
    change_id VARCHAR,
    change_kind VARCHAR,
    judged_until TIMESTAMP NOT NULL
);
