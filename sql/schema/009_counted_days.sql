-- The ledger of what is counted day by day and kept (slot_builds, slot_counts): the days that are in it.
CREATE TABLE counted_days (
    "day" BIGINT NOT NULL,
    "rows" BIGINT NOT NULL,
    mark VARCHAR NOT NULL,
    made_by VARCHAR NOT NULL
);
