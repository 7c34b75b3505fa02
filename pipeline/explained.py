"""An explanation as lines for a tired person on a terminal of eighty columns.

It words and lays out what was found. Nothing is asked of the database here, and nothing is decided.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from pipeline import timeline

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.explain import Explanation, Row

_WIDTH = 80
# A value of a change may be a page of keys; this much of it tells what it is, the JSON has all.
_MOST_VALUE = 400


def lines(found: Explanation) -> tuple[str, ...]:
    """Return the whole explanation: what it is, when, beside what, why, whether MFA or a token, and what to do."""
    return (
        *_head(found),
        *_section("What happened when", timeline.drawn(found.timeline)),
        *_section("What its failures have in common (the commonest, or top, of each kind)", _shared(found.shared)),
        *_section("Refused signatures in its scope and beside it (95% Wilson intervals)", _rates(found.controls)),
        *_section("Hypotheses", [line for row in found.causes for line in _hypothesis(row)]),
        *_section("The change", _change(found)),
        *_section("Is it their MFA?", _wrapped(_mfa(found.mfa))),
        *_section("Would a new token help?", _wrapped(_new_token(found.new_token))),
        *_section("Next steps", _listed(found.next_steps)),
        *_section("What the logs could not show", _listed(found.not_seen)),
        *_section("For a support case (times UTC)", _support(found.support)),
        *_section("SQL (of every figure here: --format json, key sql)", _queries(found)),
    )


def _head(found: Explanation) -> list[str]:
    about = found.incident
    mechanism = f", mechanism {about['mechanism']}" if about["mechanism"] else ""
    return [
        f"Incident {about['incident_id']}, {about['status']}",
        *_field("scope", f"{about['scope']} ({_one_line(about['called'])})" if about["called"] else about["scope"]),
        *_field(
            "seen",
            f"{_minute(about['first_seen_at'])} to {_minute(about['last_seen_at'])} UTC, {_lasted(about)}",
        ),
        *_field(
            "refused",
            f"{about['failures']:,} of {about['sign_ins']:,} sign-ins of its scope; "
            f"{_many(about['devices'], 'device')}, {_many(about['users'], 'user')}, {_many(about['apps'], 'app')}",
        ),
        *_field(
            "devices", ", ".join(f"{_kind(row['kind'])} {row['failures']:,}" for row in found.devices) + " (failures)"
        ),
        *_field("cause", f"{about['title']} ({about['cause']})"),
        *_field("confidence", f"{about['confidence']:.2f}{mechanism}; {about['calibrated_on']}"),
        *_field("change", _blamed(found.change)),
        *_field("verdict", _verdict(about)),
    ]


def _blamed(change: Row | None) -> str:
    if change is None:
        return "none is named"
    return f"{_one_line(change['change'])}, {_before(change['minutes_before_onset'])} (more below)"


def _verdict(about: Row) -> str:
    if not about["verdict"]:
        return "none yet"
    note = f': "{_one_line(about["note"])}"' if about["note"] else ""
    return f"{about['verdict']}, by {about['confirmed_by']} at {_minute(about['confirmed_at'])} UTC{note}"


def _shared(rows: list[Row]) -> list[str]:
    return [
        f"  {row['kind']:<9} {textwrap.shorten(_one_line(row['called'] or row['value']), 46, placeholder='...'):<46} "
        f"{row['failures']:>7,} {_percent(row['share']):>7}"
        for row in rows
    ]


def _rates(controls: list[Row]) -> list[str]:
    if not controls:
        return ["  Nothing was compared: the incident has no row of controls."]
    told = [f"  {'':<36} {'refused':>8} {'of':>8} {'rate':>7}  interval"]
    for row in controls:
        counted = f"  {row['told']:<36} {row['refused']:>8,} {row['attempts']:>8,}"
        if row["attempts"]:
            told.append(f"{counted} {_percent(row['rate']):>7}  {_percent(row['low'])} to {_percent(row['high'])}")
        else:
            told.append(f"{counted}       -  no sign-in")
    return [
        *told,
        *_wrapped(
            "Counted are successes and refused signatures, between the first and the last failure where nothing else "
            "is said; in its scope also those that another incident explains."
        ),
    ]


def _hypothesis(row: Row) -> list[str]:
    mechanism = f", mechanism {row['mechanism']}" if row["mechanism"] else ""
    told = [*_wrapped(f"{row['rank']}. {row['confidence']:.2f}  {row['title']} ({row['cause']}{mechanism})", hang=9)]
    told += _wrapped(f"for: {row['evidence_for']}", indent=9, hang=5) if row["evidence_for"] else []
    told += _wrapped(f"against: {row['evidence_against']}", indent=9, hang=9) if row["evidence_against"] else []
    if row["changed_at"] and row["change"] not in (row["evidence_for"] or ""):
        told += _wrapped(f"change: {_one_line(row['change'])} at {_minute(row['changed_at'])} UTC", indent=9, hang=8)
    return told


def _change(found: Explanation) -> list[str]:
    change = found.change
    if change is None:
        return _wrapped("None is named: no change that could have brought this about was found before the onset.")
    target = f"{change['target_type']} {_one_line(change['target'] or '')}".rstrip()
    return [
        *_field("what", _one_line(change["change"])),
        *_field("when", f"{_minute(change['changed_at'])} UTC, {_before(change['minutes_before_onset'])}"),
        *_field("by", _one_line(change["changed_by"] or "an unknown hand")),
        *_field("target", f"{target} ({change['target_id']})" if change["target_id"] else target),
        *_field("old value", _value(change["old_value"])),
        *_field("new value", _value(change["new_value"])),
        *_field("change id", change["change_id"]),
    ]


def _mfa(mfa: Row) -> str:
    failures, users, renewed = mfa["failures"], mfa["users"], mfa["users_with_new_security_info"]
    passed = mfa["users_who_passed_meanwhile"]
    if mfa["mfa_refused"]:
        answer = f"Perhaps: MFA was refused in {mfa['mfa_refused']:,} of {failures:,} of these sign-ins."
    elif renewed and 2 * renewed > users:
        answer = "Perhaps: most of these users had new security info shortly before."
    elif passed or mfa["result_logged"]:
        answer = "No sign of it."
    else:
        answer = "The logs do not say."
    result = (
        f'MFA result logged for {mfa["result_logged"]:,}, mostly "{_one_line(mfa["mfa_result"])}"'
        if mfa["result_logged"]
        else "no MFA result logged"
    )
    info = f"security info was changed for {renewed:,} of them in the week before"
    if renewed:
        change = _one_line(mfa["last_security_info_change"])
        info += f", last {_minute(mfa['last_security_info_changed_at'])} UTC ({change})"
    return (
        f"{answer} Multi factor was asked for in {mfa['multi_factor_asked']:,} of {failures:,} failures, {result}; "
        f"of {_many(users, 'user')} {passed:,} passed multi factor on other sign-ins meanwhile; {info}."
    )


def _new_token(token: Row) -> str:
    if not token["failures"]:
        return "The logs do not say: the device of these failures is not known."
    rate = token["rate"]
    answer = "Often" if rate >= 0.5 else "At times" if rate >= 0.1 else "Hardly"
    return (
        f"{answer}: after {token['followed']:,} of {token['failures']:,} failures ({_percent(rate)}) the same device "
        "succeeded within ten minutes."
    )


def _support(rows: list[Row]) -> list[str]:
    told = []
    for row in rows:
        told.append(f"  {row['seen_at']:%Y-%m-%d %H:%M:%S}  request id     {row['request_id']}")
        told.append(f"  {'':<19}  correlation id {row['correlation_id'] or 'not logged'}")
    return told


def _queries(found: Explanation) -> list[str]:
    return [f"  {line}" for line in found.sql[0].splitlines()]


def _section(title: str, body: list[str]) -> list[str]:
    return ["", title, *body]


def _field(name: str, text: str) -> list[str]:
    return _wrapped(f"{name + ':':<12}{text}", hang=12)


def _listed(items: tuple[str, ...]) -> list[str]:
    return [line for item in items for line in _wrapped(f"- {_one_line(item)}", hang=2)]


def _wrapped(text: str, indent: int = 2, hang: int = 0) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + hang), break_on_hyphens=False
    )


def _one_line(text: str) -> str:
    """Return text of strangers without the line breaks by which it could forge a line of ours."""
    return " ".join(text.split())


def _value(text: str | None) -> str:
    if not text:
        return "not in the log"
    plain = _one_line(text.replace(",", ", "))  # so that a list of keys breaks between them, not within an id
    return plain if len(plain) <= _MOST_VALUE else f"{plain[:_MOST_VALUE]} ... ({len(plain):,} characters in all)"


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _lasted(about: Row) -> str:
    hours = (about["last_seen_at"] - about["first_seen_at"]).total_seconds() / 3600
    return (
        f"{hours * 60:.0f} minutes" if hours < 3 else f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:.1f} days"
    )


def _before(minutes: int) -> str:
    length = f"{minutes:,} minutes" if minutes < 180 else f"{minutes / 60:.1f} hours"
    return f"{length} before the first failure"


def _percent(rate: float) -> str:
    return f"{rate:.1%}"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _kind(kind: str) -> str:
    return _KINDS.get(kind, kind)


_KINDS = {
    "joined": "Windows Entra joined",
    "hybrid": "Windows hybrid joined",
    "registered": "Windows registered",
    "windows": "Windows (join not logged)",
    "ios": "iOS",
    "android": "Android",
    "macos": "macOS",
    "linux": "Linux",
    "unknown": "of no known platform",
}
