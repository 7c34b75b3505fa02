-- Whether the views know every record that has landed: what an interrupted run left is not for a verdict to publish.
SELECT (SELECT count(*) FROM failed_sign_ins) = (SELECT count(*) FROM sign_ins WHERE result_code = '50099') AS whole
