"""Publishing with earlier generations and with a mode: nothing is lost, whenever it is cut short."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from pipeline import generations, settings, store
from pipeline.errors import StoreUnusable, UsageError
from pipeline.store import Publishing

if TYPE_CHECKING:
    from collections.abc import Callable


def publish(db: Path, night: int, keep: int | None = None, mode: int | None = None) -> None:
    with store.working(db) as work:
        work.con.execute("DELETE FROM import_rejects")
        work.con.execute("INSERT INTO import_rejects VALUES ('night', ?, '')", [night])
        store.publish(work, db, Publishing(keep, mode))


def night(file: Path) -> int:
    with contextlib.closing(duckdb.connect(str(file), read_only=True)) as con:
        ((line,),) = con.execute("SELECT line FROM import_rejects").fetchall()
    return int(line)


def nights(db: Path) -> dict[str, int]:
    """Return which night each file beside the database holds, without those that begin with a dot."""
    return {file.name: night(file) for file in sorted(db.parent.glob(f"{db.name}*"))}


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "s.duckdb"


def test_the_files_published_before_are_kept_the_newest_as_1(db: Path) -> None:
    for number in range(1, 6):
        publish(db, number, keep=3)
    assert nights(db) == {"s.duckdb": 5, "s.duckdb.1": 4, "s.duckdb.2": 3, "s.duckdb.3": 2}


def test_fewer_generations_are_kept_once_fewer_are_asked_for(db: Path) -> None:
    for number in range(1, 5):
        publish(db, number, keep=3)
    publish(db, 5, keep=1)
    assert nights(db) == {"s.duckdb": 5, "s.duckdb.1": 4}


def test_a_run_that_says_nothing_of_generations_leaves_them_alone(db: Path) -> None:
    for number in (1, 2):
        publish(db, number, keep=2)
    publish(db, 3)
    assert nights(db) == {"s.duckdb": 3, "s.duckdb.1": 1}


def test_a_copy_that_somebody_dated_is_no_generation(db: Path) -> None:
    publish(db, 1)
    mine = db.with_name("s.duckdb.20261031")
    mine.write_bytes(db.read_bytes())
    publish(db, 2, keep=1)
    assert nights(db) == {"s.duckdb": 2, "s.duckdb.1": 1, mine.name: 1}


@pytest.mark.parametrize("cut_at", range(7))
def test_a_publish_cut_short_anywhere_loses_no_night_and_never_the_published_name(
    db: Path, cut_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 4):
        publish(db, number, keep=3)
    calls = 0

    def cut(original: Callable[..., object]) -> Callable[..., object]:
        def counting(self: Path, *args: object, **options: object) -> object:
            nonlocal calls
            if self.name.startswith((db.name, f".{db.name}.kept", f".{db.name}.working")):
                calls += 1
                if calls > cut_at:
                    raise OSError(5, "cut short")
            assert db.exists()
            return original(self, *args, **options)

        return counting

    with monkeypatch.context() as patched:
        for step in ("replace", "hardlink_to", "unlink"):
            patched.setattr(Path, step, cut(getattr(Path, step)))
        with contextlib.suppress(StoreUnusable):
            publish(db, 4, keep=3)
    assert set(nights(db).values()) >= {1, 2, 3}
    publish(db, 5, keep=3)
    assert night(db) == 5
    kept = [night(generations.kept(db)[number]) for number in sorted(generations.kept(db))]
    assert kept == sorted(kept, reverse=True)
    assert len(set(kept)) == len(kept)
    assert set(kept) >= {3, 2}


def test_a_generation_keeps_its_mode_and_a_new_mode_is_the_published_files(db: Path) -> None:
    publish(db, 1)
    assert db.stat().st_mode & 0o777 == 0o600
    publish(db, 2, keep=1, mode=0o640)
    publish(db, 3)
    modes = {file.name: file.stat().st_mode & 0o777 for file in db.parent.glob("s.duckdb*")}
    assert modes == {"s.duckdb": 0o640, "s.duckdb.1": 0o600}


def test_a_mode_is_octal_digits_of_a_file_that_its_owner_may_read() -> None:
    assert settings.file_mode("0640") == settings.file_mode("640") == 0o640
    assert settings.file_mode(None) is None
    for text in ("0o640", "rw-r-----", "0888", "0040", "07640", ""):
        with pytest.raises(UsageError, match="0640"):
            settings.file_mode(text)


def test_a_webhook_is_https_or_on_this_machine_and_its_address_stays_untold() -> None:
    for url in ("https://hooks.example.org/services/secret", "http://127.0.0.1:8080/secret", "http://localhost/secret"):
        assert settings.webhook(url) == url
    for url in ("http://hooks.example.org/secret", "hooks.example.org/secret", "https:///secret", "https://a b/secret"):
        with pytest.raises(UsageError) as error:
            settings.webhook(url)
        assert "secret" not in str(error.value)
