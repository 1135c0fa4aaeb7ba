"""Spark Connect returns the flows that one machine returns.

A process cannot have both kinds of sessions, so a process of its own makes the tables. All tests are skipped without PySpark,
Java, or what Spark Connect needs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

import asglog

pq = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("pyspark.sql")
pytest.importorskip("grpc_status", reason="Spark Connect is not installed (pip install 'pyspark[connect]')")

pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("default")]

LOGS = sorted((ROOT / "examples/notebooks/sample/afternoon").glob("*.gz"))
PLACE = [("source", "ascending"), ("line", "ascending")]
COLUMNS = ("source", "line", "time", "cell", "handle", "certainty", "reason")


def make(folder: Path) -> None:
    """Makes each table in a session of Spark Connect."""
    from pyspark.sql import SparkSession

    from asglog import spark

    session = SparkSession.builder.remote("local[2]").config("spark.sql.shuffle.partitions", "3").getOrCreate()
    session.conf.set("spark.sql.session.timeZone", "UTC")
    lines = spark.read(session, *map(str, LOGS))
    cached = lines.select("*").cache()
    found = spark.gather(lines)
    spark.register(session)
    cached.createTempView("lines")
    arriving = session.readStream.schema(cached.schema).parquet(str(folder / "lines"))
    cached.write.parquet(str(folder / "lines"))
    tables = {
        "packets": spark.parse(lines),
        "flows": spark.correlate(lines),
        "gathered": spark.correlate(lines, gathered=found),
        "of lines": spark.correlate(cached),
        "by cell": spark.correlate_by_cell(lines),
        "sql": session.sql("SELECT source, line, asg_packet(value).dpt AS dpt FROM lines WHERE asg_packet(value) IS NOT NULL"),
    }
    for name, table in tables.items():
        pq.write_table(table.toArrow(), folder / f"{name}.parquet")
    into = str(folder / "run")
    for _ in range(2):
        spark.run(lines, into, name="all", columns=COLUMNS)
    pq.write_table(session.read.option("basePath", f"{into}/flows").parquet(f"{into}/flows").toArrow(), folder / "run.parquet")
    into = str(folder / "stream")
    writer = arriving.writeStream.foreachBatch(spark.follow(into, columns=COLUMNS)).trigger(availableNow=True)
    writer.option("checkpointLocation", str(folder / "checkpoint")).start().awaitTermination()
    pq.write_table(session.read.option("basePath", f"{into}/flows").parquet(f"{into}/flows").toArrow(), folder / "stream.parquet")
    session.stop()


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the folder of the tables."""
    if shutil.which("java") is None:
        pytest.skip("there is no Java, which Spark runs in (Debian: apt-get install openjdk-17-jre-headless)")
    folder = tmp_path_factory.mktemp("connect")
    local = {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    made = subprocess.run(
        [sys.executable, __file__, str(folder)], cwd=folder, env=os.environ | local, capture_output=True, text=True, timeout=300, check=False
    )
    # Java's traces are long, and name the failure in their last lines.
    assert made.returncode == 0, made.stderr[-4000:]
    return folder


@pytest.fixture(scope="module")
def whole() -> Any:
    """Returns the flows of one machine."""
    return asglog.correlate(LOGS).to_arrow().sort_by(PLACE)


@pytest.mark.parametrize("name", ["flows", "gathered", "of lines", "by cell", "run", "stream"])
def test_flows_are_those_of_one_machine(tables: Path, whole: Any, name: str) -> None:
    table = pq.read_table(tables / f"{name}.parquet").sort_by(PLACE)
    assert table.num_rows == whole.num_rows > 4000
    for column in set(table.column_names) - {"day"}:
        kind = table.schema.field(column).type
        assert table.column(column).cast(kind).equals(whole.column(column).cast(kind)), column


def test_packets_are_those_of_one_machine(tables: Path) -> None:
    expected = asglog.scan(LOGS).to_arrow().sort_by(PLACE)
    for name in ("packets", "sql"):
        table = pq.read_table(tables / f"{name}.parquet").sort_by(PLACE)
        assert table.num_rows == expected.num_rows > 4000
        ports = table.column("dpt")
        assert ports.equals(expected.column("dpt").cast(ports.type))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
