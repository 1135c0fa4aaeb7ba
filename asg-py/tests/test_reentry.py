"""Callbacks that read another table, and garbage in cycles."""

from __future__ import annotations

import gc
import io
import subprocess
import sys
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import LOGS

import asglog

#: A program whose callback reads tables, in its own process, because a fault would be an abort.
SCRIPT = """
import os
import sys
import asglog
import duckdb

log, callback, outer = sys.argv[1:]
reads = 0

def table():
    return asglog.scan(log)

def counted_by_duckdb(given):
    # Inside a query its connection is taken.
    with duckdb.connect() as connection:
        return connection.sql("select count(*) from given").fetchall()[0][0]

def read_inside():
    global reads
    reads += 1
    if reads > 2:
        return
    assert len(list(table())) == 9
    assert table().to_arrow().num_rows == 9
    assert table().to_polars().height == 9
    try:
        assert counted_by_duckdb(table()) == 9
    except duckdb.Error as error:
        # Another thread of the database may have opened the stream.
        assert "cannot be read inside it" in str(error)
    assert len(table().top(by="proto")) > 0
    table().to_parquet(os.devnull)

class Names:
    def resolve(self, guids):
        read_inside()
        return {}

class File:
    def __init__(self):
        self.inner = open(log, "rb")
        self.seek, self.tell, self.seekable = self.inner.seek, self.inner.tell, self.inner.seekable
    def read(self, size=-1):
        read_inside()
        return self.inner.read(size)

if callback == "directory":
    flows = asglog.correlate(log, directory=Names())
elif callback == "progress":
    flows = asglog.correlate(log, progress=lambda done: read_inside())
elif callback == "file":
    flows = asglog.scan(File())

if outer == "for":
    rows = len(list(flows))
elif outer == "to_arrow":
    rows = flows.to_arrow().num_rows
elif outer == "to_polars":
    rows = flows.to_polars().height
elif outer == "duckdb":
    rows = counted_by_duckdb(flows)
assert rows == 9, rows
assert reads > 0
print("done")
"""


@pytest.mark.parametrize("outer", ["for", "to_arrow", "to_polars", "duckdb"])
@pytest.mark.parametrize("callback", ["directory", "progress", "file"])
def test_a_callback_may_read_another_table(callback: str, outer: str) -> None:
    for module in ("pyarrow", "polars", "duckdb"):
        pytest.importorskip(module)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(LOGS[1]), callback, outer], capture_output=True, text=True, timeout=120
    )
    # DuckDB shows its progress there, too.
    assert done.returncode == 0 and done.stdout.endswith("done\n"), done.stderr


def test_a_stream_from_outside_is_refused_inside_a_callback() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    reader = pyarrow.RecordBatchReader.from_stream(asglog.scan(LOGS[1]))
    seen: list[str] = []

    class Names:
        def resolve(self, guids: list[str]) -> Mapping[str, None]:
            with pytest.raises(Exception, match="cannot be read inside it") as caught:
                reader.read_all()
            seen.append(str(caught.value))
            return {}

    assert len(list(asglog.correlate(LOGS[1], directory=Names()))) == 9
    assert seen


class Named:
    """A directory, a file object and a progress function, in a cycle with its own table."""

    table: Any

    def __init__(self) -> None:
        self.inner = io.BytesIO(LOGS[1].read_bytes())

    def resolve(self, guids: list[str]) -> Mapping[str, None]:
        return {}

    def read(self, size: int = -1) -> bytes:
        return self.inner.read(size)

    def seekable(self) -> bool:
        return False

    def __call__(self, done: int) -> None:
        pass


@pytest.mark.parametrize("kind", ["directory", "derived", "progress", "file", "objects", "token"])
def test_a_cycle_of_a_table_and_its_callback_is_collected(kind: str) -> None:
    named = Named()
    if kind == "directory":
        named.table = asglog.correlate(LOGS[1], directory=named)
        assert len(list(named.table)) == 9
    elif kind == "derived":
        first = asglog.correlate(LOGS[1], directory=named)
        named.table = [first, first.filter(dpt=80), first.columns("dst").limit(2)]
        del first
    elif kind == "progress":
        named.table = asglog.correlate(LOGS[1], progress=named)
    elif kind == "file":
        named.table = asglog.parse(named)
        next(named.table)
    elif kind == "objects":
        named.table = iter(asglog.correlate(LOGS[1], directory=named))
        next(named.table)
    elif kind == "token":
        named.table = asglog.CloudController("https://api.example.org", lambda: str(named))  # noqa: F821  (it is deleted below)
    gone = weakref.ref(named)
    del named
    gc.collect()
    assert gone() is None


def test_what_is_in_use_is_not_collected(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    named = Named()
    named.table = asglog.correlate(LOGS[1], directory=named)
    reader = pyarrow.RecordBatchReader.from_stream(named.table)
    rows = iter(named.table.filter(verdict="denied"))
    del named
    gc.collect()
    assert reader.read_all().num_rows == 9
    assert len(list(rows)) == 3
