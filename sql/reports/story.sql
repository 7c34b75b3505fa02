-- What the closing story counts: sign-ins, refused signatures, those of no incident, changes and the neighbouring codes
-- of the window; and all verdicts, with how many of them confirmed the cause that was ranked first.
WITH told AS (
    SELECT
        count(*) AS sign_ins,
        count(*) FILTER (WHERE result_code = '50155') AS code_50155,
        count(*) FILTER (WHERE result_code = '700003') AS code_700003,
        count(*) FILTER (WHERE result_code = '500991') AS code_500991,
        count(*) FILTER (WHERE result_code = '50097') AS code_50097
    FROM recorded_sign_ins
    WHERE seen_at >= $since AND seen_at < $until
)
SELECT
    t.sign_ins,
    (SELECT count(*) FROM failures WHERE seen_at >= $since AND seen_at < $until) AS failures,
    (SELECT count(*) FROM failures WHERE incident_id IS NULL AND seen_at >= $since AND seen_at < $until) AS strays,
    (SELECT count(*) FROM changes WHERE change_kind <> 'other' AND changed_at >= $since AND changed_at < $until) AS changes,
    (SELECT count(*) FROM verdicts) AS verdicts,
    (SELECT count(*) FROM verdicts WHERE cause = first_cause) AS confirmed,
    t.code_50155, t.code_700003, t.code_500991, t.code_50097
FROM told AS t
