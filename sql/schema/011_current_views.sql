-- Which stored views hold all that has landed before a moment: whoever lands a record empties it, and an analysis of the
-- same records fills none of these again.
CREATE TABLE current_views (
    view_name VARCHAR NOT NULL,
    until TIMESTAMP NOT NULL
);
-- Plain selections from policies_in_force now.
DROP TABLE IF EXISTS policy_apps;
DROP TABLE IF EXISTS policy_scopes;
