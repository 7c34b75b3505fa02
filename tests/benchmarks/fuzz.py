"""Damaged exports of every form: `make fuzz`; exit 1 where one crashes, hangs, loses count, or lands in part.

Bounded and seeded: the same seed damages the same files in the same way. Most files are read in this process; some go
through the whole program, whose exit code must be one of its contract and whose last word a sentence.
"""

from __future__ import annotations

import argparse
import gzip
import io
import random
import signal
import subprocess
import sys
import tempfile
import traceback
import zipfile
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import renderings

from pipeline import exports, sources, usual
from pipeline.errors import UsageError
from pipeline.forms.bench import bench
from pipeline.pages import PLACE
from pipeline.sandbox.tenant import simulate

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.forms.bench import Bench
    from pipeline.forms.lines import Finish

_SECONDS = 30  # after which a reading counts as hung
_WORDS = (
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\\",
    b"null",
    b"NaN",
    b'""',
    b"\xef\xbb\xbf",
)
_ONLY_LAST = ("portal csv", "portal csv in UTF-16")  # a cut within the last cell of a CSV shows nowhere


def written(count: int) -> dict[str, bytes]:
    """Return a small file of each form."""
    tenant = simulate(11, until=datetime(2026, 11, 10), days=4, users=12, causes=())
    rows = renderings.rows(tenant.tables)
    some = [row for table in tenant.tables for row in [row for row in rows if row["Type"] == table][:count]]
    files = {form: write(some) for form, write in renderings.FORMS.items()}
    with tempfile.TemporaryDirectory() as folder:
        renderings.parquet(Path(folder) / "x", some)
        files["parquet"] = (Path(folder) / "x").read_bytes()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a/PT1H.json", files["blob"])
        packed.writestr("b.json.gz", gzip.compress(files["graph pages"]))
    return files | {
        "gzip": gzip.compress(files["blob"]),
        "zstd": renderings.zstandard(files["blob"]),
        "zip": archive.getvalue(),
    }


def cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def flipped(content: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    return bytes(damaged)


def lost(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content))
    return content[:start] + content[start + chance.randint(1, 400) :]


def doubled(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content))
    return content[: start + chance.randint(1, 400)] + content[start:]


def inserted(content: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(content))
        content = content[:start] + chance.choice(_WORDS) * chance.randint(1, 3) + content[start:]
    return content


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (cut, flipped, lost, doubled, inserted)


def landing(table: Bench, file: Path) -> tuple[Counter[str], str]:
    """Return the records of a file that would land, each as text, and what was said instead of reading on.

    Raises AssertionError where not every record is accounted for.
    """
    rows: Counter[str] = Counter()
    try:
        for source in sources.found([file]):
            form = exports.form_of(source)
            if form is None:
                continue
            for batch in exports.read(table, source, form, day_first=False):
                assert batch.read == sum(p.frame.height for p in batch.pages) + len(batch.rejects) + batch.skipped
                for page in batch.pages:
                    told: list[dict[str, Any]] = page.frame.drop(PLACE).to_dicts()
                    rows.update(str(sorted((k, v) for k, v in row.items() if v not in (None, ""))) for row in told)
    except UsageError as error:
        return rows, str(error)
    return rows, ""


def fates(table: Bench, file: Path, finish: Finish | None) -> tuple[Counter[str], str]:
    """Return how many records of a file would land, by table, and how many would not, by why; and what was said."""
    counts: Counter[str] = Counter()
    try:
        for source in sources.found([file]):
            form = exports.form_of(source)
            for batch in exports.read(table, source, form, day_first=False, finish=finish) if form else ():
                counts.update(batch.laid.rows if batch.laid else {p.table: p.frame.height for p in batch.pages})
                counts.update({"rejected": len(batch.rejects), "skipped": batch.skipped})
    except UsageError as error:
        return counts, str(error)
    return counts, ""


def by_the_program(file: Path) -> str | None:
    """Import a file with the whole program; return what is wrong with how it ended."""
    command = [
        sys.executable,
        "-m",
        "pipeline",
        "import",
        str(file),
        "--db",
        str(file.with_name("s.duckdb")),
        "--month-first",
    ]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, errors="replace")
    if told.returncode not in (0, 1, 2) or "Traceback" in told.stderr or "unexpected" in told.stderr:
        return f"exit {told.returncode}: {told.stderr[-300:]}"
    return None


def main() -> int:
    """Damage files and read them; return 1 where any reading was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=15)
    parser.add_argument("--count", type=int, default=300, help="how many damaged files are read")
    parser.add_argument("--program", type=int, default=6, help="how many of them by the whole program too")
    asked = parser.parse_args()
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(TimeoutError(f"not done after {_SECONDS} s")))
    files = written(6)
    chance = random.Random(asked.seed)  # noqa: S311 damage is to be the same again, not to be secret
    outcomes: Counter[str] = Counter()
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as table:
        file = Path(folder) / "SigninLogs"
        whole = {}
        for form, content in files.items():
            file.write_bytes(content)
            whole[form], said = landing(table, file)
            assert whole[form], f"{form}: {said}"
        for number in range(asked.count):
            form = chance.choice(list(files))
            mutation = chance.choice(MUTATIONS)
            file.write_bytes(mutation(files[form], chance))
            what = f"{number} ({form}, {mutation.__name__})"
            signal.alarm(_SECONDS)
            try:
                rows, said = landing(table, file)
                partial = rows - whole[form]
                if mutation is cut and partial.total() > (form in _ONLY_LAST):
                    faults.append(f"{what}: lands a part of a record")
                outcomes["refused" if said else "read"] += 1
                # Lines that are as usual become rows another way, which must tell the others apart.
                if (straight := fates(table, file, usual.laid)) != (careful := fates(table, file, None)):
                    faults.append(f"{what}: {straight} straight, {careful} with care")
            except Exception:  # noqa: BLE001 whatever it is, it is what this looks for
                faults.append(f"{what}: {traceback.format_exc(limit=-3)}")
            finally:
                signal.alarm(0)
            if number < asked.program and (wrong := by_the_program(file)):
                faults.append(f"{what}: {wrong}")
    summary = f"{asked.count} damaged files of {len(files)} forms (seed {asked.seed})"
    print(f"{summary}: {dict(outcomes)}, {len(faults)} faults")  # noqa: T201 - its answer
    print("\n".join(faults[:20]))  # noqa: T201 - its answer
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
