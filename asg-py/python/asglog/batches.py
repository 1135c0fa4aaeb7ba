"""Packets and flows of parts of logs, for the workers of :mod:`asglog.spark`, Ray, Dask and other engines.

The functions take Arrow tables. ``CLUSTER.md`` shows how to call them.

A table of lines has a column ``value``, text or binary, with a line in each row. ``source`` and ``line``, the file and the
line's number in it, are optional; without them the results have none, because the row number of a part has no meaning.
Further columns go with their lines: the results have them, too. :func:`lines` makes such tables of logs.

Such parts come in any order and have any size, so nothing may depend on the lines beside: flows need the :class:`Clocks` of
the whole, and packets whose time stamps lack a year need ``year``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import _asglog
from .api import Directory
from .clocks import Clocks
from .clocks import _from_bytes as _clocks_from_bytes
from .consumers import module
from .labels import Labels, labelled
from .ledger import Ledger
from .ledger import _from_bytes as _ledger_from_bytes
from .schema import ALL, FLOW_SCHEMA, SCHEMA, Schema
from .sources import Source, items
from .table import Table
from .times import policy

__all__ = [
    "EVIDENCE",
    "KEY",
    "Flows",
    "Gather",
    "Gathered",
    "Packets",
    "Structs",
    "evidence",
    "files",
    "gather",
    "keyed",
    "ledger_of",
    "lines",
    "merged",
]

#: The columns with the place of a line.
_PLACE = ("source", "line")

#: The column that :func:`keyed` adds: lines about one packet share its value.
KEY = "packet_key"

#: The name of the source of lines that do not tell theirs.
_NO_SOURCE = "<lines>"

#: The beginnings of compressed files, which an engine's text reader takes for lines.
_COMPRESSED = {b"\x1f\x8b\x08": "gzip", b"\x28\xb5\x2f\xfd": "Zstandard", b"BZh91AY&SY": "bzip2", b"\xfd7zXZ": "xz"}


@dataclass(frozen=True)
class Packets:
    """Parses packets: a function of a ``pyarrow.Table``, like :func:`asglog.scan` for whole logs. It pickles.

    >>> import pyarrow
    >>> lines = pyarrow.table({"value": ["OK_x IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 TOS=0x00 PREC=0x00 "
    ...     "TTL=64 ID=7 PROTO=2 "], "tenant": ["a"]})
    >>> Packets(columns=("prefix", "dst", "tenant"))(lines).to_pylist()
    [{'prefix': 'OK_x ', 'dst': '10.0.16.20', 'tenant': 'a'}]
    """

    #: The wanted columns; by default all of :data:`asglog.SCHEMA` for which the lines have values,
    #: and the lines' further columns.
    columns: tuple[str, ...] | None = None
    #: Completes time stamps without a year.
    year: int | None = None
    #: The zone, in hours, of time stamps without one.
    utc_offset: float = 0.0
    #: Names of destinations, and verdicts of log prefixes, as with :func:`asglog.scan`.
    networks: Labels | None = None
    prefixes: Labels | None = None

    def names(self, given: Iterable[str]) -> list[str]:
        """The names of the columns of what it makes of lines with the given columns. Raises
        :class:`ValueError` if a name means two columns."""
        return _chosen(SCHEMA, self.columns, given, has_names=bool(self.networks))

    def __call__(self, lines: Any) -> Any:
        """Returns a ``pyarrow.Table`` of packets. Raises :class:`ValueError` without a column ``value``."""
        parts = _Parts(lines)
        native = _asglog.Table.packets(parts.items, *policy(self.year, self.utc_offset), None)
        table: Table[Any] = Table(labelled(native, self.networks, self.prefixes))
        return parts.placed(table, self.names(lines.column_names))


@dataclass(frozen=True)
class Flows:
    """Correlates packets: a function of a ``pyarrow.Table``, like :func:`asglog.correlate` for whole logs.

    The evidence is that of the ledger and of the table's own lines. Two lines of the table about one packet are one flow; if
    they may be in different tables, group the lines by :func:`keyed`. It pickles if the directory does.

    >>> import pyarrow
    >>> lines = pyarrow.table({"value": ["OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=28 "
    ...     "TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=2 "]})
    >>> Flows(columns=("certainty", "reason"))(lines).to_pylist()
    [{'certainty': 'unknown', 'reason': 'no_evidence'}]
    """

    #: Earlier evidence.
    ledger: Ledger | None = None
    #: The directory that looks up names.
    directory: Directory | None = None
    #: As with :class:`Packets`, from :data:`asglog.FLOW_SCHEMA`.
    columns: tuple[str, ...] | None = None
    #: As with :class:`Packets`.
    year: int | None = None
    #: As with :class:`Packets`.
    utc_offset: float = 0.0
    #: The clocks of the whole. Without them, the lines of the table are the whole.
    clocks: Clocks | None = None
    #: As with :class:`Packets`.
    networks: Labels | None = None
    prefixes: Labels | None = None
    #: Whether ledger and clocks are those of all lines, no two lines of a table are about one
    #: packet, and no line is of iptables-logger. Then lines are not searched for evidence again.
    knows_all: bool = False

    def names(self, given: Iterable[str]) -> list[str]:
        """As :meth:`Packets.names`."""
        return _chosen(FLOW_SCHEMA, self.columns, given, has_names=bool(self.networks))

    def __call__(self, lines: Any) -> Any:
        """Returns a ``pyarrow.Table`` of flows.

        Raises :class:`ValueError` without a column ``value``, and the exceptions of the directory.
        """
        parts = _Parts(lines)
        clocks = None if self.clocks is None else self.clocks._native.renamed(parts.renamed)
        return parts.placed(self._table(parts.items, clocks), self.names(lines.column_names))

    def of_source(self, item: _asglog._Item) -> Iterator[Any]:
        """Returns the flows of a whole source, as record batches."""
        clocks = None if self.clocks is None else self.clocks._native
        table = self._table([item], clocks).columns(*self.names([*_PLACE, "value"]))
        yield from module("pyarrow").RecordBatchReader.from_stream(table)

    def _table(self, given: list[_asglog._Item], clocks: _asglog.Clocks | None) -> Table[Any]:
        known = None if self.ledger is None else self.ledger._native
        when = policy(self.year, self.utc_offset)
        native = _asglog.Table.flows(given, self.directory, known, *when, None, clocks, self.knows_all)
        return Table(labelled(native, self.networks, self.prefixes))


def lines(source: Source) -> Iterator[Any]:
    """Reads logs as tables with the columns ``source``, ``line`` and ``value``, some megabytes each.

    Files are read as everywhere in this package: compressions and archives are found by their content, lines end in line
    feeds, and a document of several lines is one line.

    >>> [table.to_pylist() for table in lines(b"one\\ntwo\\n")]
    [[{'source': '<bytes>', 'line': 1, 'value': b'one'}, {'source': '<bytes>', 'line': 2, 'value': b'two'}]]
    """
    return _read(items(source, again=False))


def files(given: Any) -> Iterator[Any]:
    """Reads the lines of whole files: a ``pyarrow.Table`` with a column ``path``, and one with the content, ``content`` (as
    Spark's ``binaryFile`` has it) or ``bytes`` (as Ray's ``read_binary_files``). The tables are those of :func:`lines`.

    >>> import pyarrow
    >>> [table.to_pylist() for table in files(pyarrow.table({"path": ["a.log"], "content": [b"one"]}))]
    [[{'source': 'a.log', 'line': 1, 'value': b'one'}]]
    """
    for item in sources(given):
        yield from _read([item])


def sources(given: Any) -> Iterator[_asglog._Item]:
    """Returns the sources in a table of files, as :func:`files` takes it; without a content, files are opened."""
    content = next((name for name in ("content", "bytes") if name in given.column_names), None)
    for row, path in enumerate(given.column("path").to_pylist()):
        # Spark writes the path of a local file as `file:/…` or `file:///…`.
        name = "/" + path.removeprefix("file:").lstrip("/") if path.startswith("file:") else path
        if content is None:
            yield "of task", name, name, None
        else:
            yield "bytes", name, given.column(content)[row].as_py(), None


def _read(given: list[_asglog._Item]) -> Iterator[Any]:
    arrow = module("pyarrow")
    reading = _asglog.Lines(given)
    while (stream := reading.next_batch()) is not None:
        yield arrow.table(_Stream(stream))


def ledger_of(lines: Any) -> Ledger:
    """Returns the evidence of these lines. Ledgers of parts, merged in any order, are the ledger of the whole.

    >>> import pyarrow
    >>> len(ledger_of(pyarrow.table({"value": ["hello"]})))
    0
    """
    found = Ledger()
    found._native.add([("column", _NO_SOURCE, _plain(lines).column("value"), None)], None, None)
    return found


def gather(lines: Any, clocks: Clocks) -> Ledger:
    """Returns the evidence of these lines, and adds to ``clocks`` what they show about clocks, in one reading.

    Each worker begins with a :meth:`Clocks.part` of one whole, into which the parts are merged.

    >>> import pyarrow
    >>> clocks = Clocks()
    >>> line = "2018-04-03T17:05:02.358719Z cell-1 kernel: [  637.581122] eth0: link up"
    >>> len(gather(pyarrow.table({"value": [line]}), clocks)), len(clocks)
    (0, 1)
    """
    found = Ledger()
    gather_into(lines, found, clocks)
    return found


def gather_into(lines: Any, ledger: Ledger, clocks: Clocks, texts: _asglog.TextKeys | None = None) -> int:
    """Adds evidence, clocks and the keys of packets' texts, in one reading. Returns the number of lines of iptables-logger."""
    return gather_sources(_Parts(lines, named=True).items, ledger, clocks, texts)


def gather_sources(
    given: list[_asglog._Item], ledger: Ledger, clocks: Clocks, texts: _asglog.TextKeys | None = None
) -> int:
    """As :func:`gather_into`, of whole sources."""
    _, _, loggers = ledger._native.add(given, None, clocks._native, texts)
    return loggers


@dataclass(frozen=True)
class Gathered:
    """The evidence and clocks of all lines, which flows need. It unpacks into ``ledger`` and ``clocks``."""

    #: The evidence about containers.
    ledger: Ledger
    #: What lines show about the machines' clocks.
    clocks: Clocks
    #: The texts that several packet lines have, as keys of eight bytes each; none if nobody has
    #: looked for them, or if lines must be brought together all the same.
    repeated: bytes | None = field(default=None, repr=False)

    def __iter__(self) -> Iterator[Any]:
        """Gives ``ledger`` and ``clocks``."""
        return iter((self.ledger, self.clocks))


@dataclass(frozen=True)
class Gather:
    """Gathers evidence and clocks: a function of a ``pyarrow.Table`` of lines, whose result is a table of one row, for
    engines that move tables. It pickles. :func:`merged` reads the results.

    >>> import pyarrow
    >>> whole = Clocks()
    >>> Gather(whole.part())(pyarrow.table({"value": ["hello"]})).column_names
    ['ledger', 'clocks']
    """

    #: Empty clocks that can be merged into the whole: a :meth:`asglog.Clocks.part`.
    clocks: Clocks

    def __call__(self, lines: Any) -> Any:
        """Returns a ``pyarrow.Table`` with the columns ``ledger`` and ``clocks``."""
        told = self.clocks.part()
        return saved(gather(lines, told), told)


def merged(parts: Iterable[Any], clocks: Clocks) -> Gathered:
    """Returns what all parts found: rows with the members ``ledger`` and ``clocks``, in any order. ``clocks`` grows.

    >>> import pyarrow
    >>> whole = Clocks()
    >>> found = Gather(whole.part())(pyarrow.table({"value": ["[  637.581122] hello"]}))
    >>> merged(found.to_pylist(), whole)
    Gathered(ledger=<asglog.Ledger of 0 containers>, clocks=<asglog.Clocks of 0 boots>)
    """
    ledger = Ledger()
    for part in parts:
        ledger.merge(_ledger_from_bytes(bytes(part["ledger"])))
        clocks.merge(_clocks_from_bytes(bytes(part["clocks"])))
    return Gathered(ledger, clocks)


def saved(ledger: Ledger, clocks: Clocks) -> Any:
    """Returns both as a table of one row."""
    arrow = module("pyarrow")
    return arrow.table({
        "ledger": arrow.array([ledger._native.to_bytes()], arrow.binary()),
        "clocks": arrow.array([clocks._native.to_bytes()], arrow.binary()),
    })  # fmt: skip


@dataclass(frozen=True)
class Structs:
    """Parses packets, row by row: a function of an array of lines, for SQL functions of engines. It pickles.

    The result has a struct for each line, and nothing for lines that are no packets.

    >>> import pyarrow
    >>> Structs(("verdict", "dpt"))(pyarrow.array(["hello"])).to_pylist()
    [None]
    """

    #: The members of the structs, from :data:`asglog.SCHEMA`.
    columns: tuple[str, ...] = ("time", "cell", "verdict", "proto", "src", "spt", "dst", "dpt", "handle_prefix")
    #: As with :class:`Packets`.
    year: int | None = None
    #: As with :class:`Packets`.
    utc_offset: float = 0.0

    def __call__(self, lines: Any) -> Any:
        """Returns an array of structs, as long as the given one."""
        arrow, compute = module("pyarrow"), module("pyarrow.compute")
        given = lines.combine_chunks() if hasattr(lines, "combine_chunks") else lines
        found = Packets(("line", *self.columns), self.year, self.utc_offset)(arrow.table({"value": given}))
        rows = compute.index_in(
            arrow.array(range(1, len(given) + 1), arrow.int64()), value_set=found.column("line").combine_chunks()
        )
        values = [found.column(name).take(rows).combine_chunks() for name in self.columns]
        fields = [found.schema.field(name).with_nullable(True) for name in self.columns]
        return arrow.StructArray.from_arrays(values, fields=fields, mask=rows.is_null())


#: The columns of :func:`evidence`: name, Arrow's type, and meaning.
EVIDENCE: tuple[tuple[str, str, str], ...] = (
    ("time", "timestamp[us, tz=UTC]", "When the line was written."),
    ("cell", "string", "The machine that wrote it, as its header tells."),
    ("event", "string", "What it says of the container: `created`, `running`, `seen`, `destroyed`, …"),
    ("handle", "string", "The container's handle."),
    ("process_guid", "string", "Diego's process GUID."),
    ("instance_guid", "string", "The instance's GUID."),
    ("index", "int32", "The instance's index, from 0."),
    ("domain", "string", "Diego's domain: apps or tasks."),
    ("cell_id", "string", "The cell that the line names."),
    ("container_ip", "string", "The container's address."),
    ("row", "int64", "The row of the line in what was given, from 0."),
)


def evidence(lines: Any, *, year: int | None = None, utc_offset: float = 0.0) -> Any:
    """Returns the lines about containers as a ``pyarrow.Table`` with the columns :data:`EVIDENCE`.

    It has a row for each container in each line.

    >>> import pyarrow
    >>> evidence(pyarrow.table({"value": ["hello"]})).num_rows
    0
    """
    value = _plain(lines).column("value")
    found = _asglog.evidence([("column", _NO_SOURCE, value, None)], *policy(year, utc_offset))
    return module("pyarrow").table(_Stream(found))


def keyed(lines: Any) -> Any:
    """Returns the lines that may give flows, with a further column ``packet_key``.

    Lines about one packet share the key, whichever program wrote them, so parts that are divided by it can be correlated
    apart. Few other lines share it: those of packets with the same addresses and ports.

    >>> import pyarrow
    >>> line = "[  637.581122] OK_x IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=2 "
    >>> found = keyed(pyarrow.table({"value": [line, "hello", f"May  6 07:09:10 cell-1 kernel: {line}"]}))
    >>> found.num_rows, len(found["packet_key"].unique())
    (2, 1)
    """
    return reported(lines, (KEY,))


def reported(given: Any, columns: Sequence[str]) -> Any:
    """Returns the lines that report a packet, with these further columns of the first packet in each."""
    table = _plain(given)
    rows, found = reports(table, columns)
    kept = table.take(rows)
    for name in columns:
        kept = kept.append_column(name, found.column(name))
    return kept


def reports(table: Any, columns: Sequence[str]) -> tuple[Any, Any]:
    """Returns the rows of lines that report a packet, and a table with these columns of the first packet in each."""
    compute = module("pyarrow.compute")
    native = _asglog.Table.reports([("column", _NO_SOURCE, table.column("value"), None)])
    found = Table[Any](native).columns("line", *columns).to_arrow()
    rows = compute.subtract(found.column("line"), 1)
    if found.num_rows > 1:
        # An array of JSON may hold several packets.
        before = compute.equal(rows[1:].combine_chunks(), rows[:-1].combine_chunks())
        if compute.any(before).as_py():
            first = found.append_column("row", rows).group_by("row", use_threads=False)
            found = first.aggregate([(name, "first") for name in columns]).rename_columns(["row", *columns])
            rows = found.column("row")
    return rows, found


def further(given: Iterable[str]) -> list[str]:
    """Returns the columns of lines that are neither the line nor its place."""
    return [name for name in given if name not in (*_PLACE, "value", KEY)]


def _chosen(whole: Schema, wanted: Sequence[str] | None, given: Iterable[str], *, has_names: bool) -> list[str]:
    given = list(given)
    more = further(given)
    if wanted is not None:
        # An unknown name raises a KeyError that shows the nearest one.
        names = [name if name in more else ALL[name].name for name in wanted]
        _check_twice([name for name in names if name in ALL.names], more)
        return names
    # The rows of evidence lines are known where the places of all lines are.
    absent = {name for name in _PLACE if name not in given}
    absent |= {f"evidence_{name}" for name in _PLACE} if absent else set()
    names = [column.name for column in whole if column.name not in absent]
    names += ["dst_name"] if has_names else []
    _check_twice(names, more)
    return names + more


def _check_twice(names: list[str], more: list[str]) -> None:
    for name in names:
        if name in more:
            raise ValueError(f"the lines have a column {name!r}, and so have packets and flows: rename the one of the lines")


class _Stream:
    """One Arrow stream, as an object that pyarrow takes."""

    def __init__(self, capsule: object) -> None:
        self._capsule = capsule

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._capsule


def _plain(table: Any) -> Any:
    """Returns lines in the types that all functions of Arrow take: dictionaries, views and large types are cast.

    Raises :class:`ValueError` without a column ``value``, and for what is no lines.
    """
    arrow, compute = module("pyarrow"), module("pyarrow.compute")
    if "value" not in table.column_names:
        has = ", ".join(f"`{name}`" for name in table.column_names) or "none"
        raise ValueError(f"lines are in a column `value`, and there is none: the columns are {has}. Rename the one with the lines")
    kinds = {"value": arrow.binary(), "source": arrow.string(), "line": arrow.int64()}
    for name, kind in kinds.items():
        at = table.schema.get_field_index(name)
        if at < 0 or table.schema.field(at).type == kind:
            continue
        column = table.column(at)
        if arrow.types.is_dictionary(column.type):
            column = arrow.chunked_array([chunk.dictionary_decode() for chunk in column.chunks], column.type.value_type)
        if name == "value" and not _is_text(column.type):
            raise ValueError(f"lines are text or binary, and the column `value` is {column.type}")
        table = table.set_column(at, name, column.cast(kind))
    value = table.column("value")
    for mark, kind in _COMPRESSED.items():
        if compute.any(compute.starts_with(value, mark)).as_py():
            raise ValueError(
                f"these lines begin as a file of {kind}: the engine took a compressed file for text. "
                "Read the files with asglog.batches.lines or asglog.spark.read, which look into them"
            )
    return table


def _is_ordered(table: Any, names: list[str]) -> bool:
    """Returns whether each row is behind the one before it, by these columns."""
    compute = module("pyarrow.compute")
    if table.num_rows < 2:
        return True
    behind, alike = None, None
    for name in names:
        column = table.column(name)
        if column.null_count:
            return False
        before, after = column[:-1], column[1:]
        later = compute.less(before, after)
        behind = later if behind is None else compute.or_(behind, compute.and_(alike, later))
        if compute.all(behind).as_py():
            return True
        same = compute.equal(before, after)
        alike = same if alike is None else compute.and_(alike, same)
        if not compute.all(compute.or_(behind, alike)).as_py():
            return False
    return True


def _is_text(kind: Any) -> bool:
    types = module("pyarrow").types
    checks = ("is_string", "is_large_string", "is_string_view", "is_binary", "is_large_binary", "is_binary_view", "is_null")
    return any(getattr(types, check, lambda _: False)(kind) for check in checks)


class _Parts:
    """A table's lines as sources, and the place of each row.

    The sources are named by their rank. A process chooses among several evidence lines by the order in which it first met
    their sources; with ranks that order is equal in all processes, and equal to that of one machine. If they are ``named``,
    they have their own names.
    """

    def __init__(self, lines: Any, *, named: bool = False) -> None:
        arrow, compute = module("pyarrow"), module("pyarrow.compute")
        table = _plain(lines)
        places = [name for name in _PLACE if name in table.column_names]
        # Whichever way the lines were divided, the first of two about one packet is the same.
        order = places if len(places) == 2 else [name for name in ("source", KEY, "line") if name in table.column_names]
        if order and order != places:
            order.append("value")
        if order and not _is_ordered(table, order):
            table = table.sort_by([(name, "ascending") for name in order])
        self.table = table
        value = table.column("value")
        if "source" not in places:
            self.items: list[_asglog._Item] = [("column", _NO_SOURCE, value, None)]
            self.renamed: dict[str, str] = {}
            self.ranks, self.starts = arrow.array([_NO_SOURCE]), arrow.array([0], arrow.int64())
            return
        runs = compute.run_end_encode(table.column("source").combine_chunks())
        ends: list[int] = runs.run_ends.to_pylist() if table.num_rows else []
        starts = [0, *ends][: len(ends)]
        names = [name or _NO_SOURCE for name in runs.values[: len(ends)].to_pylist()]
        ranks = names if named else [f"<source {rank}>" for rank in range(len(starts))]
        self.items = [
            ("column", rank, value.slice(start, end - start), None) for rank, start, end in zip(ranks, starts, ends, strict=True)
        ]
        self.renamed = dict(zip(names, ranks, strict=True))
        self.ranks = arrow.array(ranks, arrow.string())
        self.starts = arrow.array(starts, arrow.int64())

    def placed(self, table: Table[Any], columns: list[str]) -> Any:
        """Returns these columns of a table that was made of the items, with the real places of the lines, and with the
        lines' further columns."""
        more = set(further(self.table.column_names))
        kinds = ["", *(["evidence_"] if {"evidence_source", "evidence_line"} & set(columns) else [])]
        needed = [f"{of}{what}" for of in kinds for what in _PLACE]
        own = [name for name in columns if name not in more]
        made = table.columns(*own, *(name for name in needed if name not in own)).to_arrow()
        for of in kinds:
            rows, sources = self._rows(made.column(f"{of}source"), made.column(f"{of}line")), f"{of}source"
            made = self._replace(made, sources, "source", rows)
            made = self._replace(made, f"{of}line", "line", rows)
            if not of:
                for name in columns:
                    if name in more:
                        made = made.append_column(self.table.field(name), self.table.column(name).take(rows))
        return made.select(columns)

    def _rows(self, sources: Any, lines: Any) -> Any:
        compute = module("pyarrow.compute")
        start = compute.take(self.starts, compute.index_in(sources, self.ranks))
        return compute.subtract(compute.add(start, lines), 1)

    def _replace(self, made: Any, name: str, place: str, rows: Any) -> Any:
        compute = module("pyarrow.compute")
        if place not in self.table.column_names:
            return made
        at = made.schema.get_field_index(name)
        real = self.table.column(place).take(rows)
        if name == place:
            real = real.fill_null(_NO_SOURCE) if place == "source" else real
            return made.set_column(at, made.field(at), real)
        # Any other source is the ledger's; its lines are shown unchanged.
        return made.set_column(at, made.field(at), compute.coalesce(real, made.column(at)))
