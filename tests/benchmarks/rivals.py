"""What the product is measured against, over the same landed data: an analyst's way by hand, and a stronger method.

Both read the published views alone and give their answer in the shape in which the product's is scored. Neither states
a confidence. No label and no table of the product's judgement may enter here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .scoring import AT_LEAST, Hypothesis, Report

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

_BY_HAND = """
WITH grouped AS (
    SELECT
        CASE WHEN device_known = 'logged' THEN device_id END AS device_id,
        coalesce(CASE WHEN device_known = 'logged' THEN device_id END, '') AS who,
        coalesce(app_id, '') AS app_id,
        list(sign_in_id ORDER BY seen_at, sign_in_id) AS failures,
        min(seen_at) AS first_seen_at
    FROM failures
    WHERE seen_at >= $since AND seen_at < $until
    GROUP BY ALL
    HAVING count(*) >= $at_least
)
SELECT
    g.who || ' ' || g.app_id AS scope,
    any_value(g.failures) AS failures,
    max_by(c.change_kind, (c.changed_at, c.change_id)) AS change_kind,
    max_by(c.change_id, (c.changed_at, c.change_id)) AS change_id
FROM grouped AS g
LEFT JOIN changes AS c
    ON c.target_id IN (g.device_id, g.app_id)
    AND c.changed_at <= g.first_seen_at AND c.changed_at > g.first_seen_at - INTERVAL 7 DAY
GROUP BY g.who, g.app_id
ORDER BY scope
"""
_BY_KIND_OF_CHANGE = {
    "device_registration": "device_reregistered",
    "device_state": "device_reregistered",
    "credential": "app_credential_change",
    "certificate": "app_credential_change",
    "key": "app_credential_change",
    "app_config": "app_config_change",
    "policy": "policy_change",
    "federation": "federation_change",
}

# Of the stronger method: the hours by which windows begin and end, what a window must gain to be an incident (about the
# logarithm of how many windows compete, and a margin), and the failure rate it must reach. Without the last it
# finds a quarter of the incidents, because the whole tenant gains most; .3 did better than .2 on simulated tenants.
_STEP_HOURS = 6
_GAIN = 18.0
_RATE = 0.3
_MOST = 60
_KINDS = ("device", "user", "app", "client", "os", "ip", "network", "domain", "platform", "tenant")
_ATTEMPTS = """
CREATE OR REPLACE TEMP TABLE rival_attempts AS
SELECT kind, "value", sign_in_id, CAST(date_diff('second', $since, seen_at) // $step AS BIGINT) AS step, failed
FROM (
    UNPIVOT (
        SELECT
            sign_in_id, seen_at, result_code = '50099' AS failed,
            device_id AS device, user_id AS "user", app_id AS app, client, os, ip, network, domain, platform,
            'all' AS tenant
        FROM sign_ins
        WHERE seen_at >= $since AND seen_at < $until
    ) ON device, "user", app, client, os, ip, network, domain, platform, tenant INTO NAME kind VALUE "value"
)
WHERE "value" <> ''
"""
_FAILING = """
DELETE FROM rival_attempts
WHERE (kind, "value") NOT IN (
    SELECT (kind, "value") FROM rival_attempts WHERE failed GROUP BY ALL HAVING count(*) >= $at_least
)
"""
_FLOOR = """
SELECT greatest(count(*) FILTER (WHERE result_code = '50099') / greatest(count(*), 1), 1e-9)
FROM sign_ins
WHERE seen_at >= $since AND seen_at < $until
"""
_BEST_WINDOW = """
WITH step AS (
    SELECT kind, "value", step, count(*) AS attempts, count(*) FILTER (WHERE failed) AS failures
    FROM rival_attempts
    GROUP BY ALL
),
running AS (
    SELECT *, sum(attempts) OVER so_far AS attempts_to, sum(failures) OVER so_far AS failures_to,
        sum(attempts) OVER (PARTITION BY kind, "value") AS attempts_all,
        sum(failures) OVER (PARTITION BY kind, "value") AS failures_all
    FROM step
    WINDOW so_far AS (PARTITION BY kind, "value" ORDER BY step)
),
inside AS (
    SELECT
        a.kind, a."value", a.step AS from_step, b.step AS to_step,
        b.failures_to - a.failures_to + a.failures AS failures,
        b.attempts_to - a.attempts_to + a.attempts AS attempts,
        a.failures_all,
        a.attempts_all
    FROM running AS a
    INNER JOIN running AS b ON a.kind = b.kind AND a."value" = b."value" AND a.step <= b.step
    WHERE a.failures > 0 AND b.failures > 0
),
-- The higher of two rates: that of the value outside the window (with one attempt's worth of the tenant's own), and
-- that of everybody else in the window.
counted AS (
    SELECT
        i.*,
        least(99e-2, greatest(
            (i.failures_all - i.failures + $floor) / (i.attempts_all - i.attempts + 1e0),
            (w.failures - i.failures) / (w.attempts - i.attempts + 1e0)
        )) AS rate_outside
    FROM inside AS i
    INNER JOIN inside AS w ON w.kind = 'tenant' AND i.from_step = w.from_step AND i.to_step = w.to_step
)
SELECT kind, "value", from_step, to_step,
    failures * ln(failures / attempts / rate_outside) + CASE
        WHEN failures = attempts THEN 0
        ELSE (attempts - failures) * ln((1 - failures / attempts) / (1 - rate_outside))
    END AS gain
FROM counted
WHERE failures >= $at_least AND failures / attempts > rate_outside AND failures / attempts >= $rate
ORDER BY gain DESC, list_position($kinds, kind), from_step, to_step, "value"
LIMIT 1
"""
_OF_WINDOW = """
SELECT sign_in_id FROM rival_attempts
WHERE failed AND kind = $kind AND "value" = $value AND step BETWEEN $from_step AND $to_step
"""
# The kinds of change that match a kind of scope, whether they must name the value, and the cause with and without one.
_BY_SCOPE: dict[str, tuple[tuple[str, ...], bool, str]] = {
    "device": (("device_registration",), True, "device_key_lost"),
    "user": ((), True, "device_key_lost"),
    "app": (("credential", "app_config"), True, "algorithm_mismatch"),
    "client": ((), True, "client_version_regression"),
    "os": ((), True, "client_version_regression"),
    "ip": ((), True, "network_interception"),
    "network": ((), True, "network_interception"),
    "domain": (("federation",), False, "federation_change"),
    "platform": (("policy",), False, "policy_change"),
    "tenant": ((), False, "service_incident"),
}
_NEAREST = """
SELECT change_kind, change_id FROM changes
WHERE list_contains($change_kinds, change_kind) AND (target_id = $value OR NOT $by_id)
    AND changed_at <= $onset AND changed_at > $onset - INTERVAL 2 DAY
ORDER BY changed_at DESC, change_id
LIMIT 1
"""


def by_hand(con: duckdb.DuckDBPyConnection, since: datetime, until: datetime) -> list[Report]:
    """Group failures by device, as far as the log names it, and app; blame the latest change there within a week."""
    rows = con.execute(_BY_HAND, {"since": since, "until": until, "at_least": AT_LEAST}).fetchall()
    return [
        Report(scope, scope, frozenset(failures), (_hypothesis(_BY_KIND_OF_CHANGE.get(kind), change_id),))
        for scope, failures, kind, change_id in rows
    ]


def _hypothesis(cause: str | None, change_id: str | None) -> Hypothesis:
    return Hypothesis(cause or "device_key_lost", None, change_id if cause else None)


def likelihood_ratio(con: duckdb.DuckDBPyConnection, since: datetime, until: datetime) -> list[Report]:
    """Take the attribute value and window that fail most beyond their own rate, without their failures the next.

    The cause is read off the kind of value and the nearest change of a matching kind within two days.
    """
    con.execute(_ATTEMPTS, {"since": since, "until": until, "step": _STEP_HOURS * 3600})
    con.execute(_FAILING, {"at_least": AT_LEAST})
    ((floor,),) = con.execute(_FLOOR, {"since": since, "until": until}).fetchall()
    asked = {"at_least": AT_LEAST, "floor": floor, "rate": _RATE, "kinds": list(_KINDS)}
    found: list[Report] = []
    while len(found) < _MOST and (best := con.execute(_BEST_WINDOW, asked).fetchone()) and best[4] >= _GAIN:
        kind, value, from_step, to_step, _ = best
        scope = {"kind": kind, "value": value, "from_step": from_step, "to_step": to_step}
        ids = [sign_in_id for (sign_in_id,) in con.execute(_OF_WINDOW, scope).fetchall()]
        con.execute("DELETE FROM rival_attempts WHERE failed AND list_contains($ids, sign_in_id)", {"ids": ids})
        name = f"{kind}={value}"
        found.append(Report(f"{len(found)} {name}", name, frozenset(ids), (_blamed(con, kind, value, ids),)))
    con.execute("DROP TABLE rival_attempts")
    return found


def _blamed(con: duckdb.DuckDBPyConnection, kind: str, value: str, ids: list[str]) -> Hypothesis:
    change_kinds, by_id, otherwise = _BY_SCOPE[kind]
    ((onset,),) = con.execute("SELECT min(seen_at) FROM failures WHERE list_contains($1, sign_in_id)", [ids]).fetchall()
    nearest = con.execute(
        _NEAREST, {"change_kinds": list(change_kinds), "value": value, "by_id": by_id, "onset": onset}
    ).fetchone()
    if nearest is None:
        return Hypothesis(otherwise, None, None)
    return Hypothesis(_BY_KIND_OF_CHANGE[nearest[0]], None, nearest[1])
