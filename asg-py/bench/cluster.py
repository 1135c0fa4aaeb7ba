"""Spark's functions beside one machine and beside plain PySpark: lines a second of one core.

    taskset -c 0 python bench/cluster.py [LINES] [PARTITIONS]        # a release build

One executor with one core (``local[1]``), so the figures are those of a core. The lines are written to Parquet first, and rows
are thrown away: so reading and writing of files count little. The best of three rounds counts. ``plain PySpark`` is ten
``regexp_extract`` and a join with cut handles, as people write it. The last lines are what CLUSTER.md is computed from.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from packets import log
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import asglog
from asglog import spark

#: The columns that the plain way extracts.
SAME = ("cell", "verdict", "src", "spt", "dst", "dpt", "proto", "len", "handle_prefix", "handle")

PATTERNS = {
    "cell": r'id="([0-9a-f-]+)"', "verdict": r"\] (OK|DENY)_", "src": r" SRC=([0-9a-f.:]+)", "spt": r" SPT=([0-9]+)",
    "dst": r" DST=([0-9a-f.:]+)", "dpt": r" DPT=([0-9]+)", "proto": r" PROTO=([A-Z0-9]+)", "len": r" LEN=([0-9]+)",
    "handle_prefix": r"\] (?:OK|DENY)_([0-9a-f-]+) IN=",
}  # fmt: skip


def plain(lines: Any) -> Any:
    """Extracts the fields and joins handles by their beginning, cut to the length of the prefixes."""
    text = F.col("value").cast("string")
    packets = lines.filter(text.contains(" IN=")).select(*(F.regexp_extract(text, of, 1).alias(name) for name, of in PATTERNS.items()))
    handles = lines.filter(text.contains('"container-guid"')).select(F.regexp_extract(text, '"container-guid":"([0-9a-f-]+)"', 1).alias("handle"))
    keys = handles.distinct().withColumn("handle_prefix", F.substring("handle", 1, 23))
    return packets.join(F.broadcast(keys), "handle_prefix", "left")


def best(way: Callable[[], Any], rounds: int = 3) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        way()
        times.append(time.perf_counter() - start)
    return min(times)


def main(count: int, partitions: int) -> dict[str, float]:
    """Measures the lines a second of each way."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.shuffle.partitions", str(partitions)).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    data = log(count)
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "kern.log")
        with open(path, "wb") as file:
            file.write(data)
        found["one machine, to Parquet"] = best(lambda: asglog.correlate(path).to_parquet(os.path.join(folder, "x.parquet")))
        spark.read(session, path).repartition(partitions).write.parquet(os.path.join(folder, "lines"))
        lines = session.read.parquet(os.path.join(folder, "lines"))
        known = spark.gather(lines)

        def noop(frame: Any) -> None:
            frame.write.format("noop").mode("overwrite").save()

        ways: dict[str, Callable[[], Any]] = {
            "identity in Python": lambda: noop(lines.mapInArrow(lambda batches: batches, lines.schema)),
            "plain PySpark": lambda: noop(plain(lines)),
            "parse, 9 columns": lambda: noop(spark.parse(lines, columns=SAME[:9])),
            "gather": lambda: spark.gather(lines),
            "correlate, same columns": lambda: noop(spark.correlate(lines, ledger=known.ledger, clocks=known.clocks, columns=SAME)),
            "correlate, told once": lambda: noop(
                spark.correlate(lines, ledger=known.ledger, clocks=known.clocks, columns=SAME, told_once=True)
            ),
            "correlate, all, gathering": lambda: noop(spark.correlate(lines)),
            "correlate_by_cell": lambda: noop(spark.correlate_by_cell(lines, clocks=known.clocks, columns=SAME)),
            "evidence": lambda: noop(spark.evidence(lines)),
        }
        for name, way in ways.items():
            found[name] = best(way)
    session.stop()
    for name, seconds in found.items():
        print(f"{name:28} {seconds:8.2f} s {count / seconds / 1e3:8.0f} k lines/s")
    one, default = found["one machine, to Parquet"], found["correlate, all, gathering"]
    print(f"one machine / correlate by default: {default / one:.1f} (bar 2)")
    print(f"correlate_by_cell / correlate: {found['correlate_by_cell'] / found['correlate, same columns']:.1f} (bar 2)")
    return found


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:3]]
    main(*(given + [1_000_000, 4][len(given) :]))
