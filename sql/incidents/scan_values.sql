-- The values of each failure, of those that three failures share: what a scope may be.
SELECT f.failure, f.slot, f.weight, v.kind, v."value"
FROM sign_in_values AS v
INNER JOIN scan_failures AS f
    ON v.workspace_id = f.workspace_id AND v.source_table = f.source_table AND v.sign_in_id = f.sign_in_id
WHERE v.result_code = '50099'
QUALIFY count(*) OVER (PARTITION BY v.kind, v."value") >= 3
