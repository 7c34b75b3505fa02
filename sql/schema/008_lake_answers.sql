-- Answers about sign-ins that stay in a lake, as Spark gave them: the report over the run's window reads them here.
CREATE TABLE lake_answers (
    question VARCHAR NOT NULL,
    bound VARCHAR NOT NULL,
    place BIGINT NOT NULL,
    answer VARCHAR
);
