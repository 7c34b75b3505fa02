-- The run that left what is shown.
SELECT run_id, started_at, ended_at FROM runs ORDER BY started_at DESC, run_id LIMIT 1
