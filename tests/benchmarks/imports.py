"""How fast, and in how much memory, a gigabyte of diagnostic-settings records is imported: `make bench-import`.

Against what DuckDB takes to read the same file with `read_json_auto` into a table of a file, in the same run, each in a
process of its own. The bars: three times its time, 1.5 GB of memory, and ten times the bytes in no more than thirteen
times the time; exit 1 below one of them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMES_SLOWER = 3.0
MOST_MEMORY = 1500  # MB
TENFOLD = 13.0
_UNTIL = datetime(2026, 11, 10)
_RIVAL = """
import sys, duckdb
con = duckdb.connect(sys.argv[2])
con.execute("CREATE TABLE records AS SELECT * FROM read_json_auto(?)", [sys.argv[1]])
con.close()
"""


@dataclass(frozen=True)
class Cost:
    """What a process took: wall and CPU seconds, and the most memory (MB)."""

    wall: float
    cpu: float
    memory: float


def cost(*command: str | Path) -> Cost:
    """Run a command and measure it. Linux counts a parent's memory as its child's: this process stays small."""
    begun = time.monotonic()
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"{command} failed")
    return Cost(time.monotonic() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000)


def written(file: Path, megabytes: int) -> None:
    """Write so many megabytes of records, a record a line, each with an Id of its own."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import orjson
    import renderings

    from pipeline.sandbox.tenant import simulate

    tenant = simulate(7, until=_UNTIL, days=14, users=60)
    rows = [row for row in renderings.rows(tenant.tables) if row["Type"] != "AuditLogs"]
    templates = [(row["Id"].encode(), orjson.dumps(renderings.diagnostic(row)) + b"\n") for row in rows]
    size = number = 0
    with file.open("wb") as target:
        while size < megabytes * 10**6:
            old, line = templates[number % len(templates)]
            size += target.write(line.replace(old, b"%08x%b" % (number, old[8:])))
            number += 1


def measured(folder: Path, megabytes: int, rival: bool) -> tuple[Cost, Cost | None]:
    """Return what importing so many megabytes costs, and what the rival takes for the same file."""
    file = folder / f"{megabytes}.json"
    subprocess.run([sys.executable, __file__, "--write", str(file), "--megabytes", str(megabytes)], check=True)
    ours = cost(sys.executable, "-m", "pipeline", "import", file, "--db", folder / f"{megabytes}.duckdb", "--quiet")
    theirs = cost(sys.executable, "-c", _RIVAL, file, folder / f"{megabytes}.rival") if rival else None
    for left in folder.iterdir():
        left.unlink()
    return ours, theirs


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the figures, and return 1 below a bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000, help="of the larger file; the other is a tenth")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.write:
        written(asked.write, asked.megabytes)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        small, _ = measured(Path(folder), asked.megabytes // 10, rival=False)
        large, theirs = measured(Path(folder), asked.megabytes, rival=True)
    assert theirs is not None
    figures = (
        ("times the rival's time", large.wall / theirs.wall, TIMES_SLOWER),
        ("MB of memory at most", large.memory, MOST_MEMORY),
        ("times a tenth's time", large.wall / small.wall, TENFOLD),
    )
    for name, each in (("a tenth", small), (f"{asked.megabytes} MB", large), ("read_json_auto", theirs)):
        print(f"{name:<16} {each.wall:7.1f} s  {each.cpu:7.1f} s of CPU  {each.memory:7.0f} MB")  # noqa: T201 - its answer
    for name, value, bar in figures:
        print(f"{value:9.2f} {name} (bar: {bar:g}){'  MISSED' if value > bar else ''}")  # noqa: T201 - its answer
    print(f"throughput {asked.megabytes / large.wall:.0f} MB/s; {timedelta(seconds=round(large.wall))} in all")  # noqa: T201 - its answer
    return int(any(value > bar for _, value, bar in figures))


if __name__ == "__main__":
    sys.exit(main())
