"""Packets and flows in Spark, for logs that are too large for one machine.

Lines are a data frame with a column ``value``, text or binary: that of :func:`read`, or of ``spark.read.text``. With the
columns ``source`` and ``line``, flows show the place of a packet's line. Further columns go with their lines into packets and
flows. The package must be installed where the executors run. ``CLUSTER.md`` has examples.

Every function returns a data frame that is as lazy as Spark's own, with one exception: what must be known of all lines before
the first flow is read at once. :func:`gather` does that, and :func:`correlate` if it is not given the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from .api import Directory
from .batches import (
    _NO_SOURCE,
    EVIDENCE,
    KEY,
    Flows,
    Gathered,
    Packets,
    Structs,
    _plain,
    further,
    merged,
    reported,
    saved,
)
from .batches import evidence as _evidence_of
from .batches import files as _files
from .batches import gather as _gather_of
from .checks import kind
from .clocks import Clocks
from .consumers import module
from .errors import AsgWarning
from .labels import Labels, fixed
from .ledger import Ledger
from .runs import follow, run
from .schema import ALL, Schema
from .table import _outside

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = [
    "Gathered",
    "clocks",
    "correlate",
    "correlate_by_cell",
    "ddl",
    "evidence",
    "follow",
    "gather",
    "ledger",
    "parse",
    "read",
    "register",
    "run",
]

T = TypeVar("T")

#: Bytes of lines that are correlated at once. Each piece costs a copy of the ledger.
_PIECE = 64 << 20

#: The results of this many partitions are merged by one task, before the driver merges the rest.
_MERGED_TOGETHER = 64

#: Characters of a GUID by which evidence finds the packets that it may explain. All log prefixes
#: show more.
_HEAD = 8

#: The columns of lines that have a meaning here.
_LINE = {"source": "STRING", "line": "BIGINT", "value": "BINARY"}

#: The prefix for machines without a name, before their source. Real names have no blank.
_UNNAMED = "in "

_SPARK = {
    "string": "STRING",
    "int32": "INT",
    "int64": "BIGINT",
    "bool": "BOOLEAN",
    "double": "DOUBLE",
    "binary": "BINARY",
    "timestamp[us, tz=UTC]": "TIMESTAMP",
}


def register(session: SparkSession, name: str = "asg_packet", **options: Any) -> None:
    """Registers a function of SQL: ``asg_packet(value)`` is a struct with the packet of a line, and null for other lines. So all
    other columns of a table stay beside it. ``options`` are those of :class:`asglog.batches.Structs`.

    It needs PySpark 4.1 or newer.
    """
    _checked()
    functions = module("pyspark.sql.functions")
    if not hasattr(functions, "arrow_udf"):
        raise ImportError("functions of SQL over Arrow need PySpark 4.1 or newer: use asglog.spark.parse, which needs 4.0")
    structs = Structs(**options)
    members = ", ".join(f"`{member}`: {_SPARK[ALL[member].type]}" for member in structs.columns)

    def parsed(lines: Any) -> Any:
        return structs(lines)

    parsed.__annotations__ = {"lines": module("pyarrow").Array, "return": module("pyarrow").Array}
    session.udf.register(name, functions.arrow_udf(parsed, f"STRUCT<{members}>"))


def ddl(schema: Schema) -> str:
    """Returns the schema in Spark's language.

    >>> import asglog
    >>> ddl(asglog.SCHEMA[:3])
    '`time` TIMESTAMP, `source` STRING NOT NULL, `line` BIGINT NOT NULL'
    """
    return ", ".join(
        f"`{column.name}` {_SPARK[column.type]}{'' if column.nullable else ' NOT NULL'}" for column in schema
    )


def read(session: SparkSession, *paths: str) -> DataFrame:
    """Returns the lines of these files, folders or patterns, with their ``source`` and ``line``.

    Every file is read by one task, as this package reads it on one machine: compressions and archives are found by content,
    lines end in line feeds, and a document of several lines is one line. (``spark.read.text`` decides by the name, and also
    divides lines at carriage returns.) A task holds its file, compressed as it is; Spark takes files up to 2 GiB.
    """
    _checked()
    files = session.read.format("binaryFile").option("recursiveFileLookup", "true").load(list(paths))

    def lines(batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            for table in _files(module("pyarrow").Table.from_batches([batch])):
                yield from (_large(table) if _is_large(batch) else table).to_batches()

    return files.select("path", "content").mapInArrow(lines, "source STRING, line BIGINT, value BINARY")


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

    The columns are those of :data:`asglog.SCHEMA` for which the lines have values, and their further columns, or those named.
    Lines are read in place; nothing is shuffled. Time stamps without a year need ``year``, because a part of a log does not
    show it. ``networks`` and ``prefixes`` are as with :func:`asglog.scan`; their files are read here.
    """
    packets = Packets(columns, year, utc_offset, *fixed(networks, prefixes))
    lines = _given(lines)
    return lines.mapInArrow(_each(packets), _schema(lines, packets.names(lines.columns)))


def evidence(lines: DataFrame, *, year: int | None = None, utc_offset: float = 0.0) -> DataFrame:
    """Returns the evidence about containers, for joins in SQL: a row for each container in each line.

    The columns are those of :data:`asglog.batches.EVIDENCE` without ``row``.
    """
    columns = [column for column in EVIDENCE if column[0] != "row"]

    def events(table: Any) -> Any:
        return _evidence_of(table, year=year, utc_offset=utc_offset).drop_columns(["row"])

    schema = ", ".join(f"`{name}` {_SPARK[kind]}" for name, kind, _ in columns)
    return _given(lines).mapInArrow(_each(events), schema)


def gather(lines: DataFrame) -> Gathered:
    """Returns the evidence of these lines, and what they show about clocks, gathered by the executors in one reading.

    It reads at once. A ledger has some dozens of bytes for each container, and clocks some kilobytes for each machine,
    however many lines there are. Both are what :meth:`asglog.Ledger.add` and :meth:`asglog.Clocks.add` find on one machine.

    Raises :class:`ValueError` for a stream, which has no end: see :func:`follow`.
    """
    return _gathered(_finished(_given(lines), "gather"), Clocks())


def _gathered(lines: DataFrame, whole: Clocks) -> Gathered:
    functions = module("pyspark.sql.functions")
    lines = lines.select(*(name for name in _LINE if name in lines.columns))
    part = whole.part()

    def gathered(batches: Iterator[Any]) -> Iterator[Any]:
        arrow = module("pyarrow")
        ledger, clocks, is_large = Ledger(), part.part(), False
        for batch in batches:
            is_large = is_large or _is_large(batch)
            ledger.merge(_gather_of(arrow.Table.from_batches([batch]), clocks))
        found = saved(ledger, clocks)
        yield from (_large(found) if is_large else found).to_batches()

    def merge(table: Any) -> Any:
        found = saved(*merged(table.to_pylist(), part.part()))
        return _large(found) if _is_large(table) else found

    room = functions.floor(functions.spark_partition_id() / _MERGED_TOGETHER)
    schema = "ledger BINARY, clocks BINARY"
    results = lines.mapInArrow(gathered, schema).withColumn("room", room).groupBy("room").applyInArrow(merge, schema)
    return merged(results.collect(), whole)


def ledger(lines: DataFrame) -> Ledger:
    """Returns the evidence alone; see :func:`gather`."""
    return gather(lines).ledger


def clocks(lines: DataFrame) -> Clocks:
    """Returns the clocks alone; see :func:`gather`."""
    return gather(lines).clocks


def correlate(
    lines: DataFrame,
    *,
    ledger: Ledger | None = None,
    clocks: Clocks | bool | None = None,
    directory: Directory | None = None,
    columns: tuple[str, ...] | None = None,
    year: int | None = None,
    utc_offset: float = 0.0,
    told_once: bool = False,
    networks: Labels | None = None,
    prefixes: Labels | None = None,
) -> DataFrame:
    """Returns the packets of these lines with their owners, as :func:`asglog.correlate` of all lines does.

    Every executor has the whole ledger, and the clocks. Both cover these lines, or more; what is not given is gathered here,
    in one reading of the lines (:func:`gather`). ``clocks=False`` saves that reading: then the delay of a stamp is estimated
    from the lines that happen to be read with it, so the answers depend on how Spark divides them.

    The executors ask ``directory``, so it must pickle, and its files must be available there: an :class:`asglog.Export` is
    best. The columns are those named, or those of :data:`asglog.FLOW_SCHEMA` without the evidence lines (a ledger keeps these
    for a container, and not for a flow) and the lines' further columns.

    A shuffle brings lines about one packet together, wherever they are. Set ``told_once`` if each packet is in the logs once;
    then nothing is shuffled. ``networks`` and ``prefixes`` are as with :func:`asglog.correlate`; their files are read
    here.
    """
    lines = _finished(_given(lines), "correlate")
    labels = fixed(networks, prefixes)
    if columns is None:
        names = Flows(networks=labels[0] or None).names(lines.columns)
        columns = tuple(name for name in names if not name.startswith("evidence_"))
    ledger, known = _known(lines, ledger, clocks)
    schema = _schema(lines, list(columns))
    packets = lines
    if not told_once:
        packets = lines.mapInArrow(_each(_keyed), _schema(lines, [*lines.columns, KEY]))
        # Of two lines about one packet the same is the first, wherever they come from.
        tie = [name for name in _LINE if name in lines.columns]
        packets = packets.repartition(KEY).sortWithinPartitions(KEY, *tie)
    held = _shared(lines.sparkSession, (ledger, known))

    def flows(batches: Iterator[Any]) -> Iterator[Any]:
        evidence, told = held()
        of = Flows(evidence, directory, columns, year, utc_offset, told, *labels)
        for piece in _pieces(batches):
            yield from of(piece).to_batches()

    return packets.mapInArrow(flows, schema)


def correlate_by_cell(
    lines: DataFrame,
    *,
    ledger: Ledger | None = None,
    clocks: Clocks | None = None,
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
    them may be shown as evidence. ``ledger`` is earlier evidence; ``clocks`` and ``directory`` are as with :func:`correlate`. A
    cell's lines are in memory together; with ``slices`` its packets are divided among so many tasks, each with all of the
    cell's evidence.

    Raises :class:`ValueError` for fewer than one slice.
    """
    if slices < 1:
        raise ValueError(f"a cell's packets are dealt to at least one task, not to {slices}")
    functions = module("pyspark.sql.functions")
    col, lit, explode = functions.col, functions.lit, functions.explode
    lines = _finished(_given(lines), "correlate_by_cell")
    known = _known(lines, Ledger(), clocks)[1]
    of = Flows(None, directory, columns, year, utc_offset, None, *fixed(networks, prefixes))
    names_wanted = of.names(lines.columns)
    given = lines.columns
    packets = lines.mapInArrow(
        _each(_packets), _schema(lines, given, f"{KEY} BIGINT, twin BIGINT, name STRING, head STRING")
    )
    facts = lines.mapInArrow(_each(_facts), _schema(lines, given, "names ARRAY<STRING>, heads ARRAY<STRING>"))

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
    any_fact = lines.mapInArrow(_first_fact, _schema(lines, given)).limit(1).withColumn("by", key("any", lit("")))
    routed = facts.unionByName(any_fact).select(*given, "by.*").join(routes, ["of", "key"], "left")
    routed = routed.filter("of = 'name' OR name IS NOT NULL").withColumn("name", functions.coalesce("name", "key"))
    # Each slice of a cell has all of its evidence. Lines about one packet go to one slice.
    one_slice = functions.pmod(functions.xxhash64(KEY), lit(slices)).cast("INT")
    every_slice = explode(functions.sequence(lit(0), lit(slices - 1)))
    dealt = packets.select(*given, KEY, "name", one_slice.alias("slice"))
    no_key = lit(None).cast("BIGINT").alias(KEY)
    dealt = dealt.unionByName(routed.select(*given, no_key, "name", every_slice.alias("slice")))
    cells = functions.broadcast(_cells(packets, given))
    dealt = dealt.join(cells, "name", "left").withColumn("cell", functions.coalesce("cell", "name"))
    held = _shared(lines.sparkSession, (ledger, known))

    def flows(table: Any) -> Any:
        evidence, told = held()
        found = replace(of, ledger=evidence, clocks=told, columns=tuple(names_wanted))
        made = found(table.select([*given, KEY]))
        return _large(made) if _is_large(table) else made

    return dealt.groupBy("cell", "slice").applyInArrow(flows, _schema(lines, names_wanted))


def _checked() -> None:
    """Raises :class:`ImportError` for versions that cannot work, before a worker fails with something else, and warns of a
    version that PySpark does not support."""
    pyspark = module("pyspark")
    if int(pyspark.__version__.partition(".")[0]) < 4:
        raise ImportError(f"asglog.spark needs PySpark 4.0 or newer (and Java 17), and this is {pyspark.__version__}: pip install 'pyspark>=4'")
    pandas = module("pandas")
    if int(pandas.__version__.partition(".")[0]) >= 3:
        import warnings

        said = f"PySpark supports pandas below 3, and this is {pandas.__version__}: pip install 'pandas<3'"
        warnings.warn(said, AsgWarning, stacklevel=_outside())


def _given(lines: Any) -> DataFrame:
    """Returns the lines with the types that the workers take. Raises :class:`TypeError` and :class:`ValueError` for anything
    else."""
    _checked()
    if not hasattr(lines, "mapInArrow"):
        raise TypeError(f"lines are a data frame of Spark, such as asglog.spark.read(session, 'logs/') gives, not {kind(lines)}")
    if "value" not in lines.columns:
        has = ", ".join(f"`{name}`" for name in lines.columns) or "none"
        raise ValueError(f"lines are in a column `value`, and there is none: the columns are {has}. Rename the one with the lines")
    types = dict(lines.dtypes)
    if types["value"] not in ("string", "binary"):
        raise ValueError(f"lines are text or binary, and the column `value` is {types['value']}")
    functions = module("pyspark.sql.functions")
    wanted = {name: kind.lower() for name, kind in _LINE.items()}
    columns = [
        functions.col(f"`{name}`").cast(wanted[name]).alias(name) if wanted.get(name, types[name]) != types[name] else functions.col(f"`{name}`")
        for name in lines.columns
    ]
    given: DataFrame = lines.select(*columns)
    return given


def _finished(lines: DataFrame, what: str) -> DataFrame:
    if lines.isStreaming:
        raise ValueError(
            f"{what} needs lines that end, and these are a stream: pass asglog.spark.follow(…) to writeStream.foreachBatch"
        )
    return lines


def _known(lines: DataFrame, ledger: Ledger | None, clocks: Any) -> tuple[Ledger, Clocks | None]:
    """Gathers what is not given."""
    for value, of, name in ((ledger, Ledger, "ledger"), (clocks if clocks is not False else None, Clocks, "clocks")):
        if value is not None and not isinstance(value, of):
            raise TypeError(f"{name} is an asglog.{of.__name__}, such as asglog.spark.gather(lines).{name}, not {kind(value)}")
    if ledger is None or clocks is None:
        found = gather(lines)
        ledger = found.ledger if ledger is None else ledger
        clocks = found.clocks if clocks is None else clocks
    return ledger, clocks or None


def _schema(lines: DataFrame, names: list[str], more: str = "") -> Any:
    """Returns the type of rows with these columns: of lines, or of this package."""
    types = module("pyspark.sql.types")
    own = {field.name: field for field in lines.schema.fields}
    schema = types.StructType()
    for name in names:
        if name in own and ((name in _LINE and names[: len(own)] == list(own)) or name in further([name])):
            schema.add(own[name])
        else:
            for field in types.StructType.fromDDL(ddl(Schema([ALL[name]]))).fields:
                schema.add(field)
    for field in types.StructType.fromDDL(more).fields if more else ():
        schema.add(field)
    return schema


def _cells(packets: DataFrame, given: list[str]) -> DataFrame:
    """Returns names of machines that are one cell, with one name for all.

    Two names are one cell if lines under both have the text of one packet, or if a source has only this name, and lines
    without one.
    """
    functions = module("pyspark.sql.functions")
    names = functions.collect_set("name").alias("names")
    same = packets.groupBy("twin").agg(names).select("names").filter(functions.size("names") > 1)
    if "source" in given:
        by_source = packets.groupBy("source").agg(names).select("names").filter(functions.size("names") == 2)
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
    made = arrow.Table.from_pylist(rows, arrow.schema({"name": arrow.string(), "cell": arrow.string()}))
    field = table.schema.field("names").type.value_type
    return _large(made) if field == arrow.large_string() else made


def _each(make: Callable[[Any], Any]) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """Adapts a function of tables to Spark, which passes record batches."""

    def batches_of(batches: Iterator[Any]) -> Iterator[Any]:
        arrow = module("pyarrow")
        for batch in batches:
            made = make(arrow.Table.from_batches([batch]))
            yield from (_large(made) if _is_large(batch) else made).to_batches()

    return batches_of


def _is_large(batch: Any) -> bool:
    """Returns whether Spark was told to use large types: results must have them, too."""
    arrow = module("pyarrow")
    return any(field.type in (arrow.large_string(), arrow.large_binary()) for field in batch.schema)


def _large(table: Any) -> Any:
    """Returns text and binary columns in large types."""
    arrow = module("pyarrow")
    kinds = {arrow.string(): arrow.large_string(), arrow.binary(): arrow.large_binary()}
    fields = [field.with_type(kinds.get(field.type, field.type)) for field in table.schema]
    return table.cast(arrow.schema(fields))


def _pieces(batches: Iterator[Any]) -> Iterator[Any]:
    """Returns the lines in fewer tables. Adjacent lines with one key stay together."""
    arrow, compute = module("pyarrow"), module("pyarrow.compute")
    held: list[Any] = []
    size = 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size < _PIECE:
            continue
        table = arrow.Table.from_batches(held)
        end = table.num_rows
        if KEY in table.column_names:
            key = table.column(KEY)
            end = compute.index(key, key[-1]).as_py()
            if end == 0:
                # All have one key; the piece grows until another comes.
                continue
        yield table.slice(0, end)
        held = table.slice(end).to_batches()
        size = sum(batch.nbytes for batch in held)
    if held:
        yield arrow.Table.from_batches(held)


def _keyed(lines: Any) -> Any:
    return reported(lines, (KEY,))


def _packets(lines: Any) -> Any:
    """Returns the packets, each with the keys of its duplicates, its machine, and the beginning of the GUID that it shows."""
    compute = module("pyarrow.compute")
    found = reported(lines, (KEY, "packet_text_key", "cell", "handle_prefix"))
    name, head = _named(found, found.column("cell")), compute.utf8_slice_codeunits(found.column("handle_prefix"), 0, _HEAD)
    kept = found.drop_columns(["cell", "handle_prefix"]).rename_columns([*lines.column_names, KEY, "twin"])
    return kept.append_column("name", name).append_column("head", head)


def _facts(lines: Any) -> Any:
    """Returns the evidence, each line with all machines that it names, and the beginnings of its GUIDs.

    A line may be about several containers.
    """
    arrow = module("pyarrow")
    lines = _plain(lines)
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
    source = lines.column("source").fill_null(_NO_SOURCE) if "source" in lines.column_names else ""
    return compute.if_else(no_name, compute.binary_join_element_wise(_UNNAMED.strip(), source, " "), machines)


def _shared(session: SparkSession, what: T) -> Callable[[], T]:
    """Returns a function that gives this to executors: unpacked once in each, if Spark can do that."""
    try:
        context = session.sparkContext
    except Exception:
        # Spark Connect has no context: the value is pickled with the function.
        return lambda: what
    held = context.broadcast(what)
    return lambda: held.value
