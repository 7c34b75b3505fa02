"""Two published files, one with a hundred times the history: what asking for failures costs, and what publishing costs.

The records are made by the engine itself: the four ids that make up most of a real record's bytes, and what the views
read of a sign-in.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from statistics import median
from typing import TYPE_CHECKING

import duckdb

from pipeline import store, views

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL = 100_000
TIMES_SMALL = 3.0  # that counting the failures of the larger file may take
TIMES_COPY = 1.2  # that publishing may take
ASKED = 50
PUBLISHED = 5

# One sign-in in a thousand is refused; its device is logged, so that none need be inferred.
_SIGN_INS = """
INSERT INTO AADNonInteractiveUserSignInLogs
    (WorkspaceId, Id, OriginalRequestId, CorrelationId, SessionId, TimeGenerated, CreatedDateTime, IngestedAt,
     ResultType, UserId, AppId, DeviceDetail, IPAddress)
SELECT
    'w',
    uuid(),
    uuid(),
    uuid(),
    uuid(),
    moment,
    moment,
    moment,
    CASE WHEN range % 1000 = 0 THEN '50099' ELSE '0' END,
    'user-' || range % 10007,
    'app-' || range % 97,
    {
        'deviceId': 'device-' || range % 20011, 'displayName': NULL, 'operatingSystem': 'Windows10', 'browser': NULL,
        'isCompliant': NULL, 'isManaged': NULL, 'trustType': NULL
    },
    '198.51.100.' || range % 251
FROM (SELECT range, TIMESTAMP '2026-01-01' + INTERVAL 1 SECOND * (range % 7776000) AS moment FROM range($sign_ins))
"""


def measured(folder: Path, sign_ins: int) -> bool:
    """Make both files, print what they cost, and return whether both bars are reached."""
    files = [_file(folder / f"{count}.duckdb", count) for count in (SMALL, sign_ins)]
    asked = [_asked(db) for db in files]
    for db, milliseconds in zip(files, asked, strict=True):
        size = db.stat().st_size / 1e6
        sys.stdout.write(f"{int(db.stem):,} sign-ins, {size:,.0f} MB: counting failures {milliseconds:.2f} ms\n")
    counting = asked[1] / asked[0]
    sys.stdout.write(f"counting failures of the larger takes {counting:.2f} times as long (bar {TIMES_SMALL})\n")
    large = files[1]
    pairs = [(_timed(lambda: _publish(large)), _timed(lambda: _copy(large))) for _ in range(PUBLISHED)]
    publishing, copying = (median(times) for times in zip(*pairs, strict=True))
    share = median(publishing / copying for publishing, copying in pairs)
    sys.stdout.write(
        f"publishing it {publishing:.2f} s, copying it {copying:.2f} s: {share:.2f} times (bar {TIMES_COPY})\n"
    )
    return counting <= TIMES_SMALL and share <= TIMES_COPY


def _file(db: Path, sign_ins: int) -> Path:
    with store.working(db) as work:
        work.con.execute(_SIGN_INS, {"sign_ins": sign_ins})
        views.build(work.con)
        store.publish(work, db)
    return db


def _asked(db: Path) -> float:
    """Return the median of milliseconds that counting the failures takes, without the opening."""
    with duckdb.connect(str(db), read_only=True) as con:
        times = [_timed(lambda: con.execute("SELECT count(*) FROM failures").fetchall()) for _ in range(ASKED)]
    return median(times) * 1000


def _publish(db: Path) -> None:
    """Do all that a night does for its readers' sake: take a copy, add to it, put it in the file's place."""
    with store.working(db) as work:
        work.con.execute("INSERT INTO import_rejects VALUES ('file', 1, 'no')")
        store.publish(work, db)


def _copy(db: Path) -> None:
    copy = shutil.copyfile(db, db.with_name("copy"))
    with copy.open("rb") as written:
        os.fsync(written.fileno())
    copy.unlink()


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
