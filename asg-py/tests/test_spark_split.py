"""Whatever Spark's partitions and settings, the rows are those of one machine."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import worlds

import asglog
from asglog import batches, spark

pa = pytest.importorskip("pyarrow")
pytest.importorskip("pyspark.sql")

pytestmark = pytest.mark.filterwarnings("default")

#: All worlds, partitions and settings are for the nightly run.
IS_WHOLE = os.environ.get("ASG_MATRIX") == "whole"
NAMES = tuple(worlds.WORLDS) if IS_WHOLE else ("new-year",)
PARTITIONS = (1, 3, 11, 64) if IS_WHOLE else (11,)
ANSI = ("true", "false") if IS_WHOLE else ("false",)


@pytest.fixture
def configured(session: Any) -> Iterator[Callable[[str, str], None]]:
    """Sets settings for one test."""
    changed: dict[str, Any] = {}

    def configure(name: str, value: str) -> None:
        changed.setdefault(name, session.conf.get(name))
        session.conf.set(name, value)

    yield configure
    for name, value in changed.items():
        session.conf.set(name, value)


def frame(session: Any, name: str, partitions: int) -> Any:
    return session.createDataFrame(worlds.lines_of(name)).repartition(partitions)


@pytest.mark.parametrize("ansi", ANSI)
@pytest.mark.parametrize("partitions", PARTITIONS)
@pytest.mark.parametrize("name", NAMES)
def test_correlate_by_default_is_one_machine(session: Any, configured: Any, name: str, partitions: int, ansi: str) -> None:
    configured("spark.sql.ansi.enabled", ansi)
    configured("spark.sql.shuffle.partitions", str(partitions))
    found = spark.correlate(frame(session, name, partitions))
    assert worlds.difference(found.toArrow(), worlds.one_machine(name)) is None


@pytest.mark.parametrize("ansi", ANSI)
@pytest.mark.parametrize("name", ("plain", "stalls", "relays") if IS_WHOLE else ())
def test_cell_by_cell_is_one_machine(session: Any, configured: Any, name: str, ansi: str) -> None:
    configured("spark.sql.ansi.enabled", ansi)
    found = spark.correlate_by_cell(frame(session, name, 3), slices=2).drop("evidence_source", "evidence_line")
    assert worlds.difference(found.toArrow(), worlds.one_machine(name)) is None


@pytest.mark.skipif(not IS_WHOLE, reason="in the nightly run")
def test_packets_and_evidence_are_one_machines(session: Any) -> None:
    for name in worlds.WORLDS:
        lines = frame(session, name, 11)
        expected = asglog.scan(worlds.world(name)).to_arrow().sort_by(worlds.PLACE)
        assert worlds.difference(spark.parse(lines).toArrow(), expected) is None
        ledger = asglog.Ledger()
        ledger.add(worlds.world(name))
        assert len(spark.ledger(lines)) == len(ledger)


def test_large_types_change_nothing(session: Any, configured: Any) -> None:
    configured("spark.sql.execution.arrow.useLargeVarTypes", "true")
    lines = frame(session, "plain", 3)
    found = spark.correlate(lines, columns=("source", "line", "time", "handle", "certainty"))
    assert worlds.difference(found.toArrow(), worlds.one_machine("plain")) is None


def test_only_lines_whose_text_is_repeated_are_moved(session: Any, tmp_path: Path) -> None:
    world = worlds.world("plain")
    texts = [line for path in sorted(world.rglob("*.log")) for line in path.read_bytes().splitlines() if b" OUT=" in line]
    # The same packets again, as `dmesg` shows them.
    again = [line[line.rindex(b"[", 0, line.index(b" OUT=")) :] for line in texts[100:140:4]]
    shutil.copytree(world, tmp_path / "all")
    (tmp_path / "all" / "relay.log").write_bytes(b"\n".join(again))
    lines = session.createDataFrame(pa.concat_tables(batches.lines(tmp_path / "all"))).repartition(5)
    found = spark.correlate(lines)
    plan = found._jdf.queryExecution().analyzed().toString()
    assert "Union" in plan and plan.count("RepartitionByExpression [packet_key") == 1
    expected = asglog.correlate(tmp_path / "all").to_arrow().sort_by(worlds.PLACE)
    assert worlds.difference(found.toArrow(), expected) is None
    # Of these, so many are repeated that all are moved; of the plain ones none.
    plans = [spark.correlate(frame(session, name, 3))._jdf.queryExecution().analyzed().toString() for name in ("two-ways", "plain")]
    assert ["packet_key" in plan for plan in plans] == [True, False] and "Union" not in "".join(plans)


def test_without_places_the_order_of_files_decides_nothing(session: Any) -> None:
    """Two lines about a packet, under two names of its machine and with two stamps."""
    lines = frame(session, "relays", 3).select("value")
    rows: list[list[str]] = []
    functions = pytest.importorskip("pyspark.sql.functions")
    for order in ("value", "hash(value)"):
        given = lines.orderBy(functions.expr(order)).repartition(2 + len(rows))
        found = spark.correlate(given, columns=("time", "cell", "dst", "spt", "uptime_us", "certainty", "reason", "handle"))
        rows.append(sorted(map(str, found.toArrow().to_pylist())))
    assert rows[0] == rows[1] and len(rows[0]) > 500


def test_further_columns_and_a_source_alone_are_kept(session: Any) -> None:
    lines = frame(session, "plain", 3).selectExpr("source", "value", "line AS offset", "array(line) AS tags")
    columns = ("source", "offset", "tags", "dst", "handle")
    found = spark.correlate(lines, columns=columns)
    assert found.columns == list(columns)
    rows = {(row["source"], row["offset"]): row["handle"] for row in found.toArrow().to_pylist() if row["tags"] == [row["offset"]]}
    expected = worlds.one_machine("plain")
    assert rows == {(row["source"], row["line"]): row["handle"] for row in expected.to_pylist()}
    assert {"source", "offset", "tags"} <= set(spark.parse(lines).columns) and "line" not in spark.parse(lines).columns


def test_files_are_read_as_one_machine_reads_them(session: Any, tmp_path: Path) -> None:
    import gzip

    for path in worlds.world("plain").rglob("*.log"):
        to = tmp_path / "as 100%25 #é" / path.relative_to(worlds.world("plain"))
        to.parent.mkdir(parents=True, exist_ok=True)
        # Compressed under a name that does not say so.
        to.write_bytes(gzip.compress(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n", 5)))
    columns = ("source", "line", "time", "cell", "handle", "certainty")
    expected = asglog.correlate(tmp_path).columns(*columns).to_arrow().sort_by(worlds.PLACE)
    found = spark.correlate(spark.read(session, str(tmp_path)), columns=columns)
    assert worlds.difference(found.toArrow(), expected) is None and expected.num_rows > 500
    with pytest.raises(Exception, match="these lines begin as a file of gzip"):
        spark.parse(session.read.text(str(tmp_path), recursiveFileLookup=True)).count()


@pytest.mark.parametrize("name", tuple(worlds.WORLDS) if IS_WHOLE else ("plain", "duplicates"))
def test_tasks_read_files_themselves(session: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = spark.read(session, str(worlds.world(name)))
    expected = worlds.one_machine(name)
    with monkeypatch.context() as patch:
        patch.setattr(type(lines), "inputFiles", lambda files: ["s3://logs/a.log"])
        elsewhere = spark.read(session, str(worlds.world(name)))
    assert "content" in elsewhere._asglog_files.columns
    columns = ("source", "line", "time", "handle", "certainty")
    assert worlds.difference(spark.correlate(elsewhere, columns=columns).toArrow(), expected) is None
    found = spark.correlate(lines)
    plan = found._jdf.queryExecution().analyzed().toString()
    # No line goes through Spark, but those of packets that meet their like.
    assert name != "plain" or (plan.count("MapInArrow") == 1 and "Project [path" in plan)
    assert worlds.difference(found.toArrow(), expected) is None
    # Filtered lines are Spark's.
    half = lines.filter("line % 2 = 0")
    packets = spark.parse(half).count()
    assert packets == spark.parse(lines).filter("line % 2 = 0").count()
    # The kernel's lines are not in a foundation that forwards iptables-logger's alone.
    assert packets > 200 or name == "logger-only"
    known, again = spark.gather(lines), spark.gather(half.union(lines.filter("line % 2 <> 0")))
    assert known.repeated == again.repeated and len(known.ledger) == len(again.ledger) and len(known.clocks) == len(again.clocks)


def test_a_function_of_sql_keeps_other_columns(session: Any) -> None:
    functions = pytest.importorskip("pyspark.sql.functions")
    if not hasattr(functions, "arrow_udf"):
        with pytest.raises(ImportError, match=r"need PySpark 4.1 or newer: use asglog.spark.parse"):
            spark.register(session)
        return
    spark.register(session, columns=("dst", "dpt", "time"))
    frame(session, "plain", 2).createOrReplaceTempView("lines")
    found = session.sql("SELECT source, line, asg_packet(value) AS packet FROM lines").filter("packet IS NOT NULL")
    rows = {(row["source"], row["line"]): row["packet"]["dst"] for row in found.toArrow().to_pylist()}
    assert rows == {(row["source"], row["line"]): row["dst"] for row in worlds.one_machine("plain").to_pylist()}


def any_(value: Any) -> Any:
    return value


MISTAKES: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "no column of lines": (lambda lines: spark.parse(lines.withColumnRenamed("value", "text")), ValueError, "columns are `source`, `line`, `text`. Rename"),
    "numbers for lines": (lambda lines: spark.gather(lines.selectExpr("line AS value")), ValueError, "`value` is bigint"),
    "a table of Arrow": (lambda lines: spark.correlate(worlds.lines_of("plain")), TypeError, "a data frame of Spark.*not Table"),
    "a path": (lambda lines: spark.parse(any_("logs/")), TypeError, "asglog.spark.read.*not str"),
    "a path as a ledger": (lambda lines: spark.correlate(lines, ledger=any_("x")), TypeError, "an asglog.Ledger, such as asglog.spark.gather"),
    "a table as clocks": (lambda lines: spark.correlate(lines, clocks=worlds.lines_of("plain")), TypeError, "an asglog.Clocks"),
    "a column with a slip": (lambda lines: spark.parse(lines, columns=("dport",)), KeyError, "did you mean 'dpt'"),
    "a column twice": (lambda lines: spark.parse(lines.withColumnRenamed("line", "host")), ValueError, "rename the one of the lines"),
    "a run without a name": (lambda lines: spark.run(lines, "/nowhere", name=""), ValueError, "such as '2024-05-06'"),
    "a run into nothing": (lambda lines: spark.run(lines, any_(None), name="a"), TypeError, "into is the path of a folder.*not None"),
    "a run without times": (lambda lines: spark.run(lines, "/nowhere", name="a", columns=("dst",)), ValueError, "columns must have `time`"),
    "a name for a stream": (lambda lines: spark.follow("/nowhere", name="a"), TypeError, "follow takes no name"),
    "no slice": (lambda lines: spark.correlate_by_cell(lines, slices=0), ValueError, "not to 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_before_a_worker_meets_it(session: Any, name: str) -> None:
    make, kind, says = MISTAKES[name]
    with pytest.raises(kind, match=says):
        make(frame(session, "plain", 2))


def test_a_stream_is_told_where_to_go(session: Any, tmp_path: Path) -> None:
    lines = session.readStream.text(str(tmp_path))
    for ask in (spark.gather, spark.correlate, spark.correlate_by_cell):
        with pytest.raises(ValueError, match=r"these are a stream: pass asglog.spark.follow"):
            ask(lines)


def test_versions_that_cannot_work_are_named(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pandas, pyspark = pytest.importorskip("pandas"), pytest.importorskip("pyspark")

    lines = frame(session, "plain", 1)
    monkeypatch.setattr(pyspark, "__version__", "3.5.1")
    with pytest.raises(ImportError, match=r"PySpark 4.0 or newer \(and Java 17\), and this is 3.5.1"):
        spark.parse(lines)
    monkeypatch.undo()
    monkeypatch.setattr(pandas, "__version__", "3.1.1")
    with pytest.warns(asglog.AsgWarning, match=r"pandas below 3, and this is 3.1.1: pip install 'pandas<3'"):
        spark.parse(lines)


def dying(flag: str, up: int) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """Kills the worker, or with ``up`` an ancestor of it, once."""

    def batches(given: Iterator[Any]) -> Iterator[Any]:
        for batch in given:
            try:
                os.close(os.open(flag, os.O_CREAT | os.O_EXCL))
                process = os.getpid()
                for _ in range(up):
                    process = int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])
                os.kill(process, signal.SIGKILL)
            except FileExistsError:
                pass
            yield batch

    return batches


@pytest.mark.skipif(not IS_WHOLE, reason="in the nightly run")
@pytest.mark.parametrize("function", ["parse", "evidence", "gather", "correlate", "correlate_by_cell", "run"])
@pytest.mark.parametrize("up", [0, 2], ids=["worker", "executor"])
def test_a_killed_process_changes_no_row(session: Any, tmp_path: Path, function: str, up: int) -> None:
    lines = frame(session, "plain", 4)
    known = spark.gather(lines)
    flag = tmp_path / "killed"

    def run(given: Any) -> Any:
        into = str(tmp_path / str(flag.exists()))
        spark.run(given, into, name="all", columns=("source", "line", "time", "handle", "reason"))
        return session.read.option("basePath", f"{into}/flows").parquet(f"{into}/flows").toArrow().sort_by(worlds.PLACE)

    killed = lines.mapInArrow(dying(str(flag), up), lines.schema)
    ask: dict[str, Callable[[Any], Any]] = {
        "parse": lambda given: spark.parse(given).toArrow().sort_by(worlds.PLACE),
        "evidence": lambda given: sorted(map(str, spark.evidence(given).toArrow().to_pylist())),
        "gather": lambda given: (len(spark.gather(given).ledger), len(spark.gather(given).clocks)),
        "correlate": lambda given: spark.correlate(given, ledger=known.ledger, clocks=known.clocks).toArrow().sort_by(worlds.PLACE),
        "correlate_by_cell": lambda given: spark.correlate_by_cell(given, clocks=known.clocks).toArrow().sort_by(worlds.PLACE),
        "run": run,
    }
    found = ask[function](killed)
    assert flag.exists()
    expected = ask[function](lines)
    assert found.equals(expected) if hasattr(found, "equals") else found == expected
