"""A verdict as lines for a person on a terminal of eighty columns.

Nothing is judged here. What a stranger wrote into the token stands on one line, and what a terminal would obey is made
harmless by whoever prints.
"""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

from pipeline.tokens.checks import quoted

if TYPE_CHECKING:
    from pipeline.tokens.verdict import Verdict

_WIDTH = 80
_HANG = 15
_LONGEST_NAME = 40  # of a member that a stranger named: behind it there must be room for what it says
_MARKS = {"pass": "pass", "fail": "FAIL", "not judged": "not judged"}


def lines(found: Verdict) -> list[str]:
    """Return the token as a picture: what it says, the five checks, and what follows."""
    return [
        "Header",
        *(line for name, value in found.header.items() for line in _field(name, _value(name, value))),
        "",
        "Claims",
        *(line for name, value in found.claims.items() for line in _field(name, _value(name, value))),
        "",
        *_certificate(found.certificate),
        "",
        "The server's checks, in its order",
        *(
            line
            for number, each in enumerate(found.checks, 1)
            for line in _hung(f"  {number}. {each.name:<12} {_MARKS[each.status]:<11}", quoted_whole(each.detail))
        ),
        "",
        *_hung(f"{'First failing':<{_HANG}}", found.first_failing or "none of those that could be judged"),
        *_hung(f"{'Code':<{_HANG}}", _codes(found)),
        *(_hung(f"{'Likely cause':<{_HANG}}", found.cause) if found.cause else ()),
        *_hung(f"{'Next step':<{_HANG}}", found.next_step),
        "",
        *(line for remark in found.remarks for line in _hung("- ", remark)),
    ]


def quoted_whole(text: str) -> str:
    """Return text on one line."""
    return " ".join(text.split())


def _codes(found: Verdict) -> str:
    if not found.first_failing:
        return "none"
    return ", ".join(f"AADSTS{code}" for code in found.aadsts) or "none is known for this check"


def _certificate(shown: dict[str, Any] | None) -> list[str]:
    if shown is None:
        return ["Certificate: none that can be read"]
    size = f" {shown['key_size']}" if shown["key_size"] else ""
    left = shown["days_left"]
    rows = {
        "device id": shown["device_id"] or "not in it",
        "tenant id": shown["tenant_id"],
        "subject": shown["subject"],
        "issuer": shown["issuer"],
        "valid": f"{shown['not_before'][:10]} to {shown['not_after'][:10]}, {left:,} days left",
        "key": f"{shown['key_type']}{size}",
        "thumbprint": shown["thumbprint"],
    }
    return [
        f"Certificate (of {shown['source']})",
        *(line for name, value in rows.items() if value for line in _field(name, quoted(value))),
    ]


def _value(name: str, value: object) -> str:
    if name == "x5c":
        entries = len(value) if isinstance(value, list) else 1
        return f"{entries} {'entry' if entries == 1 else 'entries'}; the first is described below"
    return quoted(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _field(name: str, value: str) -> list[str]:
    shown = quoted_whole(name)
    if len(shown) > _LONGEST_NAME:
        shown = f"{shown[:_LONGEST_NAME]}..."
    return _hung(f"  {shown + ':':<{_HANG - 3}} ", value)


def _hung(head: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False
    ) or [head.rstrip()]
