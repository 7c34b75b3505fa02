"""The database file: what readers find at any moment, and what a run finds that comes after another."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from program import signin_triage
from records import failure, page, sign_in

from pipeline import assets, disk, land, store, views, workfile
from pipeline.errors import StoreUnusable
from pipeline.pages import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable

PUBLIC_VIEWS = ("sign_ins", "failures", "changes", "devices", "apps", "incidents", "causes", "coverage")
# Programs of other processes; each gets the database's path.
KILLED = """
import os, sys; from pathlib import Path; from pipeline import store
with store.working(Path(sys.argv[1])) as work:
    work.con.execute("INSERT INTO import_rejects VALUES ('logs.json', 1, 'kept')")
    os._exit(9)
"""
SECOND = """
import sys; from pathlib import Path; from pipeline import store
with store.working(Path(sys.argv[1])):
    pass
"""
READER = """
import sys; from pathlib import Path; from pipeline import store
with store.reading(Path(sys.argv[1])) as con:
    for _ in range(2):
        print(con.execute("SELECT count(*) FROM import_rejects").fetchall()[0][0], flush=True)
        sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published file of one night with one success and one failure; not to be written to."""
    db = tmp_path_factory.mktemp("night") / "signins.duckdb"
    with store.working(db) as work:
        land.land(work.con, page("SigninLogs", sign_in(), failure(Id="b")), work.scratch)
        views.build(work.con)
        store.publish(work, db)
    return db


@pytest.fixture
def db(night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the published night, whose views are not made anew: that takes most of a run's first second."""
    monkeypatch.setattr(views, "build", lambda _: None)
    return shutil.copyfile(night, tmp_path / "signins.duckdb")


def note(work: store.Workfile, reason: str) -> None:
    work.con.execute("INSERT INTO import_rejects VALUES ('logs.json', 1, ?)", [reason])


def notes(con: duckdb.DuckDBPyConnection) -> list[str]:
    return [reason for (reason,) in con.execute("SELECT reason FROM import_rejects ORDER BY reason").fetchall()]


def published_notes(db: Path) -> list[str]:
    with store.reading(db) as con:
        return notes(con)


def publish_note(db: Path, reason: str) -> None:
    with store.working(db) as work:
        note(work, reason)
        store.publish(work, db)


def test_a_published_file_holds_what_landed_and_its_views_of_it(night: Path) -> None:
    with store.reading(night) as con:
        assert con.execute("SELECT sign_in_id FROM failures").fetchall() == [("b",)]


def test_nothing_lies_beside_a_published_file_but_the_lock(night: Path) -> None:
    assert sorted(file.name for file in night.parent.iterdir()) == [".signins.duckdb.lock", "signins.duckdb"]


def storage_version(file: Path) -> str:
    with store.reading(file) as con:
        ((version,),) = con.execute(
            "SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = current_database()"
        ).fetchall()
    return str(version)


def test_a_published_file_has_the_storage_that_duckdb_1_4_opens(night: Path) -> None:
    assert storage_version(night).startswith("v1.4.0")


def test_a_file_that_began_as_a_copy_of_a_published_one_keeps_that_storage(db: Path) -> None:
    publish_note(db, "again")
    assert storage_version(db).startswith("v1.4.0")


@pytest.mark.parametrize("view", PUBLIC_VIEWS)
def test_a_public_view_and_each_of_its_columns_has_a_comment(night: Path, view: str) -> None:
    with store.reading(night) as con:
        said = con.execute("SELECT comment FROM duckdb_views() WHERE view_name = ?", [view]).fetchall()
        columns = con.execute(
            "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = ?", [view]
        ).fetchall()
    assert said[0][0]
    assert [name for name, comment in columns if not comment] == []


@pytest.mark.parametrize("table", [*TABLES, "runs", "import_rejects"])
def test_a_table_that_users_read_and_each_of_its_columns_has_a_comment(night: Path, table: str) -> None:
    with store.reading(night) as con:
        said = con.execute("SELECT comment FROM duckdb_tables() WHERE table_name = ?", [table]).fetchall()
        columns = con.execute(
            "SELECT column_name FROM duckdb_columns() WHERE table_name = ? AND comment IS NULL", [table]
        ).fetchall()
    assert said[0][0]
    assert columns == []


def test_everything_else_in_the_file_has_a_comment_too(night: Path) -> None:
    with store.reading(night) as con:
        silent = con.execute(
            """SELECT table_name FROM duckdb_tables() WHERE NOT internal AND comment IS NULL
            UNION SELECT view_name FROM duckdb_views() WHERE NOT internal AND comment IS NULL
            UNION SELECT table_name FROM duckdb_columns() WHERE NOT internal AND comment IS NULL ORDER BY ALL"""
        ).fetchall()
    assert silent == []


def test_no_column_of_the_file_is_of_a_type_that_older_readers_lack(night: Path) -> None:
    known = ("VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "TIMESTAMP")
    with store.reading(night) as con:
        kinds = con.execute("SELECT DISTINCT data_type FROM duckdb_columns() WHERE NOT internal").fetchall()
    odd = [kind for (kind,) in kinds if kind.rstrip("[]") not in known and not kind.startswith("STRUCT")]
    assert odd == []
    assert not any(word in kind for (kind,) in kinds for word in ("TIMESTAMP_NS", "TIME ZONE", "HUGEINT"))


def test_the_schemas_version_stands_in_migrations(night: Path) -> None:
    with store.reading(night) as con:
        assert con.execute("SELECT max(version) FROM migrations").fetchall() == [
            (len(assets.sql_files(assets.SCHEMA)),)
        ]


def test_new_files_and_folders_are_their_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "build", lambda _: None)
    db = tmp_path / "new" / "folder" / "signins.duckdb"
    with store.working(db) as work:
        assert {file.stat().st_mode & 0o077 for file in db.parent.rglob("*")} == {0}
        store.publish(work, db)
    assert db.stat().st_mode & 0o777 == 0o600
    assert db.parent.stat().st_mode & 0o777 == 0o700


def test_publishing_keeps_the_mode_of_the_file_that_it_replaces(db: Path) -> None:
    db.chmod(0o640)
    with store.working(db) as work:
        assert work.path.stat().st_mode & 0o777 == 0o600
        store.publish(work, db)
    assert db.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to any group")
def test_publishing_keeps_the_group_of_the_file_that_it_replaces(db: Path) -> None:
    os.chown(db, -1, 4711)
    publish_note(db, "again")
    assert db.stat().st_gid == 4711


def test_a_run_that_fails_leaves_the_published_file_byte_for_byte(db: Path) -> None:
    before = db.read_bytes()
    with pytest.raises(KeyboardInterrupt), store.working(db) as work:  # noqa: PT012 the run fails midway
        note(work, "half a night")
        raise KeyboardInterrupt
    assert db.read_bytes() == before


def test_what_a_killed_run_had_landed_the_next_one_finds(db: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, db], check=False, timeout=60)
    assert published_notes(db) == []
    with store.working(db) as work:
        assert notes(work.con) == ["kept"]
        store.publish(work, db)
    assert published_notes(db) == ["kept"]


def test_what_an_interrupted_run_had_landed_is_dropped_when_the_published_file_changed_meanwhile(
    db: Path, night: Path
) -> None:
    with store.working(db) as work:
        note(work, "of another night")
    shutil.copyfile(night, db)
    with store.working(db) as work:
        assert notes(work.con) == []


def test_what_was_left_before_the_machine_was_started_anew_is_not_gone_on_with(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.working(db) as work:
        note(work, "perhaps in part on disk")
    monkeypatch.setattr(workfile, "boot", lambda: "after a power cut")
    with store.working(db) as work:
        assert notes(work.con) == []


def test_a_leftover_that_cannot_be_opened_is_begun_anew(db: Path) -> None:
    with store.working(db) as work:
        leftover = work.path
    leftover.write_bytes(b"torn by a power cut")
    with store.working(db) as work:
        assert notes(work.con) == []


def test_what_a_finished_run_left_unpublished_is_published_once(db: Path) -> None:
    publish_note(db, "first")
    publish_note(db, "second")
    assert published_notes(db) == ["first", "second"]


def test_what_a_killed_run_had_concluded_is_taken_back_to_what_is_published(db: Path) -> None:
    with store.working(db) as work:
        work.con.execute("INSERT INTO last_judgement VALUES (['published'])")
        store.publish(work, db)
    with store.working(db) as work:
        note(work, "landed")
        work.con.execute("UPDATE last_judgement SET incident_ids = ['nobody has read it']")
    with store.working(db) as work:
        assert notes(work.con) == ["landed"]
        assert work.con.execute("SELECT incident_ids FROM last_judgement").fetchall() == [(["published"],)]


def test_a_second_run_is_told_which_process_holds_the_database(tmp_path: Path, db: Path) -> None:
    held = pytest.raises(StoreUnusable, match=rf"held by another run \(process {os.getpid()}\)")
    with store.working(db), held, store.working(db):
        pass
    assert list(tmp_path.glob("*.wal")) == []


def test_a_run_of_another_process_is_told_who_holds_the_database(db: Path) -> None:
    with store.working(db):
        ended = subprocess.run(
            [sys.executable, "-c", SECOND, db], capture_output=True, text=True, check=False, timeout=60
        )
    assert f"(process {os.getpid()})" in ended.stderr


def test_a_reader_keeps_its_night_and_hinders_nobody(db: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", READER, db], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reading:
        assert reading.stdin is not None
        assert reading.stdout is not None
        before = reading.stdout.readline()
        publish_note(db, "new")
        reading.stdin.write("\n\n")
        reading.stdin.flush()
        assert (before, reading.stdout.readline()) == ("0\n", "0\n")
    assert published_notes(db) == ["new"]


def foreign(file: Path, *statements: str) -> None:
    con = duckdb.connect(str(file))
    for statement in statements:
        con.execute(statement)
    con.close()


NOT_OURS: dict[str, tuple[Callable[[Path], object], str]] = {
    "somebody's DuckDB file": (lambda db: foreign(db, "CREATE TABLE invoices (id BIGINT)"), "somebody else"),
    "somebody's DuckDB file with migrations of its own": (
        lambda db: foreign(db, "CREATE TABLE migrations (id BIGINT, name VARCHAR)"),
        "somebody else",
    ),
    "a newer release's file": (
        lambda db: foreign(
            db,
            "CREATE TABLE migrations (version BIGINT, applied VARCHAR)",
            "INSERT INTO migrations VALUES (999, 'later')",
        ),
        "newer release",
    ),
    "a text file": (lambda db: db.write_text("these are my notes\n" * 1000), "no DuckDB file"),
    "a line of text": (lambda db: db.write_text("a note"), "no DuckDB file"),
    "a folder": (lambda db: db.mkdir(), "cannot be used|no DuckDB file|is no file"),
}


@pytest.mark.parametrize(("make", "said"), NOT_OURS.values(), ids=NOT_OURS)
def test_a_file_that_is_not_ours_is_refused_in_a_sentence_and_left_alone(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    db = tmp_path / "signins.duckdb"
    make(db)
    before = db.read_bytes() if db.is_file() else b""
    for door in (store.working, store.reading):
        with pytest.raises(StoreUnusable, match=said) as told, door(db):
            pass
        assert str(db) in str(told.value)
        assert told.value.exit_code == 5
    assert (db.read_bytes() if db.is_file() else b"") == before


def test_the_word_lock_in_a_path_does_not_make_a_text_file_one_that_is_held(tmp_path: Path) -> None:
    db = tmp_path / "clock.duckdb"
    db.write_text("a note")
    with pytest.raises(StoreUnusable, match="no DuckDB file"), store.reading(db):
        pass


def test_a_file_that_another_program_writes_to_is_said_to_be_held(db: Path) -> None:
    writer = "import duckdb, sys; con = duckdb.connect(sys.argv[1]); print(flush=True); sys.stdin.readline()"
    with subprocess.Popen(
        [sys.executable, "-c", writer, db], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writing:
        assert writing.stdout is not None
        writing.stdout.readline()
        with pytest.raises(StoreUnusable, match="held open for writing by another program"), store.reading(db):
            pass
        writing.communicate("\n")


def test_a_file_that_is_not_there_is_no_database_to_read(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="does not exist"), store.reading(tmp_path / "signins.duckdb"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StoreUnusable, match=str(tmp_path / "file")),
        store.working(tmp_path / "file" / "signins.duckdb"),
    ):
        pass


def test_a_full_disk_is_said_in_plain_words(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="disk is full"), disk.faults(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_fills_up_during_a_run_is_said_in_plain_words(db: Path) -> None:
    with pytest.raises(StoreUnusable, match="disk is full"), store.working(db):
        raise OSError(errno.ENOSPC, "No space left on device")


def sign_ins(con: duckdb.DuckDBPyConnection) -> int:
    return len(con.execute('SELECT * FROM "SigninLogs"').fetchall())


def damage(file: Path) -> None:
    """Write over the block that holds the sign-ins."""
    block = "SELECT block_id FROM pragma_storage_info('SigninLogs') WHERE persistent AND block_id >= 0 LIMIT 1"
    with duckdb.connect(str(file), read_only=True) as con:
        number = con.execute(block).fetchall()[0][0]
    with file.open("r+b") as blocks:
        blocks.seek(3 * 4096 + number * 262144 + 4096)  # after the three headers
        blocks.write(b"torn by a failing disk")


def test_a_damaged_file_that_is_read_is_told_with_its_remedy(db: Path) -> None:
    damage(db)
    with pytest.raises(StoreUnusable, match="is damaged"), store.reading(db) as con:
        sign_ins(con)


def test_a_run_that_found_its_working_file_damaged_leaves_it_to_none(db: Path) -> None:
    with store.working(db) as work:
        leftover = work.path
    damage(leftover)
    with pytest.raises(StoreUnusable, match="is damaged"), store.working(db) as work:
        sign_ins(work.con)
    with store.working(db) as work:
        assert sign_ins(work.con) == 2


def test_a_question_to_a_damaged_file_is_no_mistake_of_the_question(db: Path) -> None:
    damage(db)
    told = signin_triage("query", 'SELECT * FROM "SigninLogs"', "--db", db)
    assert (told.returncode, told.stdout) == (5, "")
    assert "put an earlier generation in its place" in told.stderr


def test_a_statement_gets_those_values_that_it_names(emptied: duckdb.DuckDBPyConnection) -> None:
    values = {"since": 1, "until": "'; DROP TABLE runs; --"}
    assert store.run(emptied, "SELECT $until", values).fetchall() == [(values["until"],)]


def test_the_oldest_reader_reads_every_view_and_table(night: Path) -> None:
    old = Path(sys.prefix) / "duckdb-1.4" / "bin" / "python"
    if not old.exists():
        pytest.skip("needs DuckDB 1.4 in the virtual environment: `make check` puts it there")
    reads_all = """
import duckdb, sys
con = duckdb.connect(sys.argv[1], read_only=True)
names = [name for (name,) in con.execute("SELECT table_name FROM information_schema.tables").fetchall()]
for name in names:
    con.execute(f'SELECT * FROM "{name}" LIMIT 5').fetchall()
print(duckdb.__version__, len(names))
"""
    told = subprocess.run(
        [old, "-c", reads_all, night],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("1.4.")
