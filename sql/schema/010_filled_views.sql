-- Which release's views filled the stored ones: a pull leaves those as they are that the last analysis filled.
CREATE TABLE filled_views (
    made_by VARCHAR NOT NULL
);
