-- What is remembered of people being protected: whose names are pseudonyms, and what was purged.

-- One row once records land under pseudonyms: what their key makes of a fixed text, by which it is known again.
CREATE TABLE pseudonym_keys (
    key_check VARCHAR NOT NULL
);

-- One row once anything was purged: what happened before it does not land again.
CREATE TABLE purged (
    "before" TIMESTAMP NOT NULL
);
