-- What the program itself remembers, beside the landed tables.

-- One row a stretch of arrival time that was asked for; stretches of one table neither overlap nor leave gaps.
-- since and until are the event times that the asking run was bound to.
CREATE TABLE asked (
    workspace_id VARCHAR NOT NULL,
    source_table VARCHAR NOT NULL,
    asked_from TIMESTAMP NOT NULL,
    asked_to TIMESTAMP NOT NULL,
    since TIMESTAMP NOT NULL,
    until TIMESTAMP NOT NULL,
    status VARCHAR NOT NULL,
    "rows" BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    newest_ingested_at TIMESTAMP,
    note VARCHAR
);

CREATE TABLE audit_operations (
    operation VARCHAR NOT NULL,
    change_kind VARCHAR NOT NULL,
    target_type VARCHAR
);

CREATE TABLE incident_failures (
    incident_id VARCHAR NOT NULL,
    workspace_id VARCHAR NOT NULL,
    source_table VARCHAR NOT NULL,
    sign_in_id VARCHAR NOT NULL
);

CREATE TABLE found_incidents (
    incident_id VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    first_seen_at TIMESTAMP NOT NULL,
    last_seen_at TIMESTAMP NOT NULL,
    failures BIGINT NOT NULL,
    sign_ins BIGINT NOT NULL,
    devices BIGINT NOT NULL,
    users BIGINT NOT NULL,
    apps BIGINT NOT NULL,
    scope_kind VARCHAR NOT NULL,
    scope_value VARCHAR NOT NULL,
    scope VARCHAR NOT NULL,
    cause VARCHAR NOT NULL,
    confidence DOUBLE NOT NULL,
    change_id VARCHAR,
    change_workspace_id VARCHAR,
    summary VARCHAR NOT NULL,
    next_step VARCHAR NOT NULL
);

CREATE TABLE judged_causes (
    incident_id VARCHAR NOT NULL,
    rank BIGINT NOT NULL,
    cause VARCHAR NOT NULL,
    confidence DOUBLE NOT NULL,
    change_id VARCHAR,
    evidence_for VARCHAR,
    evidence_against VARCHAR,
    mechanism VARCHAR
);

-- The incidents that the last finished judgement wrote: what the next calls new, it tells by them. One row at most; none
-- before the first. It is kept beside found_incidents because an interrupted judgement leaves that one half written.
CREATE TABLE last_judgement (
    incident_ids VARCHAR[] NOT NULL
);

CREATE TABLE import_rejects (
    file VARCHAR NOT NULL,
    line BIGINT NOT NULL,
    reason VARCHAR NOT NULL
);

CREATE TABLE runs (
    run_id VARCHAR NOT NULL,
    started_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,
    status VARCHAR NOT NULL,
    since TIMESTAMP NOT NULL,
    until TIMESTAMP NOT NULL,
    sign_ins BIGINT,
    failures BIGINT,
    incidents BIGINT
);

-- The end of the last run's window: what "now" means for everything that is derived. One row.
CREATE TABLE horizon (
    until TIMESTAMP NOT NULL
);
INSERT INTO horizon VALUES (TIMESTAMP '9999-12-31 00:00:00');

-- The device of a failed sign-in that named none. The view sign_ins reads it, and the file of its name under sql/views
-- refills it from sign_ins, so it stands here before either.
CREATE TABLE inferred_devices (
    workspace_id VARCHAR NOT NULL,
    source_table VARCHAR NOT NULL,
    sign_in_id VARCHAR NOT NULL,
    device_id VARCHAR NOT NULL,
    device VARCHAR
);
