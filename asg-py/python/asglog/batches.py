"""Packets and flows of parts of logs, for the workers of :mod:`asglog.spark`, Ray, Dask and other engines.

The functions take Arrow tables. ``CLUSTER.md`` shows how to call them.

A table of lines has a column ``value``, text or binary, with a line in each row. If it also has ``source`` and ``line``, the
file and the line's number in it, then packets and flows have these columns, too. Without them they are left out, because
the row number of a part has no meaning.

Such parts come in any order and have any size, so nothing may depend on the lines beside: a time stamp without a year needs
``year``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from . import _asglog
from .api import Directory
from .clocks import clock_lines, machine_of, micros
from .consumers import module
from .labels import Labels, labelled
from .ledger import Ledger
from .schema import ALL, FLOW_SCHEMA, SCHEMA, Schema
from .table import Table
from .times import policy

__all__ = ["EVIDENCE", "Flows", "Packets", "clock_lines", "evidence", "ledger_of", "twins"]

#: The columns with the place of a line.
_PLACE = ("source", "line", "evidence_source", "evidence_line")


@dataclass(frozen=True)
class Packets:
    """Parses packets: a function of a ``pyarrow.Table``, like :func:`asglog.scan` for whole logs. It pickles.

    >>> import pyarrow
    >>> lines = pyarrow.table({"value": ["OK_x IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 TOS=0x00 PREC=0x00 "
    ...     "TTL=64 ID=7 PROTO=2 "]})
    >>> Packets(columns=("prefix", "dst"))(lines).to_pylist()
    [{'prefix': 'OK_x ', 'dst': '10.0.16.20'}]
    """

    #: The wanted columns; by default all of :data:`asglog.SCHEMA` for which the lines have values.
    columns: tuple[str, ...] | None = None
    #: Completes time stamps without a year.
    year: int | None = None
    #: The zone, in hours, of time stamps without one.
    utc_offset: float = 0.0
    #: Names of destinations, and verdicts of log prefixes, as with :func:`asglog.scan`.
    networks: Labels | None = None
    prefixes: Labels | None = None

    def schema(self, given: Iterable[str]) -> Schema:
        """The columns of what it makes of lines with the given columns."""
        return _chosen(SCHEMA, self.columns, given, has_names=bool(self.networks))

    def __call__(self, lines: Any) -> Any:
        """Returns a ``pyarrow.Table`` of packets. Raises :class:`KeyError` without a column ``value``."""
        parts = _Parts(lines)
        native = _asglog.Table.packets(parts.items, *policy(self.year, self.utc_offset), None)
        table: Table[Any] = Table(labelled(native, self.networks, self.prefixes))
        return parts.placed(table, self.schema(lines.column_names).names)


@dataclass(frozen=True)
class Flows:
    """Correlates packets: a function of a ``pyarrow.Table``, like :func:`asglog.correlate` for whole logs.

    The evidence is that of the ledger and of the table's own lines. Two lines of the table about one packet are one flow; if
    they may be in different tables, group the lines by :func:`twins`. It pickles if the directory does.

    >>> import pyarrow
    >>> lines = pyarrow.table({"value": ["OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 "
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
    #: The other parts' lines that calibrate the machines' clocks: a ``pyarrow.Table`` from
    #: :func:`clock_lines`. If it and the lines have ``source`` and ``line``, it also calibrates the
    #: clocks of machines without a name.
    clocks: Any = None
    #: As with :class:`Packets`.
    networks: Labels | None = None
    prefixes: Labels | None = None

    def schema(self, given: Iterable[str]) -> Schema:
        """The columns of what it makes of lines with the given columns."""
        return _chosen(FLOW_SCHEMA, self.columns, given, has_names=bool(self.networks))

    def __call__(self, lines: Any) -> Any:
        """Returns a ``pyarrow.Table`` of flows.

        Raises :class:`KeyError` without a column ``value``, and the exceptions of the directory.
        """
        if self.clocks is None:
            parts = _Parts(lines)
        elif {"source", "line", "value"} <= set(lines.column_names) & set(self.clocks.column_names):
            parts = _Parts(_beside(lines, self.clocks))
        else:
            parts = _Parts(lines)
            parts.items.insert(0, ("column", "<clocks>", self.clocks.column("value"), None))
        known = None if self.ledger is None else self.ledger._native
        native = _asglog.Table.flows(parts.items, self.directory, known, *policy(self.year, self.utc_offset), None)
        table: Table[Any] = Table(labelled(native, self.networks, self.prefixes))
        return parts.placed(table, self.schema(lines.column_names).names)


def ledger_of(lines: Any) -> Ledger:
    """Returns the evidence of these lines. Ledgers of parts, merged in any order, are the ledger of the whole.

    >>> import pyarrow
    >>> len(ledger_of(pyarrow.table({"value": ["hello"]})))
    0
    """
    found = Ledger()
    found.add(lines.column("value"))
    return found


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
    arrow, compute = module("pyarrow"), module("pyarrow.compute")
    value = lines.column("value")
    # All of them are or contain JSON; most kernel lines do not, and are not parsed here.
    rows = compute.indices_nonzero(compute.fill_null(compute.match_substring(value, "{"), False))
    from .api import parse

    rows_out: list[dict[str, Any]] = []
    numbers = rows.to_pylist()
    for record in parse(value.take(rows), year=year, utc_offset=utc_offset):
        events = [event for event in (record.rep, *(record.rep_more or ())) if event is not None]
        told: list[dict[str, Any]] = [event.to_dict() for event in events]
        if record.logger is not None:
            logger = record.logger
            told = [{"event": "seen", "handle": logger.container_id, "process_guid": logger.app_guid}]
        cell = machine_of(record)
        for one in told:
            rows_out.append({**one, "time": None if record.time is None else str(record.time), "cell": cell, "row": numbers[record.line - 1]})
    schema = arrow.schema([(name, arrow.string() if name == "time" else _type(kind)) for name, kind, _ in EVIDENCE])
    table = arrow.Table.from_pylist(rows_out, schema)
    return table.set_column(0, "time", micros(table.column("time")))


#: The columns of a packet that are equal in all lines about it.
_TWIN = ("uptime_us", "prefix", "in", "out", "src", "dst", "spt", "dpt", "len", "id", "seq", "icmp_id", "icmp_seq")


def twins(lines: Any) -> Any:
    """Returns the lines that are packets, with a further column ``twin``.

    The twin is a text that is equal in lines that may be about one packet. It is missing in lines that cannot have duplicates,
    because nothing in them identifies the packet.

    >>> import pyarrow
    >>> line = "[  637.581122] OK_x IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=2 "
    >>> found = twins(pyarrow.table({"value": [line, "hello", f"May  6 07:09:10 cell-1 kernel: {line}"]}))
    >>> found.num_rows, len(found["twin"].unique())
    (2, 1)
    """
    compute = module("pyarrow.compute")
    packets = Packets(("line", *_TWIN))(lines.select(["value"]))
    columns = [packets.column(name).cast("string") for name in _TWIN]
    text = compute.binary_join_element_wise(*columns, " ", null_handling="replace")
    shows_when = packets.column("uptime_us").is_valid()
    shows_which = compute.fill_null(compute.greater(packets.column("id"), 0), False)
    twin = compute.if_else(compute.or_(shows_when, shows_which), text, None)
    return lines.take(compute.subtract(packets.column("line"), 1)).append_column("twin", twin)


def _type(name: str) -> Any:
    """Returns Arrow's type of this name."""
    arrow = module("pyarrow")
    if name.startswith("timestamp"):
        return arrow.timestamp("us", "UTC")
    return arrow.type_for_alias(name)


def _chosen(whole: Schema, wanted: Sequence[str] | None, given: Iterable[str], *, has_names: bool) -> Schema:
    if wanted is not None:
        return Schema([ALL[name] for name in wanted])
    has_place = {"source", "line"} <= set(given)
    columns = [column for column in whole if has_place or column.name not in _PLACE]
    return Schema([*columns, ALL["dst_name"]] if has_names else columns)


def _beside(lines: Any, clocks: Any) -> Any:
    """Joins both, each under its source."""
    arrow = module("pyarrow")
    schema = arrow.schema({"source": arrow.string(), "line": arrow.int64(), "value": arrow.binary()})
    return arrow.concat_tables([table.select(schema.names).cast(schema) for table in (lines, clocks)])


class _Parts:
    """A table's lines as sources, and the place of each row.

    The sources are named by their rank. A process chooses among several evidence lines by the order in which it first met
    their sources; with ranks that order is equal in all processes, and equal to that of one machine.
    """

    def __init__(self, lines: Any) -> None:
        arrow, compute = module("pyarrow"), module("pyarrow.compute")
        self.has_places = {"source", "line"} <= set(lines.column_names)
        if not self.has_places:
            self.items: list[_asglog._Item] = [("column", "<lines>", lines.column("value"), None)]
            return
        lines = lines.select(["source", "line", "value"])
        if lines.num_rows:
            lines = lines.sort_by([("source", "ascending"), ("line", "ascending")])
        runs = compute.run_end_encode(lines.column("source").cast("string").combine_chunks())
        ends: list[int] = runs.run_ends.to_pylist() if lines.num_rows else []
        starts = [0, *ends][: len(ends)]
        ranks = [f"<source {rank}>" for rank in range(len(starts))]
        value = lines.column("value")
        self.items = [
            ("column", rank, value.slice(start, end - start), None)
            for rank, start, end in zip(ranks, starts, ends, strict=True)
        ]
        self.ranks = arrow.array(ranks, arrow.string())
        self.names = runs.values[: len(ends)].fill_null("<lines>")
        self.starts = arrow.array(starts, arrow.int64())
        self.numbers = lines.column("line").cast("int64").combine_chunks()

    def placed(self, table: Table[Any], columns: list[str]) -> Any:
        """Returns these columns of a table that was made of the items, with the real places of the lines."""
        if not self.has_places:
            return table.columns(*columns).to_arrow()
        kinds = [of for of in ("", "evidence_") if {f"{of}source", f"{of}line"} & set(columns)]
        needed = [f"{of}{what}" for of in kinds for what in ("source", "line")]
        made = table.columns(*columns, *(name for name in needed if name not in columns)).to_arrow()
        for of in kinds:
            for name, values in self._places(made.column(f"{of}source"), made.column(f"{of}line")):
                at = made.schema.get_field_index(of + name)
                made = made.set_column(at, made.field(at), values)
        return made.select(columns)

    def _places(self, sources: Any, rows: Any) -> tuple[tuple[str, Any], tuple[str, Any]]:
        compute = module("pyarrow.compute")
        rank = compute.index_in(sources, self.ranks)
        at = compute.subtract(compute.add(compute.take(self.starts, rank), rows), 1)
        # Any other source is the ledger's; its lines are shown unchanged.
        return (
            ("source", compute.coalesce(compute.take(self.names, rank), sources)),
            ("line", compute.coalesce(compute.take(self.numbers, at), rows)),
        )
