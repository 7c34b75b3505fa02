-- The sign-ins whose device signature was refused (50099), stored so that asking for them does not scan the history.
-- stored: yes
-- columns: sign_ins
SELECT * FROM sign_ins WHERE result_code = '50099'
