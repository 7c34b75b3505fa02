"""The text of one CSV cell: what no spreadsheet runs, no terminal obeys and no reader stumbles over.

`cell` is for every reader; `spreadsheet_cell` is for those that guess a cell's type from its looks, and so change what
it says. Which cells there are is not known here.
"""

from __future__ import annotations

import re
from datetime import datetime

_RATE_DIGITS = 6
# What begins a formula, full-width forms included (OWASP, CSV injection), behind what does not show: spaces of any
# kind, marks of direction and of byte order, and what stands for a control character.
_FORMULA = r"[=+\-@＝＋－＠]"  # noqa: RUF001 the look-alikes are the point
_UNSEEN = r"[\s\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd]"
_RUNS = re.compile(rf"[\t\n]|{_UNSEEN}*{_FORMULA}")
# Where the list separator is not the comma a quoted cell is no whole to a spreadsheet, and another begins within it.
_RUNS_WITHIN = re.compile(rf'[;\t\n](?=(?:{_UNSEEN}|["\'])*{_FORMULA})')
# What a terminal obeys, a NUL at which readers stop, and halves of characters; line breaks and tabs are text.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

_LONGEST = 32_767  # what Excel takes in a cell, in UTF-16 code units; the rest would begin a row of its own
_CUT = 32_000
_PLAIN_NUMBER = re.compile(r"0|[1-9][0-9]{0,14}")  # stays what it is: Excel counts to fifteen digits
_MONTH = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|"
    "oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_NAMED_DATE = rf"{_MONTH}[-. /]?\d{{1,4}}|\d{{1,2}}[-. /]?{_MONTH}(?:[-. /]\d{{2,4}})?"
_DATE = rf"(?:\d{{1,4}}[-/.]\d{{1,2}}(?:[-/.]\d{{1,4}})?|{_NAMED_DATE})"
_TIME = r"(?:\d{1,4}:\d{1,2}(?::\d{1,2}(?:[.,]\d+)?)?(?: ?[ap]m?)?|\d{1,2} [ap]m?)"
# What is taken for a number, a fraction, a date or a time; for the dot and the comma as either of the separators.
_TAKEN_FOR_ANOTHER = re.compile(
    r"[$€£¥]? ?(?:\d+|\d{1,3}(?:[., ]\d{3})+|(?=[.,]\d))(?:[.,]\d*)?(?:e[+-]?\d+)? ?[%$€£¥]?"
    rf"|\d+ \d+/\d+|{_DATE}(?: {_TIME})?|{_TIME}",
    re.IGNORECASE | re.ASCII,
)


def cell(value: object) -> str:
    """Return a value as the text of a CSV cell.

    Text that a spreadsheet would run gets an apostrophe in front, control characters are made visible, and every line
    break is a line feed, which the writer quotes.
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, float):
        return f"{value:.{_RATE_DIGITS}f}".rstrip("0").rstrip(".")
    text = str(value)
    if isinstance(value, str):
        text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n"))
        begins = _RUNS.match(text)
        begun = begins.end() if begins else 0
        text = ("'" if begins else "") + text[:begun] + _RUNS_WITHIN.sub(r"\g<0>'", text[begun:])
    return text


def spreadsheet_cell(value: object) -> str:
    """Return a value as the text of a CSV cell that Excel and Power BI show as it is.

    Text that they would take for another number, a date or a time gets an apostrophe in front too, which keeps it text:
    an id of sixteen digits, a name with leading zeros. What is longer than they take is cut, and says so.
    """
    text = cell(value)
    if not isinstance(value, str):
        return text
    plain = text.strip()
    if _TAKEN_FOR_ANOTHER.fullmatch(plain) and not _PLAIN_NUMBER.fullmatch(plain):
        return f"'{text}"
    if (units := text.encode("utf-16-le"))[2 * _LONGEST :]:
        kept = units[: 2 * _CUT].decode("utf-16-le", errors="ignore")
        return f"{kept} ... (cut by --excel: {len(text):,} characters in all)"
    return text
