"""Calls of Python code that is called while a source is read, to that source."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from conftest import LOGS

import asglog

FOUNDATION = str(LOGS[1])


def test_progress_may_look_at_the_counts() -> None:
    seen: list[int] = []
    records = asglog.parse(FOUNDATION, progress=lambda done: seen.append(records.counts["lines"]))
    assert len(list(records)) == records.counts["lines"]
    assert seen


def test_a_file_may_look_at_the_counts() -> None:
    class Curious:
        def __init__(self) -> None:
            self.inner = open(FOUNDATION, "rb")

        def read(self, size: int = -1) -> bytes:
            assert records.counts["lines"] >= 0
            return self.inner.read(size)

    curious = Curious()
    records = asglog.parse(curious)
    assert len(list(records)) > 10
    curious.inner.close()


def test_a_directory_that_asks_for_the_flows_it_names_is_told_that_it_cannot() -> None:
    class Curious:
        def resolve(self, guids: Sequence[str]) -> Mapping[str, asglog.Identity]:
            next(iter(flows))
            return {}

    flows = asglog.correlate(FOUNDATION, directory=Curious())
    with pytest.raises(RuntimeError, match="being read"):
        list(flows)


def test_counts_do_not_wait_for_a_reader_that_waits() -> None:
    class Slow:
        def __init__(self) -> None:
            self.may_go_on = threading.Event()

        def read(self, size: int = -1) -> bytes:
            self.may_go_on.wait(10)
            return b""

    slow = Slow()
    records = asglog.parse(slow)
    reader = threading.Thread(target=lambda: list(records))
    reader.start()
    try:
        assert records.counts["lines"] == 0
    finally:
        slow.may_go_on.set()
        reader.join()


def wait_until_asleep(program: subprocess.Popen[bytes]) -> None:
    """Waits until the main thread of a program waits for something."""
    state = Path(f"/proc/{program.pid}/stat")
    if not state.exists():
        pytest.skip("this system does not show whether a program waits")
    while state.read_text().rpartition(")")[2].split()[0] != "S":
        assert program.poll() is None
        time.sleep(0.01)


@pytest.mark.parametrize("ask", ["next(asglog.parse('/dev/stdin'))", "asglog.scan('-').to_arrow()"])
def test_ctrl_c_ends_a_wait_for_the_first_byte(ask: str) -> None:
    script = f"import asglog\nprint('ready', flush=True)\n{ask}"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        wait_until_asleep(program)
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=10)
    assert b"KeyboardInterrupt" in errors
