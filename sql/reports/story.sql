-- What the closing story counts: sign-ins, refused signatures, those of no incident, changes and the neighbouring codes
-- of the window; and all verdicts, with how many of them confirmed the cause that was ranked first.
SELECT
    (SELECT count(*) FROM sign_ins WHERE seen_at >= $since AND seen_at < $until) AS sign_ins,
    (SELECT count(*) FROM failures WHERE seen_at >= $since AND seen_at < $until) AS failures,
    (SELECT count(*) FROM failures WHERE incident_id IS NULL AND seen_at >= $since AND seen_at < $until) AS strays,
    (SELECT count(*) FROM changes WHERE change_kind <> 'other' AND changed_at >= $since AND changed_at < $until) AS changes,
    (SELECT count(*) FROM verdicts) AS verdicts,
    (SELECT count(*) FROM verdicts WHERE cause = first_cause) AS confirmed,
    (SELECT count(*) FROM sign_ins WHERE result_code = '50155' AND seen_at >= $since AND seen_at < $until) AS code_50155,
    (SELECT count(*) FROM sign_ins WHERE result_code = '700003' AND seen_at >= $since AND seen_at < $until) AS code_700003,
    (SELECT count(*) FROM sign_ins WHERE result_code = '500991' AND seen_at >= $since AND seen_at < $until) AS code_500991,
    (SELECT count(*) FROM sign_ins WHERE result_code = '50097' AND seen_at >= $since AND seen_at < $until) AS code_50097
