"""Packets and flows in Spark, for logs that are too large for one machine.

Lines are a data frame with a column ``value``, text or binary, as ``spark.read.text`` returns it. With the columns
``source`` and ``line``, flows show the place of a packet's line. Every function returns a data frame that is as lazy as
Spark's own; only :func:`ledger` and :func:`clocks` read at once. The package must be installed where the executors run.
``CLUSTER.md`` has examples.

Time stamps without a year need ``year``: a part of a log does not show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from .api import Directory
from .api import parse as _parse_lines
from .batches import EVIDENCE, Flows, Packets, clock_lines, ledger_of, twins
from .batches import evidence as _evidence_of
from .clocks import machine_of
from .consumers import module
from .labels import Labels, fixed
from .ledger import Ledger
from .schema import ALL, FLOW_SCHEMA, Schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["clocks", "correlate", "correlate_by_cell", "ddl", "evidence", "ledger", "parse"]

T = TypeVar("T")

#: Bytes of lines that are correlated at once. Each piece costs a copy of the ledger.
_PIECE = 64 << 20

#: Ledgers of this many partitions are merged by one task, before the driver merges the rest.
_MERGED_TOGETHER = 64

#: Characters of a GUID by which evidence finds the packets that it may explain. All log prefixes
#: show more.
_HEAD = 8

#: The columns of lines.
_PLACE = ("source", "line")
_LINE = {"source": "STRING", "line": "BIGINT", "value": "BINARY"}

#: The prefix for machines without a name, before their source. Real names have no blank.
_UNNAMED = "in "

_SPARK = {
    "string": "STRING",
    "int32": "INT",
    "int64": "BIGINT",
    "bool": "BOOLEAN",
    "binary": "BINARY",
    "timestamp[us, tz=UTC]": "TIMESTAMP",
}


def ddl(schema: Schema) -> str:
    """Returns the schema in Spark's language.

    >>> import asglog
    >>> ddl(asglog.SCHEMA[:3])
    '`time` TIMESTAMP, `source` STRING NOT NULL, `line` BIGINT NOT NULL'
    """
    return ", ".join(
        f"`{column.name}` {_SPARK[column.type]}{'' if column.nullable else ' NOT NULL'}" for column in schema
    )


def parse(
    lines: DataFrame,
    *,
    columns: tuple[str, ...] | None = None,
    year: int | None = None,
    utc_offset: float = 0.0,
    networks: Labels | None = None,
    prefixes: Labels | None = None,
) -> DataFrame:
    """Returns the packets of these lines, as :func:`asglog.scan` does.

    The columns are those of :data:`asglog.SCHEMA`, or those named, without ``source`` and ``line`` if the lines lack them.
    Lines are read in place; nothing is shuffled. ``networks`` and ``prefixes`` are as with :func:`asglog.scan`; their files
    are read here.
    """
    packets = Packets(columns, year, utc_offset, *fixed(networks, prefixes))
    return lines.mapInArrow(_each(packets), ddl(packets.schema(lines.columns)))


def evidence(lines: DataFrame, *, year: int | None = None, utc_offset: float = 0.0) -> DataFrame:
    """Returns the evidence about containers, for joins in SQL: a row for each container in each line.

    The columns are those of :data:`asglog.batches.EVIDENCE` without ``row``.
    """
    columns = [column for column in EVIDENCE if column[0] != "row"]

    def events(table: Any) -> Any:
        return _evidence_of(table, year=year, utc_offset=utc_offset).drop_columns(["row"])

    return lines.mapInArrow(_each(events), ", ".join(f"`{name}` {_SPARK[kind]}" for name, kind, _ in columns))


def ledger(lines: DataFrame) -> Ledger:
    """Returns the evidence of these lines, gathered by the executors; it reads the lines at once.

    A ledger has some dozens of bytes for each container, however many lines there are.

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


def clocks(lines: DataFrame) -> Any:
    """Returns the lines that calibrate the machines' clocks, as :func:`asglog.batches.clock_lines`; it reads at once.

    For each minute of each machine it has at most some hundred bytes.
    """

    given, lines = _given(lines)

    def gather(batches: Iterator[Any]) -> Iterator[Any]:
        arrow = module("pyarrow")
        found = [clock_lines(arrow.Table.from_batches([batch])) for batch in batches]
        if found:
            yield from clock_lines(arrow.concat_tables(found)).to_batches()

    return clock_lines(lines.mapInArrow(gather, _ddl_of(given)).toArrow())


def correlate(
    lines: DataFrame,
    *,
    ledger: Ledger,
    clocks: Any = None,
    directory: Directory | None = None,
    columns: tuple[str, ...] | None = None,
    year: int | None = None,
    utc_offset: float = 0.0,
    told_once: bool = False,
    networks: Labels | None = None,
    prefixes: Labels | None = None,
) -> DataFrame:
    """Returns the packets of these lines with their owners, as :func:`asglog.correlate` of all lines does.

    Every executor has the whole ledger. ``ledger`` covers these lines (:func:`ledger`), or more, and so does ``clocks``
    (:func:`clocks`). Without ``clocks``, the delay of a stamp is estimated from the lines that happen to be read with it. The
    executors ask ``directory``, so it must pickle, and its files must be available there: an :class:`asglog.Export` is best.
    The columns are those named, or those of :data:`asglog.FLOW_SCHEMA` without the evidence lines: a ledger keeps these for
    a container, and not for a flow.

    A shuffle brings lines about one packet together, wherever they are. Set ``told_once`` if each packet is in the logs once;
    then nothing is shuffled. ``networks`` and ``prefixes`` are as with :func:`asglog.correlate`; their files are read
    here.
    """
    labels = fixed(networks, prefixes)
    if columns is None:
        no_places = [column for column in FLOW_SCHEMA if not column.name.startswith("evidence_")]
        has_place = {"source", "line"} <= set(lines.columns)
        columns = tuple(one.name for one in no_places if has_place or one.name not in ("source", "line"))
        columns += ("dst_name",) if labels[0] else ()
    schema = Schema([ALL[name] for name in columns])
    given, lines = _given(lines)
    packets = lines.mapInArrow(_each(twins), f"{_ddl_of(given)}, twin STRING")
    if not told_once:
        # A line without a twin can go anywhere.
        functions = module("pyspark.sql.functions")
        packets = packets.withColumn("twin", functions.xxhash64(functions.coalesce("twin", "value")))
        packets = packets.repartition("twin").sortWithinPartitions("twin")
    held = _shared(lines.sparkSession, (ledger, clocks))

    def flows(batches: Iterator[Any]) -> Iterator[Any]:
        known, told = held()
        of = Flows(known, directory, columns, year, utc_offset, told, *labels)
        for piece in _pieces(batches):
            yield from of(piece.select(given)).to_batches()

    return packets.mapInArrow(flows, ddl(schema))


def correlate_by_cell(
    lines: DataFrame,
    *,
    ledger: Ledger | None = None,
    directory: Directory | None = None,
    columns: tuple[str, ...] | None = None,
    year: int | None = None,
    utc_offset: float = 0.0,
    slices: int = 1,
    networks: Labels | None = None,
    prefixes: Labels | None = None,
) -> DataFrame:
    """Correlates without a ledger of everything: a cell's packets and the evidence for them meet on one executor.

    Lines are read several times, and shuffled by the machine in their header. If two machines log one packet, they are one
    machine with two names. Evidence goes to its own cell, to the cell that it names, and to each cell whose packets show a
    prefix that begins like one of its GUIDs. For lines without a machine in their header, each source is a cell of its own,
    unless its other lines name one machine; its packets see only the evidence that comes to them by prefix.

    The flows are those of :func:`asglog.correlate`, if each cell's evidence was written by that cell under the name that
    its packets have, or contains the prefixes of the packets. If several lines prove one fact, with a directory another of
    them may be shown as evidence. ``ledger`` is earlier evidence, and ``directory`` is as with :func:`correlate`. A cell's
    lines are in memory together; with ``slices`` its packets are divided among so many tasks, each with all of the cell's
    evidence.

    Raises :class:`ValueError` for fewer than one slice.
    """
    if slices < 1:
        raise ValueError(f"a cell's packets are dealt to at least one task, not to {slices}")
    functions = module("pyspark.sql.functions")
    col, lit, explode = functions.col, functions.lit, functions.explode
    of = Flows(None, directory, columns, year, utc_offset, None, *fixed(networks, prefixes))
    given, lines = _given(lines)
    shape = _ddl_of(given)
    packets = lines.mapInArrow(_each(_packets), f"{shape}, twin STRING, name STRING, head STRING")
    ticks = lines.mapInArrow(_each(_ticks), f"{shape}, name STRING")
    facts = lines.mapInArrow(_each(_facts), f"{shape}, names ARRAY<STRING>, heads ARRAY<STRING>")

    def key(of: str, value: Any) -> Any:
        return functions.struct(lit(of).alias("of"), value.alias("key"))

    # The prefixes of each cell's packets: one row for each container, so it is small enough for
    # every executor. One fact goes everywhere: a cell without evidence of its own must not report
    # that the logs have none at all.
    routes = packets.select("name", explode(functions.array(key("head", col("head")), key("any", lit("")))).alias("by"))
    routes = functions.broadcast(routes.select("name", "by.*").filter("key IS NOT NULL").distinct())
    names = functions.transform("names", lambda value: key("name", value))
    heads = functions.transform("heads", lambda value: key("head", value))
    facts = facts.select(*given, explode(functions.concat(names, heads)).alias("by"))
    any_fact = lines.mapInArrow(_first_fact, shape).limit(1).withColumn("by", key("any", lit("")))
    routed = facts.unionByName(any_fact).select(*given, "by.*").join(routes, ["of", "key"], "left")
    routed = routed.filter("of = 'name' OR name IS NOT NULL").withColumn("name", functions.coalesce("name", "key"))
    # Each slice of a cell has all of its evidence. Lines about one packet go to one slice.
    one_slice = functions.pmod(functions.xxhash64(functions.coalesce("twin", "value")), lit(slices)).cast("INT")
    every_slice = explode(functions.sequence(lit(0), lit(slices - 1)))
    dealt = packets.select(*given, "name", one_slice.alias("slice"))
    for rows in (routed, ticks):
        dealt = dealt.unionByName(rows.select(*given, "name", every_slice.alias("slice")))
    cells = functions.broadcast(_cells(packets, ticks, given))
    dealt = dealt.join(cells, "name", "left").withColumn("cell", functions.coalesce("cell", "name"))
    held = _shared(lines.sparkSession, ledger)

    def flows(table: Any) -> Any:
        return replace(of, ledger=held())(table.select(given))

    return dealt.groupBy("cell", "slice").applyInArrow(flows, ddl(of.schema(given)))


def _given(lines: DataFrame) -> tuple[list[str], DataFrame]:
    """Returns the columns that are used, and the lines with them."""
    col = module("pyspark.sql.functions").col
    given = [*_PLACE, "value"] if set(_PLACE) <= set(lines.columns) else ["value"]
    return given, lines.select(*[col(name).cast(_LINE[name]).alias(name) for name in given])


def _ddl_of(given: list[str]) -> str:
    return ", ".join(f"{name} {_LINE[name]}" for name in given)


def _cells(packets: DataFrame, ticks: DataFrame, given: list[str]) -> DataFrame:
    """Returns names of machines that are one cell, with one name for all.

    Two names are one cell if lines under both are about one packet, or if a source has only this name, and lines without one.
    """
    functions = module("pyspark.sql.functions")
    names = functions.collect_set("name").alias("names")
    twins = packets.filter("twin IS NOT NULL").groupBy(functions.xxhash64("twin").alias("twin")).agg(names)
    same = twins.select("names").filter(functions.size("names") > 1)
    if "source" in given:
        by_source = ticks.groupBy("source").agg(names).select("names").filter(functions.size("names") == 2)
        same = same.unionByName(by_source.filter(functions.exists("names", lambda name: name.startswith(_UNNAMED))))
    return same.distinct().groupBy().applyInArrow(_joined, "name STRING, cell STRING")


def _joined(table: Any) -> Any:
    """Joins sets of names that have one in common."""
    arrow = module("pyarrow")
    cell_of: dict[str, set[str]] = {}
    for names in table.column("names").to_pylist():
        whole = set[str]().union(names, *(cell_of.get(name, ()) for name in names))
        cell_of.update(dict.fromkeys(whole, whole))
    rows = [{"name": name, "cell": min(cell)} for name, cell in cell_of.items()]
    return arrow.Table.from_pylist(rows, arrow.schema({"name": arrow.string(), "cell": arrow.string()}))


def _each(make: Callable[[Any], Any]) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """Adapts a function of tables to Spark, which passes record batches."""

    def batches_of(batches: Iterator[Any]) -> Iterator[Any]:
        arrow = module("pyarrow")
        for batch in batches:
            yield from make(arrow.Table.from_batches([batch])).to_batches()

    return batches_of


def _pieces(batches: Iterator[Any]) -> Iterator[Any]:
    """Returns the lines in fewer tables. Adjacent lines with one twin stay together."""
    arrow, compute = module("pyarrow"), module("pyarrow.compute")
    held: list[Any] = []
    for batch in batches:
        held.append(batch)
        if sum(batch.nbytes for batch in held) >= _PIECE:
            table = arrow.Table.from_batches(held)
            last = compute.equal(table.column("twin"), table.column("twin")[-1])
            start = compute.index(compute.fill_null(last, False), True).as_py()
            # If the lines have no twins, or all have one, any place is as good.
            end = start if start > 0 else table.num_rows
            yield table.slice(0, end)
            held = table.slice(end).to_batches()
    if held:
        yield arrow.Table.from_batches(held)


def _packets(lines: Any) -> Any:
    """Returns the packets, each with the key of its duplicates, its machine, and the beginning of the GUID that it shows."""
    compute = module("pyarrow.compute")
    packets = twins(lines)
    shown = Packets(("cell", "handle_prefix"))(packets.select(["value"]))
    packets = packets.append_column("name", _named(packets, shown.column("cell")))
    return packets.append_column("head", compute.utf8_slice_codeunits(shown.column("handle_prefix"), 0, _HEAD))


def _ticks(lines: Any) -> Any:
    """Returns the lines that calibrate a cell's clock, also those in other slices, with the machine."""
    arrow = module("pyarrow")
    ticks = clock_lines(lines)
    names = [machine_of(record) for record in _parse_lines(ticks.column("value"))]
    return ticks.append_column("name", _named(ticks, arrow.chunked_array([arrow.array(names, arrow.string())])))


def _facts(lines: Any) -> Any:
    """Returns the evidence, each line with all machines that it names, and the beginnings of its GUIDs.

    A line may be about several containers.
    """
    arrow = module("pyarrow")
    found = _evidence_of(lines.select(["value"]))
    facts = lines.take(found.column("row"))
    writer = _named(facts, found.column("cell")).to_pylist()
    about: dict[int, tuple[set[str], set[str]]] = {}
    for one, name in zip(found.to_pylist(), writer, strict=True):
        names, heads = about.setdefault(one["row"], (set(), set()))
        names.update(cell for cell in (name, one["cell_id"]) if cell)
        # An old handle has two GUIDs, and so has a process.
        texts = [text for text in (one["handle"], one["process_guid"], one["instance_guid"]) if text]
        heads.update(text[at : at + _HEAD] for text in texts for at in (0, 37) if len(text) >= at + _HEAD)
    table = lines.take(arrow.array(about, arrow.int64()))
    for n, column in enumerate(("names", "heads")):
        table = table.append_column(
            column, arrow.array([sorted(of[n]) for of in about.values()], arrow.list_(arrow.string()))
        )
    return table


def _first_fact(batches: Iterator[Any]) -> Iterator[Any]:
    """Returns the first line about a container, if there is one."""
    arrow = module("pyarrow")
    for batch in batches:
        lines = arrow.Table.from_batches([batch])
        rows = _evidence_of(lines.select(["value"])).column("row")
        if len(rows):
            yield from lines.take(rows.slice(0, 1)).to_batches()
            return


def _named(lines: Any, machines: Any) -> Any:
    """Returns the machines of these lines; lines without a name have that of their source."""
    compute = module("pyarrow.compute")
    no_name = compute.fill_null(compute.equal(machines, "localhost"), True)
    source = lines.column("source").fill_null("") if "source" in lines.column_names else ""
    return compute.if_else(no_name, compute.binary_join_element_wise(_UNNAMED.strip(), source, " "), machines)


def _shared(session: SparkSession, what: T) -> Callable[[], T]:
    """Returns a function that gives this to executors: unpacked once in each, if Spark can do that."""
    if what is None:
        return lambda: what
    try:
        context = session.sparkContext
    except Exception:
        # Spark Connect has no context: the value is pickled with the function.
        return lambda: what
    held = context.broadcast(what)
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
