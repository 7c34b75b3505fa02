"""Where exported bytes come from: files, folders, patterns, archives and standard input, as streams of plain bytes.

Compression is told by content. What the bytes say is not asked here, and nothing is unpacked to disk.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import glob
import gzip
import io
import os
import shutil
import stat
import sys
import tempfile
import zipfile
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STANDARD_INPUT = "-"
HEAD = 2**20  # bytes that suffice to recognise a file
_GZIP, _ZSTD, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", (b"PK\x03\x04", b"PK\x05\x06")
_LAYERS = 3  # of compression within compression
_MEMBERS = 100_000
# What expands beyond both is no log: repetitive logs shrink to a hundredth.
_EXPANDED, _TIMES = 2**30, 400
_DAMAGED = (
    zipfile.BadZipFile,
    EOFError,
    zlib.error,
    zstd.ZstdError,
    gzip.BadGzipFile,
    RuntimeError,  # zipfile's, of a member that is encrypted or compressed in a way that it does not know
)


@dataclass(frozen=True)
class Source:
    """One stream of exported bytes.

    ``name`` is what people call it: the path as it was given, and behind an archive's the member's. ``named`` says
    that they named it themselves, not a folder or an archive that holds it.
    """

    name: str
    path: Path
    members: tuple[str, ...] = ()
    named: bool = True
    spool: IO[bytes] | None = field(default=None, compare=False)

    @property
    def key(self) -> str:
        """The same wherever it is named from."""
        return "/".join([os.path.abspath(self.path), *self.members])  # noqa: PTH100 a link stays what it is called

    @cached_property
    def plain(self) -> bool:
        """Whether its bytes lie in a file as they are, so that it can grow."""
        if self.members or self.spool is not None:
            return False
        with self._raw() as file:
            return not _is_compressed(file.read(4))

    def size(self) -> int:
        """Return how many bytes its file has now."""
        with self._raw() as file:
            return file.seek(0, os.SEEK_END)

    @contextlib.contextmanager
    def opened(self, end: int | None = None) -> Iterator[BinaryIO]:
        """Open its bytes without their compression; ``end`` is one of a plain file."""
        with _refusing(self.name), contextlib.ExitStack() as held:
            stream = held.enter_context(self._raw())
            size = stream.seek(0, os.SEEK_END)
            stream.seek(0)
            for member in self.members:
                archive = held.enter_context(zipfile.ZipFile(stream))
                info = archive.getinfo(member)
                if info.flag_bits & 1:
                    raise UsageError(f"{self.name} is encrypted: unpack it with its password first.")
                stream, size = cast("BinaryIO", held.enter_context(archive.open(info))), max(info.compress_size, 1)
            stream = cast("BinaryIO", _Limited(stream, end)) if end is not None else stream
            yield _expanded(stream, self.name, size, held)

    def head(self) -> bytes:
        """Return its first bytes as UTF-8 without a byte order mark."""
        return b"".join(self.text(end=HEAD, piece=HEAD))[:HEAD]

    def text(self, start: int = 0, end: int | None = None, piece: int = HEAD) -> Iterator[bytes]:
        """Yield its bytes as UTF-8 in pieces, whatever encoding it has; a byte order mark goes.

        ``start`` is a place in the text of a plain file in UTF-8, ``end`` one in its bytes.
        """
        plain_end = end if self.plain else None
        with self.opened(plain_end) as stream:
            first = stream.read(min(piece, HEAD))
            if start:
                stream.seek(start + (len(codecs.BOM_UTF8) if first.startswith(codecs.BOM_UTF8) else 0))
                yield from iter(lambda: stream.read(piece), b"")
                return
            decoder = _decoder(first)
            taken = len(first)
            yield decoder(first, False)
            while (more := stream.read(piece)) and (end is None or plain_end or taken < end):
                taken += len(more)
                yield decoder(more, False)
            yield decoder(b"", True)

    def encoding_is_utf8(self) -> bool:
        """Tell whether places in its bytes are places in its text."""
        with self.opened() as stream:
            return _encoding(stream.read(1024)) == "utf-8"

    @contextlib.contextmanager
    def file(self, folder: Path) -> Iterator[Path]:
        """Give its bytes as a file of their own, for readers that need one; a copy lies in ``folder`` meanwhile."""
        if self.plain:
            yield self.path
            return
        copy = folder / "unpacked"
        try:
            with self.opened() as stream, copy.open("wb") as written:
                shutil.copyfileobj(stream, written, HEAD)
            yield copy
        finally:
            copy.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _raw(self) -> Iterator[BinaryIO]:
        if self.spool is not None:
            self.spool.seek(0)
            yield cast("BinaryIO", self.spool)
            return
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise _unreadable(self.path, error) from error
        with file:
            yield file


def found(paths: Sequence[Path]) -> list[Source]:
    """Return what is to be read, each once: files as named, folders and archives as what they hold, in a fixed order.

    What is hidden in a folder is passed over. A path that is no file may be a pattern; ``-`` is standard input. Raises
    UsageError for what is missing or unreadable, and for an archive that cannot be opened.
    """
    sources: dict[str, Source] = {}
    for path in paths:
        for source in _meant(path):
            for member in _unpacked(source):
                sources.setdefault(member.key, member)
    return list(sources.values())


def _meant(path: Path) -> Iterator[Source]:
    if str(path) == STANDARD_INPUT:
        yield _standard_input()
        return
    try:
        mode = path.stat().st_mode
    except OSError as error:
        # Path.glob cannot take a pattern that begins at the root.
        matches = sorted(glob.glob(str(path), recursive=True)) if glob.has_magic(str(path)) else []  # noqa: PTH207
        if not matches:
            raise _unreadable(path, error) from error
        for match in matches:
            yield from _meant(Path(match))
        return
    if stat.S_ISDIR(mode):
        held = list(_in_folder(path))
        if not held:
            raise UsageError(f"{path} holds no file: name another folder.")
        yield from (Source(str(file), file, named=False) for file in held)
    elif stat.S_ISREG(mode):
        yield Source(str(path), path)
    else:
        raise UsageError(f"{path} is neither a file nor a folder: pipe it in and name -, or save it to a file first.")


def _standard_input() -> Source:
    spool = tempfile.TemporaryFile()  # noqa: SIM115 it is read again as often as a file, and gone with the process
    shutil.copyfileobj(sys.stdin.buffer, spool, HEAD)
    return Source(STANDARD_INPUT, Path(STANDARD_INPUT), spool=spool)


def _in_folder(folder: Path) -> list[Path]:
    def fail(error: OSError) -> None:
        raise _unreadable(Path(error.filename), error) from error

    held = [Path(place, name) for place, _, names in os.walk(folder, onerror=fail) for name in names]
    hidden = (any(part.startswith(".") for part in file.relative_to(folder).parts) for file in held)
    return sorted(file for file, is_hidden in zip(held, hidden, strict=True) if not is_hidden and file.is_file())


def _unpacked(source: Source, depth: int = 0) -> Iterator[Source]:
    """Yield what an archive holds, and any other source itself."""
    with source.opened() as stream:
        start = stream.read(4)
    if start not in _ZIP:
        yield source
        return
    if depth == _LAYERS:
        raise UsageError(f"{source.name} holds archives in archives in archives: unpack it first.")
    with source.opened() as stream, zipfile.ZipFile(stream) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir() and not _is_hidden(info.filename)]
    if len(infos) > _MEMBERS:
        raise UsageError(f"{source.name} holds {len(infos):,} files: unpack it first.")
    for name in sorted({info.filename for info in infos}):
        inner = Source(f"{source.name}/{name}", source.path, (*source.members, name), False, source.spool)
        yield from _unpacked(inner, depth + 1)


def _is_hidden(member: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in member.split("/"))


def _is_compressed(start: bytes) -> bool:
    return start.startswith((_GZIP, _ZSTD, *_ZIP))


def _expanded(stream: BinaryIO, name: str, size: int, held: contextlib.ExitStack) -> BinaryIO:
    for _ in range(_LAYERS):
        buffered = io.BufferedReader(cast("io.RawIOBase", stream), 2**17) if not hasattr(stream, "peek") else stream
        start = cast("io.BufferedReader", buffered).peek(4)[:4]
        if start.startswith(_GZIP):
            opened: gzip.GzipFile | zstd.ZstdFile = gzip.GzipFile(fileobj=buffered)
        elif start.startswith(_ZSTD):
            opened = zstd.ZstdFile(buffered)
        else:
            return buffered
        held.callback(opened.close)
        stream = cast("BinaryIO", _Bounded(cast("BinaryIO", opened), name, size))
    return stream


class _Limited(io.RawIOBase):
    """The first bytes of a stream: what is written behind them meanwhile is not of this reading."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._size, self._left = stream, size, size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; only counted from the beginning."""
        place = self._stream.seek(offset, whence)
        self._left = self._size - place
        return place

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        data = self._stream.read(max(0, min(len(view), self._left)))
        view[: len(data)] = data
        self._left -= len(data)
        return len(data)


class _Bounded(io.RawIOBase):
    """What a compressed stream expands to, as long as logs may expand like that."""

    def __init__(self, stream: BinaryIO, name: str, compressed: int) -> None:
        self._stream, self._name, self._read = stream, name, 0
        self._most = max(_EXPANDED, _TIMES * compressed)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        data = self._stream.read(len(view))
        self._read += len(data)
        if self._read > self._most:
            raise UsageError(
                f"{self._name} expands to more than {_TIMES} times its size, as no log does: unpack it first."
            )
        view[: len(data)] = data
        return len(data)


def _encoding(start: bytes) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if start.startswith(mark):
            return encoding
    # JSON and CSV begin with ASCII: where every other byte of that is 0, two make a character.
    if len(start) >= 4 and start[0] and not start[1] and start[2] and not start[3]:
        return "utf-16-le"
    return "utf-16-be" if len(start) >= 4 and not start[0] and start[1] and not start[2] and start[3] else "utf-8"


def _decoder(start: bytes) -> Callable[[bytes, bool], bytes]:
    """Return what makes UTF-8 of a text's bytes, piece by piece."""
    encoding = _encoding(start)
    first = True

    def unmarked(data: bytes, mark: bytes) -> bytes:
        nonlocal first
        if data and first:
            first, data = False, data.removeprefix(mark)
        return data

    if encoding == "utf-8":
        return lambda data, _: unmarked(data, codecs.BOM_UTF8)
    incremental = codecs.getincrementaldecoder(encoding)("replace")
    return lambda data, last: unmarked(incremental.decode(data, last).encode(), codecs.BOM_UTF8)


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path} cannot be read ({error.strerror}): name a file or folder that you may read.")


@contextlib.contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Turn what a stream cannot give into a sentence that names it."""
    try:
        yield
    except _DAMAGED as error:
        if "interrupted" in str(error).lower():
            raise
        raise UsageError(
            f"{name} is damaged, cut off, or packed in a way that this program does not know: export it again."
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UsageError(
            f"{name} cannot be read ({error.strerror or error}): name a file that you may read."
        ) from error
