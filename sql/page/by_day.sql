-- The window by day (UTC): sign-ins, refused signatures, and the neighbouring codes.
SELECT
    CAST(seen_at AS DATE) AS "day",
    count(*) AS sign_ins,
    count(*) FILTER (WHERE result_code = '50099') AS code_50099,
    count(*) FILTER (WHERE result_code = '50155') AS code_50155,
    count(*) FILTER (WHERE result_code = '700003') AS code_700003,
    count(*) FILTER (WHERE result_code = '500991') AS code_500991,
    count(*) FILTER (WHERE result_code = '50097') AS code_50097,
    count(*) FILTER (WHERE result_code = '140000') AS code_140000,
    count(*) FILTER (WHERE result_code = '500133') AS code_500133
FROM sign_ins
WHERE seen_at >= $since AND seen_at < $until
GROUP BY "day"
ORDER BY "day"
