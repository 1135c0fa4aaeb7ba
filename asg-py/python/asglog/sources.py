"""Sources of logs: turns the arguments of callers into items for the native module."""

from __future__ import annotations

import errno
import glob
import io
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from . import checks

if TYPE_CHECKING:
    from . import _asglog

__all__ = ["ArrowArray", "ArrowStream", "BinaryFile", "Path", "Progress", "Source", "TextFile"]

#: A file's name.
Path: TypeAlias = str | os.PathLike[str]

#: A function that is called with the number of bytes read since the last call, or ``True`` for a
#: progress bar of tqdm.
Progress: TypeAlias = Callable[[int], object] | bool | None


@runtime_checkable
class BinaryFile(Protocol):
    """A file object that is open for reading bytes."""

    def read(self, size: int, /) -> bytes:
        """Reads at most so many bytes; none at the end."""


@runtime_checkable
class ArrowArray(Protocol):
    """An Arrow array of any library: a column in which each value is a line, text or binary."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """Arrow's PyCapsule interface."""


@runtime_checkable
class ArrowStream(Protocol):
    """A chunked Arrow array: a column of pandas, polars or pyarrow."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Arrow's PyCapsule interface."""


@runtime_checkable
class TextFile(Protocol):
    """A file object that is open for reading text."""

    def read(self, size: int, /) -> str:
        """Reads at most so many characters; none at the end."""


#: Logs: a path, or a pattern of paths such as ``logs/*.gz``, or ``-`` for standard input; the bytes
#: of a log; a file object, which is read from its position; a column or a list of lines; or several
#: of these. Compressed files and archives are recognised by their first bytes. The path of a folder
#: or of an archive (tar, zip) means the logs in it, and ``~`` is the home folder. A path that is
#: named twice is read once. A value that is missing from a column or a list counts only in the
#: numbers of the lines behind it.
Source: TypeAlias = (
    Path | bytes | bytearray | memoryview | BinaryFile | TextFile | ArrowArray | ArrowStream | Iterable["Source"]
)


def items(source: Source, *, again: bool) -> list[_asglog._Item]:
    """Returns the items of a source. With ``again`` each can be read twice: pipes are spooled."""
    found: dict[object, _asglog._Item] = {}
    names: dict[str, int] = {}
    for kind, name, value, start in _flat(source, again):
        if kind == "path":
            found[name] = (kind, name, value, start)
            continue
        names[name] = number = names.get(name, 0) + 1
        found[len(found), kind] = (kind, name if number == 1 else f"{name} ({number})", value, start)
    # Sorted by name, so that answers do not depend on the order of the arguments.
    return sorted(found.values(), key=lambda item: item[1]) if again else list(found.values())


def size(given: list[_asglog._Item]) -> int | None:
    """Returns the size in bytes on disk; ``None`` if it is unknown."""
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


def _flat(source: Any, again: bool) -> Iterator[_asglog._Item]:
    if isinstance(source, (str, os.PathLike)):
        yield from _paths(os.path.expanduser(os.fsdecode(source)), again)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        # A copy, because other threads may change it during the reading.
        yield "bytes", "<bytes>", bytes(source), None
    elif type(source).__module__.partition(".")[0] == "asglog":
        raise TypeError(f"{checks.kind(source)} is made of logs, and is no log: use its own methods, or give the logs")
    elif hasattr(source, "__arrow_c_array__") or hasattr(source, "__arrow_c_stream__"):
        yield "column", "<column>", source, None
    elif hasattr(source, "read"):
        yield _file(source, again)
    elif hasattr(source, "dtype") and hasattr(source, "tolist"):
        yield _array(source)
    elif isinstance(source, Mapping):
        raise TypeError("a mapping is no log: give the column with the lines, or a list of them")
    elif hasattr(source, "fs") and hasattr(source, "open"):
        # fsspec.open() gives a file that is not open yet.
        yield _file(source.open(), again)
    elif hasattr(source, "read_bytes"):
        yield "bytes", str(getattr(source, "name", "<file>")), source.read_bytes(), None
    elif hasattr(source, "collect"):
        raise TypeError(f"{checks.kind(source)} has no rows yet: call collect() and give the column with the lines")
    elif isinstance(source, Iterable):
        yield from _several(list(source), again)
    else:
        raise TypeError(f"a log is a path, bytes, a file object, or a column or list of lines, not {checks.kind(source)}")


def _several(sources: list[Any], again: bool) -> Iterator[_asglog._Item]:
    """Yields the items of several sources, or one item for a list of lines."""
    if not sources:
        raise ValueError("there is no log in the list: did a pattern match no file?")
    if _are_lines(sources):
        yield "lines", "<lines>", [_line(one) for one in sources], None
        return
    for one in sources:
        yield from _flat(one, again)


def _are_lines(sources: list[Any]) -> bool:
    """Returns whether these texts are lines, and not paths: one looks like a line of a log, and
    none is the path of a file."""
    if not all(one is None or isinstance(one, (str, bytes)) for one in sources):
        return False
    texts = [one for one in sources if isinstance(one, str)]
    if not texts:
        # One piece of bytes is a whole log, and so is what is compressed.
        return len(sources) > 1 and not any(
            b"\n" in one.rstrip(b"\r\n") or b"\0" in one or one.startswith(_PACKED) for one in sources if one
        )
    return any(map(checks.looks_like_a_line, texts)) and not any(map(_is_there, texts))


def _is_there(name: str) -> bool:
    try:
        return os.path.lexists(name)
    except ValueError:
        return False


#: First bytes of compressed files: gzip, zstd, bzip2, xz, lz4 and zip.
_PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ", b"\x04\x22\x4d\x18", b"PK\x03\x04")


def _line(one: Any) -> bytes | None:
    """Returns a line as bytes; ``None`` if it is missing."""
    if one is None or (isinstance(one, float) and one != one) or type(one).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(one, str):
        return encode(one)
    if isinstance(one, bytes):
        return one
    raise TypeError(f"a line is text or bytes, not {checks.kind(one)}")


def _array(array: Any) -> _asglog._Item:
    if getattr(array, "ndim", 1) != 1:
        raise TypeError("an array of lines has one dimension: give one column")
    return "lines", "<lines>", [_line(one) for one in array.tolist()], None


def _paths(name: str, again: bool) -> Iterator[_asglog._Item]:
    if name == "-":
        yield _file(sys.stdin, again)
        return
    if not name:
        raise ValueError("the path is empty")
    if "\0" in name:
        raise ValueError("a path has no zero byte: give a log's bytes as bytes")
    if not _is_there(name):
        if "\n" in name:
            raise ValueError("a text with line feeds is no path: give a log's text as bytes, or as a list of lines")
        if checks.looks_like_a_line(name):
            raise ValueError(
                "this text looks like a line of a log, and not like a path: parse_line() reads one line, and a list has several"
            )
        if re.match(r"[a-z][a-z0-9+.-]+://", name):
            raise ValueError(f"{name!r} is not on this machine: open it with fsspec, and give fsspec.open({name!r})")
    if not _is_there(name) and glob.has_magic(name):
        found = sorted(glob.glob(name, recursive=True))
        if not found:
            raise FileNotFoundError(f"no file is named like {name!r}")
        for one in found:
            if not os.path.isdir(one):
                yield from _paths_as_they_are(one, again)
        return
    yield from _paths_as_they_are(name, again)


def _paths_as_they_are(name: str, again: bool) -> Iterator[_asglog._Item]:
    if not os.path.exists(name):
        raise FileNotFoundError(errno.ENOENT, f"{os.strerror(errno.ENOENT)}{_near(name)}", name)
    if not os.access(name, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
    if again:
        mode = os.stat(name).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            with open(name, "rb") as pipe:
                yield _spooled(pipe, name)
            return
    yield "path", name, name, None


def _near(name: str) -> str:
    """Returns the file in the same folder that was probably meant."""
    folder, base = os.path.split(name)
    try:
        with os.scandir(folder or ".") as files:
            there = [file.name for file, _ in zip(files, range(1000), strict=False)]
    except OSError:
        return ""
    return checks.hint(base, there)


def _file(file: Any, again: bool) -> _asglog._Item:
    name = getattr(file, "name", None)
    name = name if isinstance(name, str) else "<file>"
    if hasattr(file, "buffer"):
        file = _Inside(file)
    elif isinstance(file, io.TextIOBase):
        return "bytes", name, encode(file.read()), None
    try:
        start: int | None = file.tell() if file.seekable() else None
    except (AttributeError, OSError):
        start = None
    return _spooled(file, name) if again and start is None else ("file", name, file, start)


def encode(text: str) -> bytes:
    """Encodes a text as bytes. Python keeps bytes that are not UTF-8 as lone surrogates; other lone
    surrogates are replaced."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _spooled(pipe: Any, name: str) -> _asglog._Item:
    return "file", name, _Spool(pipe), 0


class _Inside:
    """The binary file in a text file, which would be closed if nobody held the text file."""

    def __init__(self, text: Any) -> None:
        if text.seekable():
            # Reading text takes more bytes from the file than it returns as text.
            text.seek(text.tell())
        self._text, self.name = text, getattr(text.buffer, "name", None)
        self.read, self.seek, self.tell = text.buffer.read, text.buffer.seek, text.buffer.tell
        self.seekable = text.buffer.seekable


class _Spool:
    """The bytes of a pipe, which come only once, in a temporary file that is removed with this
    object."""

    def __init__(self, pipe: Any) -> None:
        import shutil
        import tempfile

        self._file = tempfile.TemporaryFile()
        shutil.copyfileobj(pipe, self._file, 1 << 20)
        self.read, self.seek, self.tell = self._file.read, self._file.seek, self._file.tell

    def __del__(self) -> None:
        self._file.close()
