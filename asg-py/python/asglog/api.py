"""The functions that turn logs into records and tables."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from . import _asglog, checks
from .errors import ParseError
from .labels import Labels, labelled
from .ledger import Ledger
from .progress import maker
from .sources import Path, Progress, Source, encode, items, size
from .table import Table
from .times import policy

if TYPE_CHECKING:
    from .records import Flow, Identity, Record

__all__ = ["Directory", "Records", "correlate", "parse", "parse_line", "scan"]


def _record() -> type[Record]:
    """Imports the records on demand, because that takes longer than the rest of this package."""
    from .records import Record

    return Record


@runtime_checkable
class Directory(Protocol):
    """A directory, which turns GUIDs into names: :class:`CloudController`, :class:`Export`, or any
    object with this method.

    >>> from asglog import Identity
    >>> class OnlyProxy:
    ...     def resolve(self, guids):
    ...         return {guid: Identity.from_dict({"app": {"guid": guid, "name": "proxy"}}) for guid in guids}
    >>> isinstance(OnlyProxy(), Directory)
    True
    """

    def resolve(self, guids: list[str], /) -> Mapping[str, Identity | None]:
        """Returns the identities of these process, app, task or build GUIDs. A GUID that is left
        out, or is ``None``, is unknown.

        An identity may also be a ``dict`` like that of :meth:`Identity.to_dict`. Exceptions of this
        method reach the caller who reads the flows. They mean that nothing is known; in particular,
        they do not mean that an app is gone.
        """


class Records:
    """An iterator over the records of a source, one for each line, in order. :func:`parse` makes
    it. Each line is read when it is needed, and only once."""

    __slots__ = ("_native",)

    def __init__(self, native: _asglog.Records) -> None:
        self._native = native

    @property
    def counts(self) -> dict[str, int]:
        """The number of lines so far, and of each kind."""
        return dict(self._native.counts())

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Record:
        return _record()._from(next(self._native))

    def __repr__(self) -> str:
        return f"<asglog.Records: {self.counts['lines']} lines so far>"


def parse_line(
    line: bytes | bytearray | memoryview | str,
    *,
    number: int = 1,
    year: int | None = None,
    utc_offset: float | str = 0.0,
    strict: bool = False,
) -> Record:
    """Parses one line of a log: a packet, a line about a container, or neither.

    A line that is cut or malformed gives a record of kind ``damaged``. Its ``error`` has the reason
    and a byte offset, and the other fields hold what could be parsed. With ``strict`` it raises
    :class:`ParseError` instead.

    ``number`` is the line's number, which the record shows. ``year`` completes time stamps without
    one (``Jun 16 23:18:38``), and ``utc_offset`` is the zone of those without one: in hours, or as
    ``+02:00``.

    Raises :class:`ValueError` for a year that is not from 1970 to 2261, or an offset of a day or more.

    >>> print(parse_line("Jun 16 23:18:38 localhost kernel: [12.5] hello", year=2017).time)
    2017-06-16T23:18:38Z
    """
    if isinstance(line, str):
        line = encode(line)
    elif isinstance(line, (bytearray, memoryview)):
        line = bytes(line)
    elif not isinstance(line, bytes):
        raise TypeError(f"a line is bytes or text, not {checks.kind(line)}")
    record = _record()._from(_asglog.parse_line(line, checks.whole(number, "number"), *policy(year, utc_offset)))
    if strict and record.error is not None:
        raise ParseError(record.line, record.error.offset, record.error.message)
    return record


def parse(
    source: Source,
    *,
    strict: bool = False,
    year: int | None = None,
    utc_offset: float | str = 0.0,
    progress: Progress = None,
) -> Records:
    """Parses logs line by line: one record for each line, whatever it contains. No line is dropped.

    A path that is named twice is read once. A value that is missing from a column is skipped; it
    counts only in the numbers of the lines behind it.

    With ``strict`` a damaged line raises :class:`ParseError`; the iteration can go on with the next
    line. ``year`` and ``utc_offset`` (hours, or ``+02:00``) complete time stamps. ``progress`` is
    called with the number of bytes read, or is ``True`` for a progress bar of tqdm, if that is
    installed.

    Iterating raises :class:`OSError` if a log cannot be read.

    >>> records = parse(b"hello\\nx IN=eth0 OUT= SRC=10.254.0.10 DST=10.0.1")
    >>> [record.kind for record in records]
    ['other', 'damaged']
    >>> records.counts["damaged"]
    1
    """
    given = items(source, again=False)
    return Records(_asglog.Records(given, strict, *policy(year, utc_offset), maker(progress, size(given))))


def scan(
    source: Source,
    *,
    networks: Labels | None = None,
    prefixes: Labels | None = None,
    year: int | None = None,
    utc_offset: float | str = 0.0,
    progress: Progress = None,
) -> Table[Record]:
    """Returns the packets of these logs as a lazy table, damaged ones included. Nothing is read
    yet.

    A path that is named twice is read once. A value that is missing from a column is skipped; it
    counts only in the numbers of the lines behind it.

    ``year`` and ``utc_offset`` (hours, or ``+02:00``) complete time stamps. ``progress`` is called
    with the number of bytes read, or is ``True`` for a progress bar of tqdm, if that is installed.
    The columns are :data:`SCHEMA`. ``networks`` and ``prefixes`` are as with :func:`correlate`.

    >>> table = scan(b"OK_x IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=2 ")
    >>> table.column_names[:4]
    ['time', 'source', 'line', 'cell']
    """
    given = items(source, again=False)
    native = _asglog.Table.packets(given, *policy(year, utc_offset), maker(progress, size(given)))
    return Table(labelled(native, networks, prefixes), hints=True)


def correlate(
    source: Source,
    *,
    directory: Directory | Path | Sequence[Path] | None = None,
    ledger: Ledger | Path | None = None,
    networks: Labels | None = None,
    prefixes: Labels | None = None,
    year: int | None = None,
    utc_offset: float | str = 0.0,
    progress: Progress = None,
) -> Table[Flow]:
    """Returns the packets of these logs, each with its sender, as a lazy table.

    ``source`` is one foundation's logs, in any order: the kernel's lines and rep's, in one file or
    many, plain or compressed, in folders or archives. They are read twice, first for evidence.
    Tables that are made from this one use that evidence again. A pipe is spooled to a temporary
    file. A path that is named twice is read once, and a value that is missing from a column is
    skipped: it counts only in the numbers of the lines behind it.

    ``directory`` turns GUIDs into names: a live :class:`CloudController`, an :class:`Export` of
    one, or an object of your own (:class:`Directory`); a path, or a list of paths, is an export.
    Without it, flows have GUIDs only. ``ledger`` is evidence from earlier logs, or the path of a
    saved ledger; it is not changed. ``year``, ``utc_offset`` and ``progress`` are as with
    :func:`scan`; without ``year`` a missing one is inferred from the lines beside. The columns are
    :data:`FLOW_SCHEMA`.

    ``networks`` names destinations: a mapping (``{"10.0.11.7": "orders-db", "10.0.0.0/8": "corp"}``) or a file of CSV or JSON;
    the smallest network counts, and the names are the column ``dst_name``. ``prefixes`` gives verdicts to log prefixes of
    other firewalls: a mapping of patterns (``{"[UFW BLOCK]": "denied", "Shorewall:*:ACCEPT:": "allowed"}``) or a file; the
    first pattern that fits counts, and ``*`` is any text.

    Reading raises :class:`OSError` if a file cannot be read, and :class:`DirectoryError` if the directory cannot answer.
    """
    given = items(source, again=True)
    total = size(given)
    names = checks.directory(directory)
    if isinstance(ledger, (str, bytes, os.PathLike)):
        ledger = Ledger.load(checks.path(ledger))
    elif ledger is not None and not isinstance(ledger, Ledger):
        raise TypeError(f"ledger is an asglog.Ledger, or the path of a saved one, not {checks.kind(ledger)}")
    native = _asglog.Table.flows(
        given, names, None if ledger is None else ledger._native, *policy(year, utc_offset), maker(progress, total), None
    )
    return Table(labelled(native, networks, prefixes), hints=True)
