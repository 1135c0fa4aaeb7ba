"""Runs and streams keep the table of one run over all lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import worlds

from asglog import spark

pa = pytest.importorskip("pyarrow")
pytest.importorskip("pyspark.sql")

pytestmark = pytest.mark.filterwarnings("default")

COLUMNS = ("source", "line", "time", "cell", "handle", "certainty", "reason")

#: Over New Year, so that the stamps have no year and the flows are of two days.
WORLD = "new-year"


@pytest.fixture(scope="module")
def lines(session: Any) -> Any:
    return session.createDataFrame(worlds.lines_of(WORLD)).cache()


def kept(session: Any, into: Path) -> Any:
    """Returns the flows in a folder."""
    found = session.read.option("basePath", f"{into}/flows").parquet(f"{into}/flows/day=*").select(*COLUMNS)
    return found.toArrow().sort_by(worlds.PLACE)


def run(lines: Any, into: Path, name: str) -> list[str]:
    return spark.run(lines, str(into), name=name, columns=COLUMNS)


def test_halves_and_repeats_give_the_table_of_one_run(session: Any, lines: Any, tmp_path: Path) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    days = run(lines, whole, "all")
    assert len(days) == 2
    expected = kept(session, whole)
    assert worlds.difference(expected, worlds.one_machine(WORLD).select(COLUMNS)) is None
    assert run(lines, whole, "all") == days
    assert kept(session, whole).equals(expected)

    # By chance, so that two lines of one packet, and its evidence, are in either half.
    one, other = lines.filter("hash(value) % 2 = 0"), lines.filter("hash(value) % 2 <> 0")
    run(one, halves, "2023-01-01")
    run(other, halves, "2023-01-02")
    assert kept(session, halves).equals(expected)


def test_a_run_replaces_what_it_brought_and_nothing_else(session: Any, lines: Any, tmp_path: Path) -> None:
    one, other = lines.filter("line % 3 = 0"), lines.filter("line % 3 <> 0")
    run(one, tmp_path, "a")
    run(other.limit(40), tmp_path, "b")
    run(other, tmp_path, "b")
    expected = worlds.one_machine(WORLD).select(COLUMNS)
    assert worlds.difference(kept(session, tmp_path), expected) is None


def test_a_stream_gives_the_table_of_one_run_and_goes_on_after_a_restart(session: Any, lines: Any, tmp_path: Path) -> None:
    arriving, into = tmp_path / "arriving", tmp_path / "into"

    def arrive(half: Any) -> None:
        half.write.mode("append").parquet(str(arriving))
        stream = session.readStream.schema("source STRING, line LONG, value BINARY").parquet(str(arriving))
        writer = stream.writeStream.foreachBatch(spark.follow(str(into), columns=COLUMNS))
        writer.option("checkpointLocation", str(tmp_path / "checkpoint")).trigger(availableNow=True).start().awaitTermination()

    arrive(lines.filter("hash(value) % 2 = 0"))
    before = kept(session, into).num_rows
    # Another query, as after a restart: it begins behind the checkpoint.
    arrive(lines.filter("hash(value) % 2 <> 0"))
    found = kept(session, into)
    assert worlds.difference(found, worlds.one_machine(WORLD).select(COLUMNS)) is None
    assert 0 < before < found.num_rows


def test_the_table_can_be_written_elsewhere(lines: Any, tmp_path: Path) -> None:
    taken: dict[str, int] = {}
    days = spark.run(lines, str(tmp_path), name="a", columns=COLUMNS, write=lambda flows, day: taken.update({day: flows.count()}))
    assert sorted(taken) == days and sum(taken.values()) == worlds.one_machine(WORLD).num_rows
    assert not (tmp_path / "flows").exists()
