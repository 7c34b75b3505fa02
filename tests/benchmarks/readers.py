"""`make bench-readers`: nobody is locked out while nights are published, and no question scans the file's history.

Readers open, query and close the published file without pause while nights are published, first undisturbed, then by a
writer that is killed at random moments; a further reader keeps the file open all the while. Then files of two sizes are
asked and published. Prints the figures and ends with 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import duckdb

from pipeline import store

from . import readers_history

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Event

READERS = 4
ROWS = 200  # that each night adds to either table
SECONDS_A_NIGHT = 0.4  # at least, so that readers meet every moment of a night
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Seen:
    """What one reader met."""

    opens: int
    failed: int
    half: int
    errors: tuple[str, ...]


def night(db: Path, number: int) -> None:
    """Publish one night that adds as many rows to either table, in steps that a reader must not see one by one."""
    with store.working(db) as work:
        con = work.con
        for table, named, row in (
            ("SigninLogs", "WorkspaceId", "(WorkspaceId, Id) SELECT $night, range FROM range($rows)"),
            ("import_rejects", "file", "SELECT $night, range, 'no' FROM range($rows)"),
        ):
            con.execute(f"DELETE FROM {table} WHERE {named} = $night", {"night": str(number)})
            con.execute(f"INSERT INTO {table} {row}", {"night": str(number), "rows": ROWS})
            con.execute("CHECKPOINT")
        store.publish(work, db)


def counted(con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Return the rows of either table; in a whole night they are as many."""
    ((one, other),) = con.execute(
        "SELECT (SELECT count(*) FROM SigninLogs), (SELECT count(*) FROM import_rejects)"
    ).fetchall()
    return one, other


def read(db: Path, done: Event, met: Queue[Seen]) -> None:
    """Open, query and close without pause until the nights are over."""
    opens = failed = half = 0
    errors: set[str] = set()
    while not done.is_set():
        try:
            with duckdb.connect(str(db), read_only=True) as con:
                one, other = counted(con)
        except duckdb.Error as error:
            failed += 1
            errors.add(str(error).splitlines()[0])
            continue
        opens += 1
        half += one != other or one % ROWS != 0
    met.put(Seen(opens, failed, half, tuple(sorted(errors))))


def hold(db: Path, done: Event, met: Queue[Seen]) -> None:
    """Keep the file open until the nights are over, and ask it: it stays the night that was opened."""
    with duckdb.connect(str(db), read_only=True) as con:
        first, changed = counted(con), 0
        while not done.wait(0.1):
            changed += counted(con) != first
    met.put(Seen(1, 0, changed, ()))


def published(db: Path, nights: int, kills: Random | None) -> tuple[int, float]:
    """Publish nights, each in a process of its own; return how many writers were killed, and the longest whole night.

    With ``kills`` the writer is killed at a random moment of about every second try, and the next one goes on.
    """
    killed, number, usual, longest = 0, 1, 0.0, 0.0
    while number <= nights:
        begun = time.monotonic()
        writer = PROCESSES.Process(target=night, args=(db, number))
        writer.start()
        moment = kills.uniform(0, 2 * usual) if kills and usual else None
        writer.join(moment)
        if writer.is_alive():
            writer.kill()
            writer.join()
        if writer.exitcode == 0:
            usual = time.monotonic() - begun
            longest = max(longest, usual)
        elif writer.exitcode == -9:
            killed += 1
        else:
            raise SystemExit(f"a night ended with {writer.exitcode}: a reader kept it from its file?")
        with duckdb.connect(str(db), read_only=True) as con:  # a writer may die when its work is done
            number = counted(con)[0] // ROWS
        time.sleep(max(0.0, SECONDS_A_NIGHT - (time.monotonic() - begun)))
    return killed, longest


def while_read(folder: Path, nights: int, kills: Random | None) -> bool:
    """Publish nights under readers, print what they met, and return whether all was well."""
    db = folder / "signins.duckdb"
    night(db, 0)
    done, met = PROCESSES.Event(), PROCESSES.Queue()
    readers = [PROCESSES.Process(target=read, args=(db, done, met)) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    holding = PROCESSES.Process(target=hold, args=(db, done, met))
    holding.start()
    killed, longest = published(db, nights, kills)
    done.set()
    seen = [met.get() for _ in range(READERS + 1)]
    for reader in (*readers, holding):
        reader.join()
    opens, failed, half = (sum(getattr(each, name) for each in seen) for name in ("opens", "failed", "half"))
    how = f"{killed} writers killed" if kills else "undisturbed"
    sys.stdout.write(f"{nights} nights, {how}: opens {opens:,}, failed opens {failed}, half-seen nights {half}\n")
    sys.stdout.write(f"  longest night {longest:.2f} s, a reader keeping the file open all the while\n")
    for error in sorted({error for each in seen for error in each.errors}):
        sys.stdout.write(f"  {error}\n")
    return opens >= 1000 and failed == 0 and half == 0 and (kills is None or killed > 0)


def main() -> None:
    """Run both, print the figures and end with 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=50)
    parser.add_argument("--sign-ins", type=int, default=10_000_000, help="of the larger file")
    parser.add_argument("--seed", type=int, default=13, help="of the moments at which writers are killed")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="readers-") as folder:
        well = True
        for kills in (None, Random(chosen.seed)):  # noqa: S311 no secret hangs on it
            place = Path(folder) / ("killed" if kills else "undisturbed")
            well &= while_read(place, chosen.nights, kills)
        well &= readers_history.measured(Path(folder), chosen.sign_ins)
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
