"""Nights whose page is looked at: a quiet one, and one in which every name was chosen by somebody who means harm."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from stories import SINCE, UNTIL, Story, app_credential_change, calm

from pipeline import evidence, judge, land, page, rules, store, verdicts, views
from pipeline.window import HOUR, Window

if TYPE_CHECKING:
    import duckdb

WINDOW = Window(SINCE, UNTIL)
TAG = "<img src=x onerror=alert(1)>"
SCRIPT = '"><script>alert(2)</script>@example.org'
REVERSED = "gpj.exe\u202ecod\u2066"
ESCAPES = "\x1b[31mred\x00"
LONG = "W" * 4000
NOTE = f"</style></script> {REVERSED} {TAG}"


def hostile_story() -> Story:
    """Return a week in which an application fails after a change, all of it badly named."""
    story = app_credential_change()
    for record in story.sign_ins:
        if record["AppId"] == "app-1":
            record["AppDisplayName"] = TAG
        if record["UserId"] == "user-0":
            record["UserPrincipalName"] = SCRIPT
        if record["UserId"] == "user-2":
            record["DeviceDetail"]["displayName"] = REVERSED
        if record["UserId"] == "user-4":
            record["DeviceDetail"]["displayName"] = LONG
    for change in story.changes:
        change["InitiatedBy"] = {"user": {"userPrincipalName": f"{ESCAPES}</dd>@example.org"}}
        change["TargetResources"][0]["displayName"] = f"{TAG}{REVERSED}"
        change["TargetResources"][0]["modifiedProperties"].append(
            {"displayName": "KeyDescription", "oldValue": '["</pre><b>old"]', "newValue": f'["{TAG} new"]'}
        )
    return story


def night(story: Story) -> duckdb.DuckDBPyConnection:
    """Return a database of its own in which a story was judged, its coverage with a hole of three hours."""
    con = store.empty()
    con.execute("SET threads = 1")
    with TemporaryDirectory() as scratch:
        for delivered in story.pages():
            land.land(con, delivered, Path(scratch), "w")
    for table in ("SigninLogs", "AuditLogs", "ADFSSignInLogs"):
        for number in range((UNTIL - SINCE) // HOUR):
            hour = SINCE + number * HOUR
            hole = table == "AuditLogs" and 40 <= number < 43
            status = "absent" if table == "ADFSSignInLogs" else "incomplete" if hole else "complete"
            note = None if status == "complete" else f"throttled {TAG}" if hole else "not in the workspace"
            con.execute(
                "INSERT INTO asked VALUES ('w', ?, ?, ?, ?, ?, ?, 1, 1, NULL, ?)",
                [table, hour, hour + HOUR, SINCE, UNTIL, status, note],
            )
    views.build(con, UNTIL, unfilled=evidence.VIEWS)
    judge.judge(con, rules.load(), SINCE, UNTIL)
    con.execute(
        "INSERT INTO runs VALUES ('run-1', ?, ?, 'complete', ?, ?, 1, 1, 1)",
        [UNTIL, UNTIL + timedelta(minutes=4), SINCE, UNTIL],
    )
    return con


def html(con: duckdb.DuckDBPyConnection, window: Window = WINDOW, *, since_last: bool = False) -> str:
    """Return the page of a night."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "report.html"
        page.write(con, window, file, since_last=since_last)
        return file.read_text(encoding="utf-8")


@cache
def hostile() -> duckdb.DuckDBPyConnection:
    """Return the badly named night, with a verdict that has a bad note."""
    con = night(hostile_story())
    ((incident,),) = con.execute("SELECT incident_id FROM incidents").fetchall()
    verdicts.give(con, incident, "app_credential_change", NOTE, "analyst", datetime(2026, 10, 12, 9))
    return con


@cache
def quiet() -> duckdb.DuckDBPyConnection:
    """Return a night without a failure, all of it seen."""
    con = night(calm())
    con.execute("UPDATE asked SET status = 'complete', note = NULL WHERE status = 'incomplete'")
    return con


@cache
def hostile_page() -> str:
    """Return the page of the badly named night."""
    return html(hostile())


@cache
def quiet_page() -> str:
    """Return the page of the quiet night."""
    return html(quiet())


class Node:
    """An element of a parsed page: its tag, attributes, text in reading order, and the elements in it."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag, self.attributes = tag, attributes
        self.inside: list[Node] = []
        self._texts: list[str | Node] = []

    def add(self, part: str | Node) -> None:
        self._texts.append(part)
        if isinstance(part, Node):
            self.inside.append(part)

    @property
    def raw(self) -> str:
        return "".join(part if isinstance(part, str) else part.raw for part in self._texts)

    @property
    def text(self) -> str:
        return " ".join(self._spaced().split())

    def _spaced(self) -> str:
        inner = "".join(part if isinstance(part, str) else part._spaced() for part in self._texts)
        return f" {inner} " if self.tag in ("td", "th", "dt", "dd") else inner

    def all(self, tag: str, **attributes: str) -> list[Node]:
        """Return the elements of a tag within, in order, that have these attributes (``class_`` is class)."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        found = []
        for node in self.inside:
            if node.tag == tag and all(
                value in node.attributes.get(name, "").split() for name, value in wanted.items()
            ):
                found.append(node)
            found += node.all(tag, **attributes)
        return found

    def one(self, tag: str, **attributes: str) -> Node:
        (found,) = self.all(tag, **attributes)
        return found


class _Tree(HTMLParser):
    VOID = frozenset({"meta", "link", "br", "img", "input", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open = [Node("document", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].add(node)
        if tag not in self.VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].add(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].add(data)


def parsed(text: str) -> Node:
    """Return the document; an element that another closes fails."""
    tree = _Tree()
    tree.feed(text)
    tree.close()
    assert [node.tag for node in tree.open] == ["document"]
    return tree.open[0]
