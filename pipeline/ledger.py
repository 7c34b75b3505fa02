"""The coverage ledger: what was asked of which table, an hour a row, whether it was answered whole, and why not.

It is written in the transaction in which the records land that an answer brought. What to ask is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.window import HOUR, Window, hour_floor, hours

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import duckdb


@dataclass(frozen=True)
class Asked:
    """A stretch of arrival time of one table that was asked for.

    ``event`` is the window of event time that the question was bound to; ``status`` is complete, absent or incomplete;
    ``requests`` is how often it had to be asked; ``note`` says why it is not complete; ``cut`` are larger windows that
    were asked in vain before, each with its requests.
    """

    workspace_id: str
    table: str
    arrival: Window
    event: Window
    status: str
    requests: int
    note: str | None = None
    cut: tuple[tuple[Window, int], ...] = ()

    def requests_for(self, start: datetime) -> int:
        """Return the requests that asked for the part of an hour from ``start`` on; one of several parts counts once.

        A larger window is charged to the part with which it, or the hour, begins.
        """
        hour = hour_floor(start)
        return self.requests + sum(tries for window, tries in self.cut if max(hour, window.start) == start < window.end)


def record_owed(con: duckdb.DuckDBPyConnection, asked: Asked, begun_before: datetime) -> None:
    """Enter whole hours that are about to be asked as ``asked`` says, until ``record_asked`` replaces them."""
    stretch = {
        "workspace": asked.workspace_id,
        "table": asked.table,
        "start": asked.arrival.start,
        "end": min(asked.arrival.end, begun_before),
    }
    con.execute(
        """DELETE FROM asked WHERE workspace_id = $workspace AND source_table = $table
            AND asked_from < $end AND asked_to > $start""",
        stretch,
    )
    con.execute(
        """INSERT INTO asked
        SELECT $workspace, $table, begun, begun + INTERVAL 1 HOUR, $since, $until, $status, 0, $requests, NULL, $note
        FROM generate_series($start, $end, INTERVAL 1 HOUR) AS hours(begun)
        WHERE begun < $end""",
        stretch
        | {
            "since": asked.event.start,
            "until": asked.event.end,
            "status": asked.status,
            "requests": asked.requests,
            "note": asked.note,
        },
    )


def record_asked(
    con: duckdb.DuckDBPyConnection,
    asked: Asked,
    brought: Mapping[datetime, tuple[int, datetime]],
    begun_before: datetime,
) -> None:
    """Enter a stretch into the coverage, as ``record_answers`` does several."""
    record_answers(con, [(asked, brought, begun_before)])


def record_answers(
    con: duckdb.DuckDBPyConnection, answers: Sequence[tuple[Asked, Mapping[datetime, tuple[int, datetime]], datetime]]
) -> None:
    """Enter stretches that do not overlap into the coverage, an hour a row; the caller holds their pages' transaction.

    With each come the ``arrivals`` of its page, and the moment before which its hours must have begun: those that had
    not are no coverage, unless records came from them or from later ones.
    """
    rows: list[tuple[object, ...]] = []
    for asked, brought, begun_before in answers:
        end = min(asked.arrival.end, max([begun_before, *(hour + HOUR for hour in brought)]))
        for hour in hours(Window(asked.arrival.start, end)):
            begun, (count, newest) = max(hour, asked.arrival.start), brought.get(hour, (0, None))
            ended = min(hour + HOUR, asked.arrival.end)
            of, event = (asked.workspace_id, asked.table), (asked.event.start, asked.event.end)
            told = (asked.status, count, asked.requests_for(begun), newest, asked.note)
            rows.append((*of, begun, ended, *event, *told))
    stretches = [(each.workspace_id, each.table, each.arrival.start, each.arrival.end) for each, _, _ in answers]
    con.execute(
        """DELETE FROM asked USING (
            SELECT unnest($1::VARCHAR[]) AS workspace, unnest($2::VARCHAR[]) AS source,
                unnest($3::TIMESTAMP[]) AS begun, unnest($4::TIMESTAMP[]) AS ended) AS told
        WHERE workspace_id = workspace AND source_table = source AND asked_from < ended AND asked_to > begun""",
        _columns(stretches),
    )
    if rows:
        con.execute(
            """INSERT INTO asked
            SELECT unnest($1::VARCHAR[]), unnest($2::VARCHAR[]), unnest($3::TIMESTAMP[]), unnest($4::TIMESTAMP[]),
                unnest($5::TIMESTAMP[]), unnest($6::TIMESTAMP[]), unnest($7::VARCHAR[]), unnest($8::BIGINT[]),
                unnest($9::BIGINT[]), unnest($10::TIMESTAMP[]), unnest($11::VARCHAR[])""",
            _columns(rows),
        )


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
