"""Spark's functions beside one machine and beside plain PySpark: lines a second of one core.

    python bench/cluster.py [--log FILE] [--rounds 3] [--partitions 4] [--asglog PATH]        # a release build

Seconds are those of the processors, of all processes together: Java, Python's workers and the driver. So they are those of a
core, also on a machine that does other work, and whatever the number of threads. What is left out: the session's start. Every
way runs some times, and the least counts, so that Java has compiled what it runs. Rows are thrown away, except where a way is
said to write Parquet. One machine reads the log. Ways with ``log`` in their name read it, too, by ``spark.read``; the others read
its lines in a table of Parquet that was written before. ``plain PySpark`` is ten ``regexp_extract`` and a join with cut handles,
as people write it.

The log is a million lines of ``cargo run --release -p asg-benches --bin mixed``, unless one is given.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from asglog import spark

ROOT = Path(__file__).resolve().parents[2]

#: The columns that the plain way extracts, and their like.
SAME = ("cell", "verdict", "src", "spt", "dst", "dpt", "proto", "len", "handle_prefix", "handle")

PATTERNS = {
    "cell": r"(?:index=|\+00:00 )([0-9.]+)", "verdict": r"\] (OK|DENY)_", "src": r" SRC=([0-9a-f.:]+)",
    "spt": r" SPT=([0-9]+)", "dst": r" DST=([0-9a-f.:]+)", "dpt": r" DPT=([0-9]+)", "proto": r" PROTO=([A-Z0-9]+)",
    "len": r" LEN=([0-9]+)", "handle_prefix": r"\] (?:OK_|DENY_)?([0-9a-f-]{23})[0-9a-f-]* ?IN=",
}  # fmt: skip


def plain(lines: Any) -> Any:
    """Extracts the fields and joins handles by their beginning, cut to the length of the prefixes."""
    text = F.col("value").cast("string")
    packets = lines.filter(text.contains(" OUT=")).select(*(F.regexp_extract(text, of, 1).alias(name) for name, of in PATTERNS.items()))
    handles = lines.filter(text.contains('"container-guid"')).select(F.regexp_extract(text, '"container-guid":"([0-9a-f-]+)"', 1).alias("handle"))
    keys = handles.distinct().withColumn("handle_prefix", F.substring("handle", 1, 23))
    return packets.join(F.broadcast(keys), "handle_prefix", "left")


def spent() -> float:
    """Returns the seconds of processors that this process and its descendants have used."""
    parents, used = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        process = int(stat.parent.name)
        parents[process] = int(fields[1])
        # With children that have ended.
        used[process] = sum(map(int, fields[11:15]))
    family = {os.getpid()}
    while more := {process for process, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(used[process] for process in family) / os.sysconf("SC_CLK_TCK")


def least(way: Callable[[], Any], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        start = spent()
        way()
        times.append(spent() - start)
    return min(times)


def lines_of(given: Path | None, folder: Path) -> Path:
    """Returns the log that all ways read."""
    if given is not None:
        return given
    path = folder / "mixed.log"
    command = ["cargo", "run", "--quiet", "--release", "-p", "asg-benches", "--bin", "mixed"]
    with path.open("wb") as file:
        subprocess.run(command, cwd=ROOT, stdout=file, check=True)
    return path


def one_machine(asglog: str, log: Path, folder: Path, rounds: int) -> float:
    """Measures the program with one thread, all of its columns written as Parquet."""
    times = []
    for _ in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [asglog, "correlate", "--threads", "1", "-o", str(folder / "x.parquet"), str(log)]
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


def main(log: Path | None, rounds: int, partitions: int, asglog: str, only: tuple[str, ...] = ("",)) -> dict[str, float]:
    """Measures the lines a second of each way."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = lines_of(log, folder)
        with path.open("rb") as file:
            count = sum(1 for _ in file)
        found = {"one machine, to Parquet": one_machine(asglog, path, folder, rounds)}
        # All columns, so nothing is left out.
        os.environ["PYSPARK_PYTHON"] = sys.executable
        builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
        builder = builder.config("spark.ui.showConsoleProgress", "false").config("spark.driver.memory", "4g")
        session = builder.config("spark.sql.shuffle.partitions", str(partitions)).getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        of_log = spark.read(session, str(path))
        lines, known = of_log, spark.gather(of_log)
        # Ways that read the log need no table.
        if not all(word.startswith("log:") for word in only):
            of_log.repartitionByRange(partitions, "line").write.parquet(str(folder / "lines"))
            lines = session.read.parquet(str(folder / "lines"))

        def noop(frame: Any) -> None:
            frame.write.format("noop").mode("overwrite").save()

        def parquet(frame: Any) -> None:
            frame.write.mode("overwrite").parquet(str(folder / "flows"))

        given: dict[str, Any] = {"ledger": known.ledger, "clocks": known.clocks}
        ways: dict[str, Callable[[], Any]] = {
            "log: gather": lambda: spark.gather(of_log),
            "log: correlate, 10 columns": lambda: noop(spark.correlate(of_log, columns=SAME)),
            "log: correlate by default": lambda: noop(spark.correlate(of_log)),
            "log: correlate, to Parquet": lambda: parquet(spark.correlate(of_log)),
            "identity in Python": lambda: noop(lines.mapInArrow(lambda batches: batches, lines.schema)),
            "plain PySpark": lambda: noop(plain(lines)),
            "parse, 9 columns": lambda: noop(spark.parse(lines, columns=SAME[:9])),
            "gather": lambda: spark.gather(lines),
            "correlate, told once, 10 columns": lambda: noop(spark.correlate(lines, **given, columns=SAME, told_once=True)),
            "correlate, shuffled, 10 columns": lambda: noop(spark.correlate(lines, **given, columns=SAME)),
            "correlate, 10 columns": lambda: noop(spark.correlate(lines, columns=SAME)),
            "correlate by default": lambda: noop(spark.correlate(lines)),
            "correlate, to Parquet": lambda: parquet(spark.correlate(lines)),
            "by cell, 10 columns": lambda: noop(spark.correlate_by_cell(lines, columns=SAME)),
            "by cell, all columns": lambda: noop(spark.correlate_by_cell(lines)),
            "evidence": lambda: noop(spark.evidence(lines)),
        }
        for name, way in ways.items():
            if any(word in name for word in only):
                found[name] = least(way, rounds)
                print(f"{name:34} {found[name]:8.2f} s {count / found[name] / 1e3:8.0f} k lines/s", flush=True)
        session.stop()
    first = "one machine, to Parquet"
    print(f"{first:34} {found[first]:8.2f} s {count / found[first] / 1e3:8.0f} k lines/s")
    for one, other in (
        ("log: correlate by default", first),
        ("log: correlate, to Parquet", first),
        ("correlate by default", first),
        ("correlate, to Parquet", first),
        ("by cell, all columns", "correlate by default"),
        ("by cell, 10 columns", "correlate, 10 columns"),
        ("correlate, 10 columns", "plain PySpark"),
    ):
        if one in found and other in found:
            print(f"{one} / {other}: {found[one] / found[other]:.2f}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Spark's functions beside one machine.")
    parser.add_argument("--log", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--only", nargs="*", default=[""], help="ways with one of these in their name")
    found_program = shutil.which("asglog") or str(ROOT / "target/release/asglog")
    parser.add_argument("--asglog", default=found_program)
    options = parser.parse_args()
    main(options.log, options.rounds, options.partitions, options.asglog, tuple(options.only))
