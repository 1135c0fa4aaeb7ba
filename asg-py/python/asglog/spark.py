"""Packets and flows in Spark, for logs that are too large for one machine.

Lines are a data frame with a column ``value``, text or binary: that of :func:`read`, or of ``spark.read.text``. With the
columns ``source`` and ``line``, flows show the place of a packet's line. Further columns go with their lines into packets and
flows. The package must be installed where the executors run. ``CLUSTER.md`` has examples.

Every function returns a data frame that is as lazy as Spark's own, with one exception: what must be known of all lines before
the first flow is read at once. :func:`gather` does that, and :func:`correlate` if it is not given the result.
"""

from __future__ import annotations

import math
import os
import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

from . import _asglog
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
    gather_into,
    gather_sources,
    reported,
    reports,
    sources,
)
from .batches import evidence as _evidence_of
from .batches import files as _files
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

#: Bytes of lines that are looked at together otherwise.
_SMALL_PIECE = 16 << 20

#: The number of the results that are about all lines; rooms are numbered from 0.
_OF_ALL = -1

#: Texts that several lines have are brought together alone if they are at most so many, and at most
#: one for so many packets.
_REPEATED = 4 << 20
_SHARE = 8

_KEY_BYTES = 8

#: The column that says which task correlates a line, cell by cell.
_PART = "asglog_part"

#: The results of this many partitions are merged by one task, before the driver merges the rest.
_MERGED_TOGETHER = 64

#: Characters of a GUID by which evidence finds the packets that it may explain. All log prefixes
#: show more.
_HEAD = 8

#: The columns of lines that have a meaning here.
_LINE = {"source": "STRING", "line": "BIGINT", "value": "BINARY"}

#: The attribute of lines that :func:`read` gives, with their files.
_FILES = "_asglog_files"

#: The attribute of files that are few and small, so that the driver merges what their tasks find.
_IS_SMALL = "_asglog_is_small"

#: Few and small are at most so many files, or tasks that read them, and at most so many bytes.
#: Eight bytes of each packet come to the driver.
_FEW = 8
_SMALL = 512 << 20

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
    divides lines at carriage returns.) Files with a path of the machine (``file:``), which all executors must have, are opened by
    the task that reads them. Of others, a task holds the content, compressed as it is, and Spark takes files up to 2 GiB.

    The other functions here read the files themselves if they are given these lines, so no line goes through Spark. That is
    much cheaper. Lines that were filtered, or have further columns, are Spark's, like those of any other reader.
    """
    _checked()
    files = session.read.format("binaryFile").option("recursiveFileLookup", "true").load(list(paths))
    found = files.inputFiles()
    is_local = all(path.startswith("file:") for path in found)
    files = files.select("path") if is_local else files.select("path", "content")
    if is_local and len(found) <= _FEW:
        setattr(files, _IS_SMALL, _size(found) <= _SMALL)
    lines: DataFrame = files.mapInArrow(_lines_of, ", ".join(f"{name} {kind}" for name, kind in _LINE.items()))
    setattr(lines, _FILES, files)
    return lines


def _size(urls: list[str]) -> float:
    """Returns the bytes of these local files; infinity if they are not here, as with Spark Connect."""
    try:
        return sum(os.path.getsize(unquote(urlsplit(url).path)) for url in urls)
    except OSError:
        return math.inf


def _lines_of(batches: Iterator[Any]) -> Iterator[Any]:
    """Reads the lines of files."""
    for batch in batches:
        for table in _files(module("pyarrow").Table.from_batches([batch])):
            yield from _like(table, batch).to_batches()


def _files_of(lines: DataFrame) -> DataFrame | None:
    """Returns the files whose lines these are, if they are just that, and Spark does not hold them."""
    # In Spark Connect, any attribute that is not there is a column.
    files: DataFrame | None = vars(lines).get(_FILES)
    return None if files is not None and lines.is_cached else files


def _opened(lines: DataFrame) -> DataFrame | None:
    """As ``_files_of``, if tasks open the files. One whose content is at hand is read as lines."""
    files = _files_of(lines)
    return None if files is None or "content" in files.columns else files


def _map(lines: DataFrame, make: Callable[[Iterator[Any]], Iterator[Any]], schema: Any) -> DataFrame:
    """Applies a function to batches of lines. The lines of files are read by the task that needs them."""
    files = _files_of(lines)
    if files is None:
        return lines.mapInArrow(make, schema)
    return files.mapInArrow(lambda batches: make(_lines_of(batches)), schema)


def _only_lines(lines: DataFrame) -> DataFrame:
    """Returns the lines without their further columns."""
    if _files_of(lines) is not None:
        return lines
    return lines.select(*(name for name in _LINE if name in lines.columns))


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
    return _map(lines, _each(packets), _schema(lines, packets.names(lines.columns)))


def evidence(lines: DataFrame, *, year: int | None = None, utc_offset: float = 0.0) -> DataFrame:
    """Returns the evidence about containers, for joins in SQL: a row for each container in each line.

    The columns are those of :data:`asglog.batches.EVIDENCE` without ``row``.
    """
    columns = [column for column in EVIDENCE if column[0] != "row"]

    def events(table: Any) -> Any:
        return _evidence_of(table, year=year, utc_offset=utc_offset).drop_columns(["row"])

    schema = ", ".join(f"`{name}` {_SPARK[kind]}" for name, kind, _ in columns)
    return _map(_given(lines), _each(events), schema)


def gather(lines: DataFrame) -> Gathered:
    """Returns the evidence of these lines, and what they show about clocks, gathered by the executors in one reading.

    It reads at once. A ledger has some dozens of bytes for each container, and clocks some kilobytes for each machine,
    however many lines there are. Both are what :meth:`asglog.Ledger.add` and :meth:`asglog.Clocks.add` find on one machine.
    The same reading finds the packet lines whose text others repeat: pass the result to :func:`correlate` as ``gathered``.

    Raises :class:`ValueError` for a stream, which has no end: see :func:`follow`.
    """
    lines = _finished(_given(lines), "gather")
    return _survey(lines, Clocks(), _rooms(lines))


def _rooms(lines: DataFrame) -> int:
    """Returns the number of tasks behind a shuffle."""
    return int(lines.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1)


def _gathered(lines: DataFrame, whole: Clocks) -> Gathered:
    return _survey(lines, whole, 0)


def _survey(lines: DataFrame, whole: Clocks, rooms: int) -> Gathered:
    """Reads all lines once. With ``rooms``, texts that several lines have are looked for in so many tasks."""
    lines, part, most = _only_lines(lines), whole.part(), _REPEATED // max(rooms, 1) + 1
    files = _opened(lines)
    are_files = files is not None

    def told(batches: Iterator[Any]) -> Iterator[tuple[int, Any]]:
        ledger, clocks, loggers, packets = Ledger(), part.part(), 0, 0
        texts = _asglog.TextKeys() if rooms else None
        if are_files:
            for source in _sources(batches):
                loggers += gather_sources([source], ledger, clocks, texts)
        else:
            for piece in _pieces(batches, _SMALL_PIECE):
                loggers += gather_into(piece, ledger, clocks, texts)
        if texts is not None:
            packets = len(texts)
            yield from ((room, keys) for room, keys in enumerate(texts.take(rooms)) if keys)
        yield _OF_ALL, (ledger, clocks, packets, loggers)

    def merge(room: int, given: list[Any]) -> Any:
        if room != _OF_ALL:
            return _asglog.repeated_keys(given, most)
        return _merged(given, part.part())

    found = _gather_rooms(lines if files is None else files, told, merge)
    ledger, clocks, packets, loggers = _merged([one for room, one in found if room == _OF_ALL], whole)
    keys = [one for room, one in found if room != _OF_ALL]
    # The kernel and iptables-logger report a packet in different texts.
    if rooms and not loggers and None not in keys:
        repeated = b"".join(keys)
        if len(repeated) // _KEY_BYTES <= packets // _SHARE:
            return Gathered(ledger, clocks, repeated)
    return Gathered(ledger, clocks)


def _merged(given: list[Any], whole: Clocks) -> tuple[Ledger, Clocks, int, int]:
    found, all_packets, all_loggers = Ledger(), 0, 0
    for ledger, clocks, packets, loggers in given:
        found.merge(ledger)
        whole.merge(clocks)
        all_packets += packets
        all_loggers += loggers
    return found, whole, all_packets, all_loggers


def _gather_rooms(
    lines: DataFrame,
    told: Callable[[Iterator[Any]], Iterator[tuple[int, Any]]],
    merge: Callable[[int, list[Any]], Any],
) -> list[tuple[int, Any]]:
    """Returns what tasks tell about all lines, room by room. What is told in one room is merged by one task, and what is
    about all of the lines by several, before the driver merges the rest. Of few and small files, the driver merges all."""

    is_large = lines.sparkSession.conf.get("spark.sql.execution.arrow.useLargeVarTypes", "false") == "true"

    def rows(batches: Iterator[Any]) -> Iterator[Any]:
        number = module("pyspark").TaskContext.get().partitionId() // _MERGED_TOGETHER
        for room, what in told(batches):
            # Those of all lines are merged in rooms below zero.
            yield from _told(_OF_ALL - number if room == _OF_ALL else room, what, is_large).to_batches()

    def merged(table: Any) -> Any:
        room = table.column("room")[0].as_py()
        given = [pickle.loads(one) for one in table.column("told").to_pylist()]
        return _told(room, merge(max(room, _OF_ALL), given), is_large)

    schema = "room INT, told BINARY"
    if _is_small(lines):
        # A shuffle would take longer than all else.
        of_rooms: dict[int, list[Any]] = {}
        for room, what in _unpacked(_map(lines, rows, schema)):
            of_rooms.setdefault(room, []).append(what)
        return [(room, merge(room, given)) for room, given in of_rooms.items()]
    return _unpacked(_map(lines, rows, schema).groupBy("room").applyInArrow(merged, schema))


def _is_small(lines: DataFrame) -> bool:
    files = _files_of(lines)
    return bool(vars(lines if files is None else files).get(_IS_SMALL))


def _unpacked(told: DataFrame) -> list[tuple[int, Any]]:
    return [(max(row["room"], _OF_ALL), pickle.loads(bytes(row["told"]))) for row in told.collect()]


def _told(room: int, what: Any, is_large: bool) -> Any:
    arrow = module("pyarrow")
    kinds = arrow.schema({"room": arrow.int32(), "told": arrow.binary()})
    table = arrow.Table.from_pylist([{"room": room, "told": pickle.dumps(what)}], kinds)
    return _large(table) if is_large else table


def ledger(lines: DataFrame) -> Ledger:
    """Returns the evidence alone; see :func:`gather`."""
    return gather(lines).ledger


def clocks(lines: DataFrame) -> Clocks:
    """Returns the clocks alone; see :func:`gather`."""
    return gather(lines).clocks


def correlate(
    lines: DataFrame,
    *,
    gathered: Gathered | None = None,
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

    Every executor has the whole ledger, and the clocks: those of ``gathered``, if they are not given. Both cover these lines, or
    more; what is not given is gathered here, in one reading of the lines (:func:`gather`). ``clocks=False`` saves that reading: then the delay of a stamp is estimated
    from the lines that happen to be read with it, so the answers depend on how Spark divides them.

    The executors ask ``directory``, so it must pickle, and its files must be available there: an :class:`asglog.Export` is
    best. The columns are those named, or those of :data:`asglog.FLOW_SCHEMA` without the evidence lines (a ledger keeps these
    for a container, and not for a flow) and the lines' further columns.

    Lines stay in their partitions, apart from packet lines with a text that other lines repeat: a shuffle brings these together.
    What :func:`gather` returns tells which they are. All packets are shuffled if that is not known, because ledger and clocks were given
    apart; if more than one packet in eight is repeated; or if iptables-logger reports packets. Set ``told_once`` if each packet is
    in the logs once; then none is. ``networks`` and ``prefixes`` are as with :func:`asglog.correlate`; their files are read
    here.
    """
    lines = _finished(_given(lines), "correlate")
    labels = fixed(networks, prefixes)
    if columns is None:
        names = Flows(networks=labels[0] or None).names(lines.columns)
        columns = tuple(name for name in names if not name.startswith("evidence_"))
    was_given = ledger is not None
    known, clocks, repeated = _known(lines, gathered, ledger, clocks, is_told_once=told_once)
    # No packet has a second line here, and the evidence was gathered before.
    knows_all = repeated is not None and not was_given and clocks is not None
    schema = _schema(lines, list(columns))
    held = _shared(lines.sparkSession, (known, clocks))

    def flows_of(*, knows_all: bool = False) -> Flows:
        evidence, told = held()
        return Flows(evidence, directory, columns, year, utc_offset, told, *labels, knows_all)

    def flows(batches: Iterator[Any]) -> Iterator[Any]:
        of = flows_of()
        for piece in _pieces(batches):
            yield from of(piece).to_batches()

    def flows_of_known(batches: Iterator[Any]) -> Iterator[Any]:
        of = flows_of(knows_all=knows_all)
        for piece in _pieces(batches):
            yield from of(piece).to_batches()

    def flows_of_files(batches: Iterator[Any]) -> Iterator[Any]:
        of = flows_of(knows_all=True)
        for source in _sources(batches):
            yield from of.of_source(source)

    def together(packets: DataFrame) -> DataFrame:
        # Of two lines about one packet the same is the first, wherever they come from: lines with
        # one key are in one piece, which puts them in order.
        return packets.repartition(KEY).sortWithinPartitions(KEY).mapInArrow(flows, schema)

    keyed, files = _schema(lines, [*lines.columns, KEY]), _opened(lines)
    if repeated == b"":
        if knows_all and files is not None:
            return files.mapInArrow(flows_of_files, schema)
        return _map(lines, flows_of_known, schema)
    if told_once:
        return _map(lines, flows, schema)
    if repeated is None:
        return together(_map(lines, _each(_keyed), keyed))
    texts = _shared(lines.sparkSession, repeated)

    def once(batches: Iterator[Any]) -> Iterator[Any]:
        keys = _keys(texts())
        return flows_of_known(_each(lambda table: _sifted(table, keys, is_repeated=False))(batches))

    def again(batches: Iterator[Any]) -> Iterator[Any]:
        keys = _keys(texts())
        return _each(lambda table: _sifted(table, keys, is_repeated=True))(batches)

    return _map(lines, once, schema).unionByName(together(_map(lines, again, keyed)))


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
    lines = _finished(_given(lines), "correlate_by_cell")
    of = Flows(None, directory, columns, year, utc_offset, None, *fixed(networks, prefixes))
    names_wanted, given = of.names(lines.columns), lines.columns
    _check_known(ledger, clocks)
    found = _cells(lines, None if clocks is not None else Clocks())
    to_cells = _shared(lines.sparkSession, found.ways)

    def dealt(table: Any) -> Any:
        return _dealt(table, to_cells(), slices)

    held = _shared(lines.sparkSession, (ledger or Ledger(), found.clocks if clocks is None else clocks or None, found.fact))

    def flows(table: Any) -> Any:
        evidence, told, fact = held()
        made = replace(of, ledger=evidence, clocks=told, columns=tuple(names_wanted))
        # One fact goes everywhere: a cell without evidence of its own must not report that the logs
        # have none at all.
        return _like(made(_with_fact(table.select([*given, KEY]), fact)), table)

    packets = _map(lines, _in_pieces(dealt), _schema(lines, given, f"{KEY} BIGINT, {_PART} INT"))
    return packets.groupBy(functions.col(_PART)).applyInArrow(flows, _schema(lines, names_wanted))


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
    if _files_of(lines) is not None:
        given: DataFrame = lines
        return given
    types = dict(lines.dtypes)
    if types["value"] not in ("string", "binary"):
        raise ValueError(f"lines are text or binary, and the column `value` is {types['value']}")
    functions = module("pyspark.sql.functions")
    wanted = {name: kind.lower() for name, kind in _LINE.items()}
    columns = [
        functions.col(f"`{name}`").cast(wanted[name]).alias(name) if wanted.get(name, types[name]) != types[name] else functions.col(f"`{name}`")
        for name in lines.columns
    ]
    given = lines.select(*columns)
    return given


def _finished(lines: DataFrame, what: str) -> DataFrame:
    if lines.isStreaming:
        raise ValueError(
            f"{what} needs lines that end, and these are a stream: pass asglog.spark.follow(…) to writeStream.foreachBatch"
        )
    return lines


def _known(
    lines: DataFrame, gathered: Any, ledger: Ledger | None, clocks: Any, *, is_told_once: bool
) -> tuple[Ledger, Clocks | None, bytes | None]:
    """Gathers what is not given. Returns it with the texts that several lines have, if they are known."""
    _check_known(ledger, clocks)
    if gathered is not None and not isinstance(gathered, Gathered):
        raise TypeError(f"gathered is the result of asglog.spark.gather(lines), not {kind(gathered)}")
    if gathered is None:
        if ledger is not None and clocks is not None:
            return ledger, clocks or None, None
        gathered = _survey(lines, Clocks(), 0 if is_told_once else _rooms(lines))
    known, told = gathered
    return known if ledger is None else ledger, told if clocks is None else clocks or None, gathered.repeated


def _check_known(ledger: Any, clocks: Any) -> None:
    for value, of, name in ((ledger, Ledger, "ledger"), (clocks if clocks is not False else None, Clocks, "clocks")):
        if value is not None and not isinstance(value, of):
            raise TypeError(f"{name} is an asglog.{of.__name__}, such as asglog.spark.gather(lines).{name}, not {kind(value)}")


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


class _Ways(NamedTuple):
    """Where lines go, cell by cell. Cells have numbers."""

    #: The names of machines that report packets, and the cell of each.
    names: list[str]
    cells: list[int]
    #: The beginnings of the GUIDs that packets show, and the cells of these packets.
    heads: list[str]
    of_heads: list[list[int]]


class _Cells(NamedTuple):
    ways: _Ways
    clocks: Clocks | None
    #: The text of a line about a container, if there is one, and its place.
    fact: dict[str, Any] | None


def _cells(lines: DataFrame, whole: Clocks | None) -> _Cells:
    """Reads all lines once: for the machines, and for what their packets show of containers. ``whole`` grows.

    Two names of machines are one cell if lines under both have the text of one packet, or if a source has only this name, and
    lines without one.
    """
    lines = _only_lines(lines)
    part = None if whole is None else whole.part()
    rooms = _rooms(lines)

    def told(batches: Iterator[Any]) -> Iterator[tuple[int, Any]]:
        clocks, fact = None if part is None else part.part(), None
        shown, of_sources = set[tuple[str, str | None]](), dict[str, set[str]]()
        texts: dict[str, _asglog.TextKeys] = {}
        for piece in _pieces(batches, _SMALL_PIECE):
            if clocks is not None:
                gather_into(piece, Ledger(), clocks)
            table = _plain(piece)
            fact = fact or _first_fact(table)
            packets = _packets(table)
            for name, keys in _by_name(packets):
                texts.setdefault(name, _asglog.TextKeys()).add(keys)
            shown.update(_pairs(packets, "name", "head"))
            if "source" in table.column_names:
                for source, name in _pairs(packets, "source", "name"):
                    of_sources.setdefault(source, set()).add(name)
        names = sorted(texts)
        of_rooms = [texts[name].take(rooms) for name in names]
        for room in range(rooms):
            held = [(name, keys[room]) for name, keys in zip(names, of_rooms, strict=True) if keys[room]]
            if held:
                yield room, held
        yield _OF_ALL, (clocks, fact, shown, of_sources)

    def merge(room: int, given: list[Any]) -> Any:
        if room == _OF_ALL:
            return _of_parts(given, None if part is None else part.part())
        names = sorted({name for held in given for name, _ in held})
        number = {name: n for n, name in enumerate(names)}
        pairs = _asglog.sharing_keys([(number[name], keys) for held in given for name, keys in held])
        return [(names[one], names[other]) for one, other in pairs]

    found = _gather_rooms(lines, told, merge)
    clocks, fact, shown, of_sources = _of_parts([one for room, one in found if room == _OF_ALL], whole)
    alike = [pair for room, pairs in found if room != _OF_ALL for pair in pairs]
    alike += [tuple(names) for names in of_sources.values() if len(names) == 2 and any(name.startswith(_UNNAMED) for name in names)]
    number = _numbered(sorted({name for name, _ in shown}), alike)
    heads: dict[str, set[int]] = {}
    for name, head in shown:
        if head is not None:
            heads.setdefault(head, set()).add(number[name])
    of_heads = [sorted(cells) for cells in heads.values()]
    return _Cells(_Ways(list(number), list(number.values()), list(heads), of_heads), clocks, fact)


def _of_parts(given: list[Any], whole: Clocks | None) -> tuple[Clocks | None, Any, set[Any], dict[str, set[str]]]:
    first, all_shown, all_sources = None, set[Any](), dict[str, set[str]]()
    for clocks, fact, shown, of_sources in given:
        if whole is not None:
            whole.merge(clocks)
        first = first or fact
        all_shown |= shown
        for source, names in of_sources.items():
            all_sources.setdefault(source, set()).update(names)
    return whole, first, all_shown, all_sources


def _numbered(names: list[str], alike: list[tuple[str, ...]]) -> dict[str, int]:
    """Returns a number for each name: one for all that are alike."""
    cell_of: dict[str, set[str]] = {name: {name} for name in names}
    for one, other in alike:
        if cell_of[one] is not cell_of[other]:
            whole = cell_of[one] | cell_of[other]
            cell_of.update(dict.fromkeys(whole, whole))
    number = {name: n for n, name in enumerate(names)}
    return {name: number[min(cell_of[name])] for name in names}


def _dealt(lines: Any, ways: _Ways, slices: int) -> Any:
    """Returns the lines for each part: packets, and the evidence for them. Each slice of a cell has all of its evidence; lines
    about one packet go to one slice."""
    arrow, compute = module("pyarrow"), module("pyarrow.compute")
    lines = _plain(lines)
    names, cells = arrow.array(ways.names, arrow.string()), arrow.array(ways.cells, arrow.int32())
    packets = _packets(lines)
    key = packets.column(KEY)
    at = compute.multiply(cells.take(compute.index_in(packets.column("name"), value_set=names)), arrow.scalar(slices, arrow.int32()))
    if slices > 1:
        # Its lowest bits, without a sign.
        of_key = compute.bit_wise_and(key, arrow.scalar((1 << 31) - 1, arrow.int64()))
        slice_of = compute.subtract(of_key, compute.multiply(compute.divide(of_key, slices), slices))
        at = compute.add(at, slice_of.cast(arrow.int32()))
    made = [lines.take(packets.column("row")).append_column(KEY, key).append_column(_PART, at)]
    rows, of_facts = _facts(lines, names, cells, ways)
    facts = lines.take(rows).append_column(KEY, arrow.nulls(len(rows), arrow.int64()))
    for n in range(slices):
        at = compute.add(compute.multiply(of_facts, arrow.scalar(slices, arrow.int32())), arrow.scalar(n, arrow.int32()))
        made.append(facts.append_column(_PART, at))
    return arrow.concat_tables(made)


def _packets(lines: Any) -> Any:
    """Returns the packets in these lines: the row of each, its keys, its machine, its source if there is one, and the beginning
    of the GUID that it shows."""
    arrow, compute = module("pyarrow"), module("pyarrow.compute")
    rows, found = reports(lines, (KEY, "packet_text_key", "cell", "handle_prefix"))
    source = lines.column("source").take(rows) if "source" in lines.column_names else None
    made = {
        "row": rows,
        KEY: found.column(KEY),
        "text": found.column("packet_text_key"),
        "name": _named(found.column("cell"), source),
        "head": compute.utf8_slice_codeunits(found.column("handle_prefix"), 0, _HEAD),
    }
    return arrow.table(made if source is None else {**made, "source": source.fill_null(_NO_SOURCE)})


def _facts(lines: Any, names: Any, cells: Any, ways: _Ways) -> tuple[Any, Any]:
    """Returns the rows of lines with evidence, each as often as cells want it, and these cells.

    Evidence goes to the cell that writes it, to the one that it names, and to each whose packets show a prefix that begins like
    one of its GUIDs. A line may be about several containers.
    """
    arrow, compute = module("pyarrow"), module("pyarrow.compute")
    found = _evidence_of(lines.select(["value"]))
    row = found.column("row")
    source = lines.column("source").take(row) if "source" in lines.column_names else None
    rows, wanted = [], []

    def add(row: Any, cell: Any) -> None:
        is_one = compute.is_valid(cell)
        rows.append(row.filter(is_one).cast(arrow.int64()))
        wanted.append(cell.filter(is_one))

    for name in (_named(found.column("cell"), source), found.column("cell_id")):
        add(row, cells.take(compute.index_in(name, value_set=names)))
    heads, of_heads = arrow.array(ways.heads, arrow.string()), arrow.array(ways.of_heads, arrow.list_(arrow.int32()))
    # An old handle has two GUIDs, and so has a process.
    for guid in ("handle", "process_guid", "instance_guid"):
        for start in (0, 37):
            head = compute.utf8_slice_codeunits(found.column(guid), start, start + _HEAD)
            at = of_heads.take(compute.index_in(head, value_set=heads).combine_chunks())
            add(row.take(compute.list_parent_indices(at)), compute.list_flatten(at))
    chunks = [chunk for column in rows for chunk in _chunks(column)], [chunk for column in wanted for chunk in _chunks(column)]
    pairs = arrow.table({"row": arrow.chunked_array(chunks[0], arrow.int64()), "cell": arrow.chunked_array(chunks[1], arrow.int32())})
    pairs = pairs.group_by(["row", "cell"], use_threads=False).aggregate([])
    return pairs.column("row").combine_chunks(), pairs.column("cell").combine_chunks()


def _chunks(column: Any) -> list[Any]:
    return list(column.chunks) if hasattr(column, "chunks") else [column]


def _first_fact(lines: Any) -> dict[str, Any] | None:
    """Returns the first line about a container, if there is one."""
    rows = _evidence_of(lines.select(["value"])).column("row")
    found: dict[str, Any] | None = lines.take(rows.slice(0, 1)).to_pylist()[0] if len(rows) else None
    return found


def _with_fact(lines: Any, fact: dict[str, Any] | None) -> Any:
    if fact is None:
        return lines
    arrow = module("pyarrow")
    lines = _plain(lines)
    return arrow.concat_tables([lines, arrow.Table.from_pylist([fact], lines.schema)])


def _by_name(packets: Any) -> Iterator[tuple[str, bytes]]:
    """Returns the keys of texts by the machine that wrote them."""
    compute = module("pyarrow.compute")
    names = packets.column("name").combine_chunks().dictionary_encode()
    order = compute.sort_indices(names.indices)
    ends = compute.run_end_encode(names.indices.take(order))
    texts = packets.column("text").take(order).combine_chunks()
    start = 0
    for end, name in zip(ends.run_ends.to_pylist(), ends.values.to_pylist(), strict=True):
        yield names.dictionary[name].as_py(), texts.slice(start, end - start).to_numpy().tobytes()
        start = end


def _pairs(table: Any, one: str, other: str) -> list[tuple[Any, Any]]:
    """Returns the different pairs of values in two columns."""
    found = table.select([one, other]).group_by([one, other], use_threads=False).aggregate([])
    return list(zip(found.column(one).to_pylist(), found.column(other).to_pylist(), strict=True))


def _each(make: Callable[[Any], Any]) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """Adapts a function of tables to Spark, which passes record batches."""

    def batches_of(batches: Iterator[Any]) -> Iterator[Any]:
        arrow = module("pyarrow")
        for batch in batches:
            yield from _like(make(arrow.Table.from_batches([batch])), batch).to_batches()

    return batches_of


def _sources(batches: Iterator[Any]) -> Iterator[_asglog._Item]:
    """Returns the sources of batches of files."""
    for batch in batches:
        yield from sources(module("pyarrow").Table.from_batches([batch]))


def _in_pieces(make: Callable[[Any], Any]) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """As ``_each``, of several batches at once."""

    def batches_of(batches: Iterator[Any]) -> Iterator[Any]:
        for piece in _pieces(batches, _SMALL_PIECE):
            yield from _like(make(piece), piece).to_batches()

    return batches_of


def _like(made: Any, given: Any) -> Any:
    """Returns a table with large types if the given one has them."""
    return _large(made) if _is_large(given) else made


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


def _pieces(batches: Iterator[Any], most: int = _PIECE) -> Iterator[Any]:
    """Returns the lines in fewer tables. Adjacent lines with one key stay together."""
    arrow, compute = module("pyarrow"), module("pyarrow.compute")
    held: list[Any] = []
    size = 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size < most:
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


def _keys(saved: bytes) -> Any:
    """Returns keys of eight bytes each as an array."""
    arrow = module("pyarrow")
    return arrow.Array.from_buffers(arrow.int64(), len(saved) // _KEY_BYTES, [None, arrow.py_buffer(saved)])


def _sifted(lines: Any, repeated: Any, *, is_repeated: bool) -> Any:
    """Returns the packet lines whose text is among these, with their keys; or all other lines."""
    arrow, compute = module("pyarrow"), module("pyarrow.compute")
    lines = _plain(lines)
    rows, found = reports(lines, (KEY, "packet_text_key"))
    is_one = compute.is_in(found.column("packet_text_key"), value_set=repeated)
    chosen = rows.filter(is_one)
    if is_repeated:
        return lines.take(chosen).append_column(KEY, found.column(KEY).filter(is_one))
    if not len(chosen):
        return lines
    is_other = module("numpy").ones(lines.num_rows, dtype=bool)
    is_other[chosen.to_numpy()] = False
    return lines.filter(arrow.array(is_other))


def _named(machines: Any, sources: Any | None) -> Any:
    """Returns the machines of lines; lines without a name have that of their source."""
    compute = module("pyarrow.compute")
    no_name = compute.fill_null(compute.equal(machines, "localhost"), True)
    source = "" if sources is None else sources.fill_null(_NO_SOURCE)
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
