-- The kinds of change by operation name. Real names hold an en dash and a trailing space where the reference prints a
-- hyphen, and differ in case: names are compared trimmed, in lower case, with hyphens.
INSERT INTO audit_operations
SELECT
    lower(trim(replace(replace(operation_name, chr(8211), '-'), chr(8212), '-'))) AS operation,
    min(change_kind) AS change_kind,
    min(target_type) AS target_type
FROM read_csv($file, header = true, all_varchar = true)
GROUP BY 1
