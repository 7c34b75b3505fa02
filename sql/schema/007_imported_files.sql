-- The ledger of imported files: by it a file that is known is not read again, and one that grew is gone on with.
CREATE TABLE imported_files (
    path VARCHAR NOT NULL,
    file VARCHAR NOT NULL,
    form VARCHAR NOT NULL,
    origin VARCHAR NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 VARCHAR NOT NULL,
    read_bytes BIGINT,
    read_lines BIGINT,
    "read" BIGINT NOT NULL,
    landed BIGINT NOT NULL,
    duplicates BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    unfinished BOOLEAN NOT NULL,
    imported_at TIMESTAMP NOT NULL
);
