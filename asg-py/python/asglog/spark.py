"""Packets and flows in Spark: logs that no single machine holds, where they are.

Lines are a data frame with a column ``value``, text or binary, as ``spark.read.text`` gives, and, if flows are to tell where
a packet stood, ``source`` and ``line``. Every function gives a data frame that is as lazy as Spark's own; only
:func:`ledger` reads. The package must be installed where the executors run. ``CLUSTER.md`` shows it all at work.

Time stamps without a year need ``year``: a part of a log does not tell it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .api import Directory
from .batches import EVIDENCE, Flows, Packets, ledger_of
from .batches import evidence as _evidence_of
from .consumers import module
from .ledger import Ledger
from .schema import ALL, FLOW_SCHEMA, Schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["correlate", "correlate_by_cell", "ddl", "evidence", "ledger", "parse"]

#: Bytes of lines that are correlated at once: each time costs a copy of the ledger.
_PIECE = 64 << 20

#: Ledgers of this many partitions are merged by one task, before the driver merges the rest.
_MERGED_TOGETHER = 64

#: Characters of a GUID by which evidence finds packets that may be about it. All log prefixes show more.
_HEAD = 8

_SPARK = {
    "string": "STRING",
    "int32": "INT",
    "int64": "BIGINT",
    "bool": "BOOLEAN",
    "binary": "BINARY",
    "timestamp[us, tz=UTC]": "TIMESTAMP",
}


def ddl(schema: Schema) -> str:
    """The schema in Spark's language.

    >>> import asglog
    >>> ddl(asglog.SCHEMA[:3])
    '`time` TIMESTAMP, `source` STRING NOT NULL, `line` BIGINT NOT NULL'
    """
    return ", ".join(
        f"`{column.name}` {_SPARK[column.type]}{'' if column.nullable else ' NOT NULL'}" for column in schema
    )


def parse(
    lines: DataFrame, *, columns: tuple[str, ...] | None = None, year: int | None = None, utc_offset: float = 0.0
) -> DataFrame:
    """The packets of these lines, as :func:`asglog.scan`: the columns are those of :data:`asglog.SCHEMA`, or those named,
    without ``source`` and ``line`` if the lines have none. Lines are read where they lie; nothing is shuffled."""
    packets = Packets(columns, year, utc_offset)
    return lines.mapInArrow(_each(packets), ddl(packets.schema(lines.columns)))


def evidence(lines: DataFrame, *, year: int | None = None, utc_offset: float = 0.0) -> DataFrame:
    """What lines say about containers, a row for each container that a line speaks of, to join with in SQL. The columns
    are those of :data:`asglog.batches.EVIDENCE` but ``row``."""
    columns = [column for column in EVIDENCE if column[0] != "row"]

    def events(table: Any) -> Any:
        return _evidence_of(table, year=year, utc_offset=utc_offset).drop_columns(["row"])

    return lines.mapInArrow(_each(events), ", ".join(f"`{name}` {_SPARK[kind]}" for name, kind, _ in columns))


def ledger(lines: DataFrame) -> Ledger:
    """All that these lines prove, gathered by the executors; it reads the lines now. A ledger has some dozens of bytes for
    each container, however many lines there are.

    The result is that of :meth:`asglog.Ledger.add` with the same lines on one machine.
    """
    functions = module("pyspark.sql.functions")

    def gather(batches: Iterator[Any]) -> Iterator[Any]:
        arrow = module("pyarrow")
        found = Ledger()
        for batch in batches:
            found.merge(ledger_of(arrow.Table.from_batches([batch])))
        if found:
            yield from _one("ledger", found).to_batches()

    def merge(table: Any) -> Any:
        return _one("ledger", _merged(table.column("ledger").to_pylist()))

    room = functions.floor(functions.spark_partition_id() / _MERGED_TOGETHER)
    parts = lines.mapInArrow(gather, "ledger BINARY").withColumn("room", room)
    merged = parts.groupBy("room").applyInArrow(merge, "ledger BINARY")
    return _merged([bytes(row["ledger"]) for row in merged.collect()])


def correlate(
    lines: DataFrame,
    *,
    ledger: Ledger,
    directory: Directory | None = None,
    columns: tuple[str, ...] | None = None,
    year: int | None = None,
    utc_offset: float = 0.0,
) -> DataFrame:
    """The packets of these lines with who sent each, as :func:`asglog.correlate` of all of them: every executor has the
    whole ledger, so nothing is shuffled, and a line's part does not matter.

    ``ledger`` is that of the same lines (:func:`ledger`), or of more. ``directory`` is asked by the executors, so it must
    pickle, and what it reads must be there: an :class:`asglog.Export` is best. The columns are those of
    :data:`asglog.FLOW_SCHEMA` without the lines that are evidence, which a ledger keeps only for its container; or those
    named.
    """
    if columns is None:
        no_places = [column for column in FLOW_SCHEMA if not column.name.startswith("evidence_")]
        has_place = {"source", "line"} <= set(lines.columns)
        columns = tuple(one.name for one in no_places if has_place or one.name not in ("source", "line"))
    schema = Schema([ALL[name] for name in columns])
    held = _shared(lines.sparkSession, ledger)

    def flows(batches: Iterator[Any]) -> Iterator[Any]:
        of = Flows(held(), directory, columns, year, utc_offset)
        for piece in _pieces(batches):
            yield from of(_only_packets(piece)).to_batches()

    return lines.mapInArrow(flows, ddl(schema))


def correlate_by_cell(
    lines: DataFrame,
    *,
    ledger: Ledger | None = None,
    directory: Directory | None = None,
    columns: tuple[str, ...] | None = None,
    year: int | None = None,
    utc_offset: float = 0.0,
    slices: int = 1,
) -> DataFrame:
    """The same without a ledger of everything: the packets of one cell and the evidence for them meet on one executor.

    Lines are read, and shuffled, by the machine that their header names. Evidence goes to its own cell, to the cell that
    it names, and to each cell whose packets show a prefix that begins like one of its GUIDs. What no header tells the
    machine of meets as a cell of its own, whose packets see the evidence that comes to them by prefix only.

    The flows are those of :func:`asglog.correlate`, if each cell's evidence was written by that cell under the name that
    its packets have, or names what the packets name. Of several lines that prove the same, with a directory another may be
    told as evidence. ``ledger`` is evidence from before, and ``directory`` is as with :func:`correlate`. A cell's lines are
    in memory together; with ``slices`` its packets are dealt to so many tasks, each with all of the cell's evidence.

    Raises :class:`ValueError` for fewer than one slice.
    """
    if slices < 1:
        raise ValueError(f"a cell's packets are dealt to at least one task, not to {slices}")
    functions = module("pyspark.sql.functions")
    col = functions.col
    of = Flows(None, directory, columns, year, utc_offset)
    place = [name for name in ("source", "line") if {"source", "line"} <= set(lines.columns)]
    given = [*place, "value"]
    kinds = {"source": "STRING", "line": "BIGINT", "value": "BINARY"}
    keyed = lines.select(*[col(name).cast(kinds[name]).alias(name) for name in given]).mapInArrow(
        _each(_keyed),
        ", ".join(f"{name} {kinds[name]}" for name in given)
        + ", cells ARRAY<STRING>, heads ARRAY<STRING>, is_packet BOOLEAN",
    )
    exploded = functions.explode
    packets = keyed.filter("is_packet").withColumn("cell", col("cells")[0])
    facts = keyed.filter("NOT is_packet")
    # Which cells' packets show what; a row for each container, so it is small enough to be everywhere.
    shown = packets.select("cell", exploded("heads").alias("head")).distinct()
    by_cell = facts.select(*given, exploded("cells").alias("cell"))
    by_head = facts.select(*given, exploded("heads").alias("head")).join(functions.broadcast(shown), "head")
    # One fact goes everywhere: that there is no evidence at all is not for a cell to say that merely has none.
    any_fact = facts.filter(functions.size("heads") > 0).select(*given).limit(1)
    to_all = any_fact.crossJoin(shown.select("cell").distinct())
    facts = by_cell.unionByName(by_head.drop("head")).unionByName(to_all)
    slice_of = functions.pmod(functions.xxhash64(*given), functions.lit(slices))
    everywhere = exploded(functions.sequence(functions.lit(0), functions.lit(slices - 1)))
    dealt = packets.select(*given, "cell", slice_of.cast("INT").alias("slice")).unionByName(
        facts.select(*given, "cell", everywhere.alias("slice"))
    )
    held = _shared(lines.sparkSession, ledger)

    def flows(table: Any) -> Any:
        own = Flows(held(), of.directory, of.columns, of.year, of.utc_offset)
        return own(table.select(given))

    return dealt.groupBy("cell", "slice").applyInArrow(flows, ddl(of.schema(given)))


def _each(make: Callable[[Any], Any]) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """A function of tables as Spark calls it: with record batches."""

    def batches_of(batches: Iterator[Any]) -> Iterator[Any]:
        arrow = module("pyarrow")
        for batch in batches:
            yield from make(arrow.Table.from_batches([batch])).to_batches()

    return batches_of


def _pieces(batches: Iterator[Any]) -> Iterator[Any]:
    """The same lines in fewer tables."""
    arrow = module("pyarrow")
    held: list[Any] = []
    for batch in batches:
        held.append(batch)
        if sum(batch.nbytes for batch in held) >= _PIECE:
            yield arrow.Table.from_batches(held)
            held = []
    if held:
        yield arrow.Table.from_batches(held)


def _only_packets(lines: Any) -> Any:
    """The lines that are packets: the evidence in the others is in the ledger."""
    rows = Packets(("line",))(lines.select(["value"])).column("line")
    return lines.take(module("pyarrow.compute").subtract(rows, 1))


def _keyed(lines: Any) -> Any:
    """The lines that matter, each with its cells, and with the beginnings of the GUIDs that it shows."""
    arrow, compute = module("pyarrow"), module("pyarrow.compute")
    strings = arrow.list_(arrow.string())

    def with_keys(rows: Any, cells: list[list[str]], heads: list[list[str]], is_packet: bool) -> Any:
        table = lines.take(arrow.array(rows, arrow.int64()))
        table = table.append_column("cells", arrow.array(cells, strings)).append_column("heads", arrow.array(heads, strings))
        return table.append_column("is_packet", arrow.array([is_packet] * len(cells), arrow.bool_()))

    value = lines.select(["value"])
    packets = Packets(("line", "cell", "handle_prefix"))(value)
    cells = [[_cell(name)] for name in packets.column("cell").to_pylist()]
    heads = [[shown[:_HEAD]] if shown else [] for shown in packets.column("handle_prefix").to_pylist()]
    found = with_keys(compute.subtract(packets.column("line"), 1).combine_chunks(), cells, heads, True)

    # A line may speak of several containers.
    about: dict[int, tuple[set[str], set[str]]] = {}
    for one in _evidence_of(value).to_pylist():
        names, guids = about.setdefault(one["row"], (set(), set()))
        names.update((_cell(one["cell"]), _cell(one["cell_id"])))
        # A handle of old has two GUIDs, and so has a process.
        texts = [text for text in (one["handle"], one["process_guid"], one["instance_guid"]) if text]
        guids.update(text[at : at + _HEAD] for text in texts for at in (0, 37) if len(text) >= at + _HEAD)
    rows = sorted(about)
    facts = with_keys(rows, [sorted(about[row][0]) for row in rows], [sorted(about[row][1]) for row in rows], False)
    return arrow.concat_tables([found, facts])


def _cell(name: str | None) -> str:
    return "" if name is None or name == "localhost" else name


def _shared(session: SparkSession, ledger: Ledger | None) -> Callable[[], Ledger | None]:
    """What executors get the ledger from: unpacked once in each, if Spark can do that."""
    if ledger is None:
        return lambda: None
    try:
        context = session.sparkContext
    except Exception:
        # Spark Connect has none: it goes along with the function.
        return lambda: ledger
    held = context.broadcast(ledger)
    return lambda: held.value


def _merged(saved: list[bytes]) -> Ledger:
    from .ledger import _from_bytes

    whole = Ledger()
    for one in saved:
        whole.merge(_from_bytes(one))
    return whole


def _one(column: str, found: Ledger) -> Any:
    arrow = module("pyarrow")
    return arrow.table({column: arrow.array([found._native.to_bytes()], arrow.binary())})
