-- Changes that Intune's own audit log records, in Log Analytics' own columns; a workspace may lack the table. The log
-- has no Id: landing makes one of the event's id within Properties.
CREATE TABLE IntuneAuditLogs (
    WorkspaceId VARCHAR NOT NULL,
    Id VARCHAR NOT NULL,
    CorrelationId VARCHAR,
    TenantId VARCHAR,
    TimeGenerated TIMESTAMP,
    OperationName VARCHAR,
    Category VARCHAR,
    "Identity" VARCHAR,
    ResultType VARCHAR,
    ResultDescription VARCHAR,
    Properties VARCHAR,
    IngestedAt TIMESTAMP
);
