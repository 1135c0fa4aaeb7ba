"""Flows by day, from logs that come day by day, or as a stream.

A folder holds what each run has brought, under the run's name: its packets' lines, its evidence, and what it shows about
clocks. A run brings its part, and makes the flows anew of the days that the part is about, from the lines of all runs of those
days and with the evidence of all runs. So neither the order nor the number of runs matters, and a run that is repeated replaces
what it brought.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .api import Directory
from .batches import KEY, merged
from .checks import kind
from .clocks import Clocks
from .clocks import _from_bytes as _clocks_from_bytes
from .consumers import module

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

__all__ = ["follow", "run"]

#: The day of packets whose time is not known.
UNKNOWN = "unknown"

#: Two lines about one packet are stamped less than a day apart.
_AROUND = 1


def run(
    lines: DataFrame,
    into: str,
    *,
    name: str,
    directory: Directory | None = None,
    columns: tuple[str, ...] | None = None,
    year: int | None = None,
    utc_offset: float = 0.0,
    write: Callable[[DataFrame, str], object] | None = None,
) -> list[str]:
    """Adds lines to the flows in a folder, and returns the days whose flows were written.

    ``into`` is a folder that all executors can write, and ``name`` names this run: its day, or an hour. Another run of the
    same name replaces what the first one brought. The result is that of one run over the lines of all:

    * a packet that two runs have lines about is one flow, and late lines go to their own day;
    * evidence and clocks of all runs count. A run writes the days of its own packets anew, with the day before and the day
      behind. Answers about earlier days stay, though newer evidence might change them.

    The flows of a day are written to ``into/flows/day=…``, in Parquet, by cell: a day is overwritten as a whole, and a run that
    failed is repeated. ``write(flows, day)`` writes them elsewhere, such as into a table of Delta or Iceberg; it replaces the
    day. The day is that of UTC, and ``unknown`` for packets without a time. ``columns`` must have ``time``; the other
    arguments are as with :func:`asglog.spark.correlate`.

    Lines that two runs have are taken for one only if they have ``source`` and ``line``, as those of
    :func:`asglog.spark.read` do, or show which packet they are about.
    """
    from . import spark

    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ValueError(f"the name of a run is of letters, digits, `.`, `_` and `-`, such as '2024-05-06', and not {name!r}")
    if not isinstance(into, str):
        raise TypeError(f"into is the path of a folder that all executors can write, as text, not {kind(into)}")
    if columns is not None and "time" not in columns:
        raise ValueError("flows are kept by day: columns must have `time`")
    lines = spark._finished(spark._given(lines), "run")
    session, functions = lines.sparkSession, module("pyspark.sql.functions")
    before = {row["run"]: row for row in _rows(session, f"{into}/state")}
    days = {row["run"]: row for row in _rows(session, f"{into}/days")}
    replaced = days.pop(name, None)
    before.pop(name, None)

    # All clocks number machines in the same way, so those of all runs can be merged.
    first = next(iter(before.values()), None)
    whole = Clocks() if first is None else _clocks_from_bytes(bytes(first["clocks"])).part()
    ledger, clocks = spark._gathered(lines, whole.part())
    packets = spark._map(lines, spark._each(spark._keyed), spark._schema(lines, [*lines.columns, KEY]))
    packets.drop(KEY).write.mode("overwrite").parquet(f"{into}/lines/{name}")
    own = [(name, bytes(ledger._native.to_bytes()), bytes(clocks._native.to_bytes()))]
    _save(session, own, "run STRING, ledger BINARY, clocks BINARY", f"{into}/state/{name}")
    whole.merge(clocks)
    ledger.merge(merged(before.values(), whole).ledger)

    def flows(runs: list[str], columns: tuple[str, ...] | None) -> Any:
        held = session.read.parquet(*(f"{into}/lines/{one}" for one in runs))
        if {"source", "line"} <= set(held.columns):
            held = held.dropDuplicates(["source", "line", "value"])
        found = spark.correlate(
            held,
            ledger=ledger,
            clocks=whole,
            directory=directory if columns is None or len(columns) > 1 else None,
            columns=columns,
            year=year,
            utc_offset=utc_offset,
        )
        day = functions.floor(functions.unix_micros("time") / 86_400_000_000).cast("INT")
        day = functions.coalesce(functions.date_from_unix_date(day).cast("STRING"), functions.lit(UNKNOWN))
        return found.withColumn("day", day)

    # Packets that had no time may have one now.
    about = sorted({name, *(one for one, row in days.items() if UNKNOWN in row["days"])})
    has = {one: sorted(row["day"] for row in flows([one], ("time",)).select("day").distinct().collect()) for one in about}
    touched = {day for found in has.values() for day in found}
    touched |= {day for one in about for day in ((days[one]["days"] if one in days else None) or ())}
    touched |= set(replaced["days"]) if replaced is not None else set()
    written = _around(touched, _AROUND)
    needed = _around(written, _AROUND)
    runs = {one for one, row in days.items() if needed & set(row["days"])} | {one for one, found in has.items() if found}
    known_days = {day for row in days.values() for day in row["days"]} | {day for found in has.values() for day in found}
    written = {day for day in written if day in known_days or day in touched}
    if runs:
        table = flows(sorted(runs), columns).persist()
        try:
            for day in sorted(written):
                one = table.filter(functions.col("day") == day).drop("day")
                if write is not None:
                    write(one, day)
                else:
                    _by_cell(one).parquet(f"{into}/flows/day={day}")
        finally:
            table.unpersist()
    elif written:
        raise ValueError(f"the run {name!r} now has no packets, and no other run has any of its days: delete {into}/flows by hand")
    for one, found in has.items():
        _save(session, [(one, found)], "run STRING, days ARRAY<STRING>", f"{into}/days/{one}")
    return sorted(written)


def follow(into: str, **options: Any) -> Callable[[DataFrame, int], None]:
    """Returns a function for ``writeStream.foreachBatch`` that adds each batch to the flows in a folder.

    Each batch is a :func:`run`, with the same options, named by the batch's number: so a batch that Spark repeats after a
    failure replaces itself, and what came before is in the folder and not in memory. The tables are those of one run over all
    lines, except for answers about days that ended two days before a batch. A batch makes the flows of its days anew: let
    batches be of minutes or hours (``trigger(processingTime="10 minutes")``), and not of seconds.
    """
    if "name" in options:
        raise TypeError("a stream names its runs itself: follow takes no name")
    if not isinstance(into, str):
        raise TypeError(f"into is the path of a folder that all executors can write, as text, not {kind(into)}")

    def batch(lines: DataFrame, number: int) -> None:
        if not lines.isEmpty():
            run(lines, into, name=f"batch-{number:012}", **options)

    return batch


def _by_cell(flows: DataFrame) -> Any:
    written = flows.write.mode("overwrite")
    return written.partitionBy("cell") if "cell" in flows.columns and len(flows.columns) > 1 else written


def _rows(session: Any, path: str) -> list[Any]:
    """Returns the rows of what the runs wrote there; none before the first."""
    errors = module("pyspark.errors")
    try:
        # Names of runs may look like dates; only what stands in the files counts.
        found: list[Any] = session.read.option("recursiveFileLookup", "true").parquet(path).collect()
    except errors.AnalysisException as error:
        if error.getCondition() in ("PATH_NOT_FOUND", "UNABLE_TO_INFER_SCHEMA"):
            return []
        raise
    return found


def _save(session: Any, rows: list[tuple[Any, ...]], schema: str, path: str) -> None:
    session.createDataFrame(rows, schema).coalesce(1).write.mode("overwrite").parquet(path)


def _around(days: set[str], by: int) -> set[str]:
    import datetime

    found = set(days)
    for day in days - {UNKNOWN}:
        at = datetime.date.fromisoformat(day)
        found |= {str(at + datetime.timedelta(days=n)) for n in range(-by, by + 1)}
    return found
