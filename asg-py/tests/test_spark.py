"""Spark returns the flows that one machine returns. All tests are skipped without PySpark or Java."""

from __future__ import annotations

import gzip
import random
import re
from pathlib import Path
from typing import Any

import pytest
import test_clocks
from conftest import ROOT

import asglog
from asglog import batches, spark

pa = pytest.importorskip("pyarrow")
pytest.importorskip("pyspark.sql")

pytestmark = pytest.mark.filterwarnings("default")

SAMPLE = ROOT / "examples/notebooks/sample/afternoon"
LOGS = sorted(SAMPLE.glob("*.gz"))
PLACE = [("source", "ascending"), ("line", "ascending")]


@pytest.fixture(scope="session")
def lines(session: Any) -> Any:
    """Returns every line of the afternoon with its place, in random order, in several parts."""
    rows = [
        (str(log), number, line)
        for log in LOGS
        for number, line in enumerate(gzip.decompress(log.read_bytes()).splitlines(), 1)
    ]
    random.Random(1).shuffle(rows)
    source, line, value = (list(column) for column in zip(*rows, strict=True))
    table = pa.table({"source": source, "line": pa.array(line, pa.int64()), "value": pa.array(value, pa.binary())})
    return session.createDataFrame(table).repartition(3).cache()


@pytest.fixture(scope="session")
def lists() -> asglog.Export:
    return asglog.Export([SAMPLE / f"{name}.json" for name in ("apps", "processes", "deleted")])


@pytest.fixture(scope="session")
def whole(lists: asglog.Export) -> Any:
    """Returns the flows of one machine."""
    return asglog.correlate(LOGS, directory=lists).to_arrow().sort_by(PLACE)


def assert_same(frame: Any, expected: Any) -> None:
    table = frame.toArrow().sort_by(PLACE)
    assert table.num_rows == expected.num_rows > 4000
    for name in table.column_names:
        assert table.column(name).equals(expected.column(name).cast(table.schema.field(name).type)), name


def test_packets_are_those_of_one_machine(lines: Any) -> None:
    frame = spark.parse(lines)
    assert frame.columns == asglog.SCHEMA.names
    assert_same(frame, asglog.scan(LOGS).to_arrow().sort_by(PLACE))


def test_destinations_have_the_names_of_the_caller(lines: Any, tmp_path: Path) -> None:
    file = tmp_path / "networks.csv"
    file.write_text("10.0.0.0/16,services\n")
    columns = ("source", "line", "dst", "dst_name")
    wanted = asglog.correlate(LOGS, networks=file).columns(*columns).to_arrow().sort_by(PLACE)
    packets = spark.parse(lines, networks=file)
    assert "dst_name" in packets.columns
    assert packets.select(*columns).toArrow().num_rows >= wanted.num_rows
    for found in (
        spark.correlate(lines, ledger=asglog.Ledger(), networks={"10.0.0.0/16": "services"}),
        spark.correlate_by_cell(lines, networks=file, columns=columns),
    ):
        assert found.select(*columns).toArrow().sort_by(PLACE).to_pydict() == wanted.to_pydict()


def test_text_without_places_gives_no_places(session: Any, tmp_path: Path) -> None:
    for log in LOGS[:2]:
        (tmp_path / log.name).write_bytes(log.read_bytes())
    frame = spark.parse(session.read.text(str(tmp_path)))
    assert set(asglog.SCHEMA.names) - set(frame.columns) == {"source", "line"}
    assert frame.count() == sum(1 for _ in asglog.scan(LOGS[:2]))
    some = spark.parse(session.read.text(str(tmp_path)), columns=("dst", "dpt"))
    assert some.dtypes == [("dst", "string"), ("dpt", "int")]
    assert some.filter("dpt = 53").count() == frame.filter("dpt = 53").count() > 0


def test_flows_with_a_ledger_are_those_of_one_machine(lines: Any, lists: asglog.Export, whole: Any) -> None:
    known = spark.ledger(lines)
    alone = asglog.Ledger()
    alone.add(LOGS)
    assert len(known) == len(alone) > 50
    frame = spark.correlate(lines, ledger=known, directory=lists)
    assert set(asglog.FLOW_SCHEMA.names) - set(frame.columns) == {"evidence_source", "evidence_line"}
    assert_same(frame, whole)


def test_flows_cell_by_cell_are_those_of_one_machine(lines: Any) -> None:
    frame = spark.correlate_by_cell(lines)
    assert frame.columns == asglog.FLOW_SCHEMA.names
    assert_same(frame, asglog.correlate(LOGS).to_arrow().sort_by(PLACE))


def test_cells_in_slices_with_names_too(lines: Any, lists: asglog.Export, whole: Any) -> None:
    frame = spark.correlate_by_cell(lines, directory=lists, slices=3)
    # A directory knows more processes of an app, and so more lines could be given as evidence.
    assert_same(frame.drop("evidence_source", "evidence_line"), whole)


def test_a_cell_without_evidence_of_its_own_answers_as_one_machine_does(lines: Any) -> None:
    """Facts from another cell's lines and unknown facts give different reasons."""
    logs = [log for log in LOGS if "cell-0000-rep" not in log.name]
    kept = lines.filter("source NOT LIKE '%cell-0000-rep%'")
    expected = asglog.correlate(logs).to_arrow().sort_by(PLACE)
    assert {"unknown_handle", "unique_app_prefix"} <= set(expected.column("reason").to_pylist())
    assert_same(spark.correlate_by_cell(kept), expected)


def test_evidence_of_before_is_taken(lines: Any, whole: Any) -> None:
    packets = lines.filter("source LIKE '%kern%'")
    frame = spark.correlate_by_cell(packets, ledger=spark.ledger(lines), columns=("source", "line", "reason", "handle"))
    assert_same(frame, whole)


@pytest.fixture(scope="session")
def twice(session: Any) -> Any:
    """Returns packets with two lines, under other names of their machine or none, and lines that
    are stamped late."""
    return session.createDataFrame(test_clocks.table(test_clocks.shuffled(3))).repartition(3).cache()


def test_packets_that_two_lines_tell_are_one_flow_wherever_the_lines_are(twice: Any, tmp_path: Path) -> None:
    expected = test_clocks.whole(tmp_path)
    assert twice.count() > expected.num_rows + 3
    known, clocks = spark.gather(twice)
    for frame in (
        spark.correlate(twice, ledger=known, clocks=clocks),
        spark.correlate_by_cell(twice, slices=2).drop("evidence_source"),
    ):
        found = frame.toArrow().select([name for name in expected.column_names if name in frame.columns])
        assert test_clocks.by_place(found) == test_clocks.by_place(expected.select(found.column_names))


def test_lines_that_are_said_to_tell_packets_once_are_not_moved(twice: Any) -> None:
    moved = []
    for told_once in (True, False):
        frame = spark.correlate(twice, ledger=asglog.Ledger(), clocks=False, told_once=told_once, columns=("dst",))
        moved.append("hashpartitioning(packet_key" in frame._jdf.queryExecution().executedPlan().toString())
    assert moved == [False, True]


def test_a_cell_is_dealt_to_one_task_at_least(lines: Any) -> None:
    with pytest.raises(ValueError, match="not to 0"):
        spark.correlate_by_cell(lines, slices=0)


def test_no_lines_give_no_rows(lines: Any) -> None:
    none = lines.filter("false")
    assert len(spark.ledger(none)) == 0
    assert spark.parse(none).count() == spark.evidence(none).count() == spark.correlate_by_cell(none).count() == 0


def test_evidence_has_a_row_for_each_line_about_a_container(lines: Any) -> None:
    frame = spark.evidence(lines)
    assert frame.columns == [name for name, _, _ in batches.EVIDENCE if name != "row"]
    events = [record.rep for log in LOGS for record in asglog.parse(log) if record.rep is not None]
    assert frame.count() == len(events) > 1000
    assert frame.filter("handle IS NOT NULL").count() == sum(event.handle is not None for event in events)


def test_the_recipe_of_joining_in_sql_finds_the_same_containers(lines: Any, whole: Any) -> None:
    spark.parse(lines).createOrReplaceTempView("packets")
    spark.evidence(lines).createOrReplaceTempView("evidence")
    recipe = re.findall(r"^```sql\n(.*?)^```", (ROOT / "asg-py/CLUSTER.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(recipe) == 1
    frame = lines.sparkSession.sql(recipe[0])
    plan = frame._jdf.queryExecution().executedPlan().toString()
    # Handles and lengths are few; packets are joined by equality.
    assert plan.count("NestedLoop") == 1 and re.search("(HashJoin|SortMergeJoin) .handle_prefix", plan)
    joined = frame.select("source", "line", "handle").toArrow().sort_by(PLACE)
    assert joined.column("handle").to_pylist() == whole.column("handle").to_pylist()


def test_the_page_about_clusters_runs(
    session: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, whole: Any
) -> None:
    page = (ROOT / "asg-py/CLUSTER.md").read_text()
    blocks = [block for block in re.findall(r"^```python\n(.*?)^```", page, re.M | re.S) if "session" in block or "days" in block]
    first, daily, stream = blocks
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {"session": session, "folder": str(tmp_path / "daily")}
    exec(compile(first, "CLUSTER.md", "exec"), names)
    said = capsys.readouterr().out
    assert "org_name" in said and "5432" in said
    exec(compile(daily, "CLUSTER.md", "exec"), names)
    assert session.read.parquet(f"{names['folder']}/flows/day=*").count() == whole.num_rows
    arriving = tmp_path / "arriving"
    arriving.mkdir()
    for n, log in enumerate(LOGS):
        (arriving / f"{n}.log").write_bytes(gzip.decompress(log.read_bytes()))
    names |= {"folder": str(tmp_path / "stream"), "arriving": str(arriving), "checkpoint": str(tmp_path / "checkpoint")}
    exec(compile(stream, "CLUSTER.md", "exec"), names)
    names["query"].awaitTermination()
    assert session.read.parquet(f"{names['folder']}/flows/day=*").count() == whole.num_rows
