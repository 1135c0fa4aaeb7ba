"""Every door gives the same flows: each output, Python, Spark, and the follower over the same foundation."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from test_cli import ASGLOG, environment

import asglog

pytestmark = pytest.mark.filterwarnings("default")

SAMPLE = ROOT / "examples/notebooks/sample/afternoon"

#: The compared columns: the place, the line's own facts, and the answer.
COLUMNS = (
    "line",
    "time",
    "cell",
    "verdict",
    "plane",
    "direction",
    "proto",
    "src",
    "spt",
    "dst",
    "dpt",
    "len",
    "handle_prefix",
    "certainty",
    "reason",
    "handle",
    "process_guid",
    "index",
    "app_guid",
    "app_name",
    "space_name",
    "org_name",
)

Flow = tuple[Any, ...]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns all logs of the afternoon in one, the evidence first, so that a follower has it in
    time."""
    path = tmp_path_factory.mktemp("doors") / "all.log"
    logs = sorted(SAMPLE.glob("*.gz"), key=lambda log: ("kern" in log.name, log.name))
    path.write_bytes(b"".join(gzip.decompress(log.read_bytes()) for log in logs))
    return path


EXPORT = [str(SAMPLE / f"{name}.json") for name in ("apps", "processes", "deleted")]


def program(*args: str, stdin: bytes | None = None) -> bytes:
    done = subprocess.run([ASGLOG, *args], input=stdin, capture_output=True, env=environment(), timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def of_table(table: Any) -> list[Flow]:
    """Returns the flows of an Arrow table, with times as the program prints them."""
    columns = [table.column(name).to_pylist() for name in COLUMNS]
    rows = [list(row) for row in zip(*columns, strict=True)]
    for row in rows:
        row[1] = row[1] and row[1].isoformat(timespec="microseconds").replace("+00:00", "Z")
    return sorted(map(tuple, rows))


def with_micros(time: str | None) -> str | None:
    if not time:
        return None
    head, _, fraction = time.rstrip("Z").partition(".")
    return f"{head}.{fraction[:6]:0<6}Z"


def of_object(flow: dict[str, Any]) -> Flow:
    said = flow["attribution"]
    flat = {
        **flow,
        "time": with_micros(flow["time"]),
        "certainty": said["certainty"],
        "reason": said["reason"],
        "app_guid": flow["app"]["guid"],
        "app_name": flow["app"]["name"],
        "space_name": flow["space"]["name"],
        "org_name": flow["org"]["name"],
    }
    return tuple(flat.get(name) for name in COLUMNS)


def ndjson(log: Path, tmp_path: Path) -> list[Flow]:
    out = program("correlate", "--format", "ndjson", "--cc-export", *EXPORT, "--", str(log))
    return sorted(of_object(json.loads(line)) for line in out.splitlines())


def follower(log: Path, tmp_path: Path) -> list[Flow]:
    args = ["correlate", "--follow", "--hold", "7d", "--format", "ndjson", "--cc-export", *EXPORT, "--", "-"]
    out = program(*args, stdin=log.read_bytes())
    return sorted(of_object(json.loads(line)) for line in out.splitlines())


def comma_separated(log: Path, tmp_path: Path) -> list[Flow]:
    out = program("correlate", "--format", "csv", "--cc-export", *EXPORT, "--", str(log)).decode()
    numbers = {"line", "spt", "dpt", "len", "index"}

    def value(name: str, text: str) -> Any:
        if name == "time":
            return with_micros(text)
        return (int(text) if name in numbers else text) if text else None

    rows = csv.DictReader(io.StringIO(out))
    return sorted(tuple(value(name, row[name]) for name in COLUMNS) for row in rows)


def parquet(log: Path, tmp_path: Path) -> list[Flow]:
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "flows.parquet"
    program("correlate", "-o", str(path), "--cc-export", *EXPORT, "--", str(log))
    return of_table(pq.read_table(path))


def correlated(log: Path) -> Any:
    return asglog.correlate(log, directory=asglog.Export(EXPORT))


def python_table(log: Path, tmp_path: Path) -> list[Flow]:
    return of_table(correlated(log).to_arrow())


DOORS: dict[str, Callable[[Path, Path], list[Flow]]] = {
    "csv": comma_separated,
    "parquet": parquet,
    "python": python_table,
    "follower": follower,
}


def assert_same(found: list[Flow], expected: list[Flow]) -> None:
    assert len(found) == len(expected) > 4_000
    different = [(ours, theirs) for ours, theirs in zip(found, expected, strict=True) if ours != theirs]
    assert not different, different[:3]


@pytest.mark.parametrize("door", DOORS)
def test_each_door_gives_the_flows_of_ndjson(door: str, log: Path, tmp_path: Path) -> None:
    assert_same(DOORS[door](log, tmp_path), ndjson(log, tmp_path))


def test_spark_gives_the_flows_of_ndjson(session: Any, log: Path, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from asglog import spark

    values = log.read_bytes().splitlines()
    table = pa.table(
        {
            "source": [str(log)] * len(values),
            "line": pa.array(range(1, len(values) + 1), pa.int64()),
            "value": pa.array(values, pa.binary()),
        }
    )
    lines = session.createDataFrame(table).repartition(3)
    frame = spark.correlate(
        lines,
        ledger=spark.ledger(lines),
        clocks=spark.clocks(lines),
        directory=asglog.Export(EXPORT),
        columns=COLUMNS,
    )
    assert_same(of_table(frame.toArrow()), ndjson(log, tmp_path))
