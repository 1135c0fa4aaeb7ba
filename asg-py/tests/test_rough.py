"""Threads, signals, memory, imports: what happens to a library that others run."""

from __future__ import annotations

import concurrent.futures
import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import LOGS, PACKET

import asglog


def python(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True, timeout=900, check=False
    )


def test_importing_imports_nothing_heavy() -> None:
    script = "import sys; before = set(sys.modules); import asglog; print(*(set(sys.modules) - before))"
    ran = python(script)
    assert ran.returncode == 0, ran.stderr
    loaded = {name.split(".")[0] for name in ran.stdout.split()}
    assert "asglog" in loaded
    heavy = "pandas polars pyarrow duckdb numpy tqdm asyncio email http json logging socket ssl subprocess tempfile urllib"
    assert not loaded & set(heavy.split()), loaded


def test_threads_share_tables_and_ledgers() -> None:
    table, flows, ledger = asglog.scan(LOGS), asglog.correlate(LOGS), asglog.Ledger()
    wanted = ([record.line for record in table], list(asglog.correlate(LOGS)))

    def work(_: int) -> tuple[list[int], list[asglog.Flow]]:
        ledger.add(LOGS)
        ledger.who("d08bb414-cdba-4381-412a-e9ecc")
        return [record.line for record in table], list(flows)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for found in pool.map(work, range(32)):
            assert found == wanted


def test_threads_may_share_one_iterator() -> None:
    records = asglog.parse((PACKET + b"\n") * 5000)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        lines = [line for some in pool.map(lambda _: [record.line for record in records], range(4)) for line in some]
    assert sorted(lines) == list(range(1, 5001))


def test_others_run_while_logs_are_read(tmp_path: Path) -> None:
    path = tmp_path / "big.log"
    path.write_bytes((PACKET + b"\n") * 20_000)
    done = threading.Event()
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while not done.is_set():
            ticks += 1
            time.sleep(0)

    other = threading.Thread(target=tick)
    other.start()
    before = ticks
    asglog.scan(path).to_parquet(tmp_path / "rows.parquet")
    during = ticks - before
    done.set()
    other.join()
    assert during > 0


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is another thing there")
@pytest.mark.parametrize(
    "read",
    [
        "for record in asglog.scan(Endless()): pass",
        "asglog.scan(Endless()).to_parquet(sys.argv[1])",
        "asglog.scan(Endless()).to_arrow()",
        "import pyarrow; pyarrow.table(asglog.scan(Endless()))",
        "import polars; polars.DataFrame(asglog.scan(Endless()))",
        "import duckdb; endless = asglog.scan(Endless()); duckdb.sql('select count(*) from endless').fetchall()",
        "asglog.Ledger().add(Endless())",
        "for record in asglog.parse(Endless()): pass",
        "list(asglog.correlate(LOGS, directory=Silent.directory()))",
    ],
)
def test_ctrl_c_ends_a_reading_soon(read: str, tmp_path: Path) -> None:
    for library in ("pyarrow", "polars", "duckdb"):
        if library in read or "to_arrow" in read:
            pytest.importorskip(library)
    script = f"""
import os, signal, socket, sys, threading, time
import asglog

LOGS = sys.argv[2:]

is_reading = threading.Event()

def interrupt():
    is_reading.wait()
    os.kill(os.getpid(), signal.SIGINT)

interrupter = threading.Thread(target=interrupt, daemon=True)
interrupter.start()

class Endless:
    # Once it was read several times, Ctrl-C is pressed while the reading goes on.
    reads = 0
    def read(self, size):
        self.reads += 1
        if self.reads == 8:
            is_reading.set()
        return b"x" * (size - 1) + b"\\n"

class Silent:
    # Takes a connection and never answers; then Ctrl-C is pressed.
    @classmethod
    def directory(cls):
        cls.server = socket.create_server(("127.0.0.1", 0))
        cls.thread = threading.Thread(target=cls.accept, daemon=True)
        cls.thread.start()
        return asglog.CloudController(f"http://127.0.0.1:{{cls.server.getsockname()[1]}}", "bearer sesame")
    @classmethod
    def accept(cls):
        cls.held = cls.server.accept()
        is_reading.set()

try:
    try:
        {read}
    except Exception as error:
        # A consumer that made a text of it.
        assert "KeyboardInterrupt" in str(error), error
        time.sleep(60)
except KeyboardInterrupt:
    print("stopped")
"""
    ran = python(script, tmp_path / "rows.parquet", *LOGS)
    assert ran.stdout.startswith("stopped"), ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_lines(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    assert resource
    script = """
import resource, sys
import asglog
class Many:
    name = "many"
    def __init__(self, pieces): self.left = pieces
    def read(self, size):
        self.left -= 1
        return PIECE if self.left >= 0 else b""
PACKET = open(sys.argv[1], "rb").read()
PIECE = PACKET * 1000
peaks = []
for pieces in (100, 400):
    table = asglog.scan(Many(pieces))
    table.to_parquet(sys.argv[2])
    assert table.counts()["rows"] == pieces * 1000
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(*peaks)
"""
    packet = tmp_path / "packet"
    packet.write_bytes(PACKET + b"\n")
    ran = python(script, packet, tmp_path / "rows.parquet")
    assert ran.returncode == 0, ran.stderr
    few, many = map(int, ran.stdout.split())
    # In units of 1 KiB (of 1 byte on macOS, where the ratio means as much).
    assert many < few * 1.25 + 8192, (few, many)


def test_memory_does_not_grow_over_ten_million_lines(tmp_path: Path) -> None:
    """One line in twenty is a packet, because a debug build takes minutes for more; ``ASG_PACKETS``
    is the number in twenty."""
    pytest.importorskip("pyarrow")
    if not Path("/proc/self/statm").exists():
        pytest.skip("/proc does not tell here how much memory a process has")
    script = """
import resource, sys
import asglog, pyarrow
class Many:
    name = "many"
    def __init__(self, pieces): self.left = pieces
    def read(self, size):
        self.left -= 1
        return PIECE if self.left >= 0 else b""
packet, packets = open(sys.argv[1], "rb").read(), int(sys.argv[2])
PIECE = (packet * packets + b"[9.1] audit: type=1400\\n" * (20 - packets)) * 500
seen, rows = [], 0
table = asglog.scan(Many(1000))
for batch in pyarrow.RecordBatchReader.from_stream(table):
    rows += batch.num_rows
    seen.append(int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize())
assert rows == packets * 500_000
assert table.counts()["lines"] == 10_000_000
tenth = len(seen) // 10
print(max(seen[:tenth]), max(seen[-tenth:]))
"""
    packet = tmp_path / "packet"
    packet.write_bytes(PACKET + b"\n")
    ran = python(script, packet, int(os.environ.get("ASG_PACKETS", "1")))
    assert ran.returncode == 0, ran.stderr
    first, last = map(int, ran.stdout.split())
    # Allocators keep some for later; a byte for each line is more than that.
    assert last < first + (8 << 20), (first, last)


def test_what_is_a_value_pickles() -> None:
    for one in (asglog.SCHEMA, *asglog.parse(LOGS), *asglog.correlate(LOGS)):
        again = pickle.loads(pickle.dumps(one))
        assert again == one and hash(again) == hash(one)
