-- id: client_version_regression
-- title: A broker, library, browser or system build signs wrongly
-- cause: client_version_regression
-- version: 1
-- status: stable
-- severity: high
-- tags: client
-- mechanism: direct
-- params: fresh=24
-- weights: base=-6 build=4 others_well=2 devices=1 apps=1 switched=1 scope=1 new=1 stranger=-4 few=-4 one_app=-2 one_device=-3 proven=-3
-- references: android-common and objc-common changelogs
-- false_positives: A build that only people behind one proxy use.
-- remediation: Hold the roll-out of this build, put one device back to the build before and see whether it signs in again; report the build to its maker.
SELECT
    f.incident_id,
    $base + $build * f.build_share
        * coalesce(greatest(0e0, (f.build_share - k.usual_build_share) / nullif(1e0 - k.usual_build_share, 0e0)), 0e0)
        + $others_well * (1e0 - least(1e0, 3e0 * coalesce(k.other_builds_rate, 3e-1)))
        + $devices * least(1e0, f.devices / 4e0) + $apps * least(1e0, f.apps / 4e0)
        + $switched * coalesce(h.switched_devices / nullif(h.build_devices, 0), 0e0)
        + $scope * CASE WHEN f.scope_kind IN ('client', 'os') THEN 1e0 ELSE 0e0 END
        + $new * CASE WHEN h.build_first_seen_at > h.record_from + INTERVAL '48 hours' THEN 1e0 ELSE 0e0 END
        + $stranger * f.strange_share + $few * CASE WHEN f.devices < 3 OR f.users < 2 THEN 1e0 ELSE 0e0 END
        + $one_app * CASE WHEN f.apps = 1 THEN 1e0 ELSE 0e0 END
        + $one_device * CASE WHEN f.scope_kind = 'device' THEN 1e0 ELSE 0e0 END
        -- had it signed as badly from the first, so many of its earlier sign-ins would have been refused
        + $proven * CASE
            WHEN f.scope_kind IN ('client', 'os') THEN least(1e0, p.succeeded_before * coalesce(p.rate_during, 0e0) / 2e1) ELSE 0e0
        END AS log_odds,
    CAST(NULL AS VARCHAR) AS change_id,
    CAST(NULL AS VARCHAR) AS change_workspace_id,
    concat(
        f.build_failures, ' of ', f.failures, ' failures come from the build ', f.top_build, ', on ', f.devices,
        ' devices and ', f.apps, ' applications; ', h.switched_devices, ' of its ', h.build_devices,
        ' devices here succeeded with another build',
        CASE WHEN date_diff('second', date_trunc('second', h.build_first_seen_at), date_trunc('second', f.first_seen_at)) < 3600 * $fresh
            THEN '; the build first appeared within a day of the onset' ELSE '' END, '.'
    ) AS evidence_for,
    concat(
        coalesce(
            CAST(CAST(floor(1e2 * k.other_builds_rate + 5e-1) AS BIGINT) AS VARCHAR)
                || ' of 100 sign-ins of other builds of the platform were refused then. ',
            'No other build of the platform signed in then to compare with. '
        ),
        CASE WHEN f.scope_kind IN ('client', 'os') AND p.succeeded_before * p.rate_during >= 2e1
            THEN concat(p.succeeded_before, ' of its sign-ins succeeded before the onset. ') ELSE '' END,
        CASE WHEN f.devices < 3 THEN 'It is seen on fewer than three devices.' ELSE 'A roll-out is not on record here.' END
    ) AS evidence_against
FROM incident_facts AS f
INNER JOIN incident_controls AS k ON f.incident_id = k.incident_id
INNER JOIN incident_histories AS h ON f.incident_id = h.incident_id
INNER JOIN incident_scope_periods AS p ON f.incident_id = p.incident_id
WHERE f.build_share >= 6e-1
