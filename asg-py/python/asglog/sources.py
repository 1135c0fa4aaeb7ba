"""What is read: whatever callers have, as items that the native module knows."""

from __future__ import annotations

import glob
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from . import _asglog

__all__ = ["ArrowArray", "ArrowStream", "BinaryFile", "Path", "Progress", "Source"]

#: A file's name.
Path: TypeAlias = str | os.PathLike[str]

#: Called with the number of bytes read since the last time, or ``True`` for a bar of tqdm's.
Progress: TypeAlias = Callable[[int], object] | bool | None


@runtime_checkable
class BinaryFile(Protocol):
    """A file object that is open for reading bytes."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""


@runtime_checkable
class ArrowArray(Protocol):
    """An Arrow array of any library: a column in which each value is a line, text or binary."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """Arrow's PyCapsule interface."""


@runtime_checkable
class ArrowStream(Protocol):
    """A chunked Arrow array: a column of pandas', polars' or pyarrow's."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Arrow's PyCapsule interface."""


#: What can be read: a path, or a pattern of paths such as ``logs/*.gz``, or ``-`` for standard input; the bytes of a log; a
#: file object, which is read from where it stands; a column of lines; or several of these. Compressed files and
#: archives are known by their first bytes; a folder or an archive (tar, zip), which is given by its path, is the logs in it. A path that is named twice is read once, and a value that is missing from a column counts in nothing but
#: the numbers of the lines behind it.
Source: TypeAlias = (
    Path | bytes | bytearray | memoryview | BinaryFile | ArrowArray | ArrowStream | Iterable["Source"]
)


def items(source: Source, *, again: bool) -> list[_asglog._Item]:
    """The items of a source. With ``again`` each can be read twice: what comes through a pipe is spooled."""
    found: dict[object, _asglog._Item] = {}
    names: dict[str, int] = {}
    for kind, name, value, start in _flat(source, again):
        if kind == "path":
            found[name] = (kind, name, value, start)
            continue
        names[name] = number = names.get(name, 0) + 1
        found[len(found), kind] = (kind, name if number == 1 else f"{name} ({number})", value, start)
    # By name, so that the order of the arguments does not matter to any answer.
    return sorted(found.values(), key=lambda item: item[1]) if again else list(found.values())


def size(given: list[_asglog._Item]) -> int | None:
    """Bytes, as they lie on disk; ``None`` if that cannot be told."""
    total = 0
    for kind, _, value, _ in given:
        if kind == "path":
            try:
                total += os.stat(str(value)).st_size
            except OSError:
                return None
        elif isinstance(value, bytes):
            total += len(value)
        else:
            return None
    return total


def _flat(source: Source, again: bool) -> Iterator[_asglog._Item]:
    if isinstance(source, (str, os.PathLike)):
        yield from _paths(os.fspath(source), again)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        # A copy of what can change: it is read while others run.
        yield "bytes", "<bytes>", bytes(source), None
    elif hasattr(source, "__arrow_c_array__") or hasattr(source, "__arrow_c_stream__"):
        yield "column", "<column>", source, None
    elif hasattr(source, "read"):
        yield _file(source, again)
    elif isinstance(source, Iterable):
        for one in source:
            yield from _flat(one, again)
    else:
        raise TypeError(f"a log is a path, bytes, a file object or a column of lines, not {type(source).__name__}")


def _paths(name: str, again: bool) -> Iterator[_asglog._Item]:
    if name == "-":
        yield _file(sys.stdin, again)
        return
    if "\n" in name:
        raise ValueError("a text with line feeds is no path: give a log's text as bytes")
    if not os.path.lexists(name) and glob.has_magic(name):
        found = sorted(glob.glob(name, recursive=True))
        if not found:
            raise FileNotFoundError(f"no file is named like {name!r}")
        for one in found:
            if not os.path.isdir(one):
                yield from _paths_as_they_are(one, again)
        return
    yield from _paths_as_they_are(name, again)


def _paths_as_they_are(name: str, again: bool) -> Iterator[_asglog._Item]:
    if again and os.path.exists(name):
        mode = os.stat(name).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            with open(name, "rb") as pipe:
                yield _spooled(pipe, name)
            return
    yield "path", name, name, None


def _file(file: Any, again: bool) -> _asglog._Item:
    if hasattr(file, "buffer"):
        file = _Inside(file)
    name = getattr(file, "name", None)
    name = name if isinstance(name, str) else "<file>"
    try:
        start: int | None = file.tell() if file.seekable() else None
    except (AttributeError, OSError):
        start = None
    return _spooled(file, name) if again and start is None else ("file", name, file, start)


def _spooled(pipe: Any, name: str) -> _asglog._Item:
    return "file", name, _Spool(pipe), 0


class _Inside:
    """The binary file in a text file, which would be closed if nobody held the text file."""

    def __init__(self, text: Any) -> None:
        if text.seekable():
            # Reading text takes more bytes out of the file than it gives as text.
            text.seek(text.tell())
        self._text, self.name = text, getattr(text.buffer, "name", None)
        self.read, self.seek, self.tell = text.buffer.read, text.buffer.seek, text.buffer.tell
        self.seekable = text.buffer.seekable


class _Spool:
    """What a pipe gives only once, in a file that is gone with this."""

    def __init__(self, pipe: Any) -> None:
        import shutil
        import tempfile

        self._file = tempfile.TemporaryFile()
        shutil.copyfileobj(pipe, self._file, 1 << 20)
        self.read, self.seek, self.tell = self._file.read, self._file.seek, self._file.tell

    def __del__(self) -> None:
        self._file.close()
