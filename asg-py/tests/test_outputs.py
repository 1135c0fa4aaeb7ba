"""Outputs: files are replaced when they are complete, and other targets are written to directly."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import LOGS

import asglog

ASGLOG = Path(sys.executable).with_name("asglog")
FOUNDATION = str(LOGS[1])


def parse_to(path: Path) -> None:
    subprocess.run([ASGLOG, "parse", "-o", path, FOUNDATION], check=True, timeout=60)


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.ndjson"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        parse_to(pipe)
        assert reader.stdout is not None
        text = reader.stdout.read()
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert text.count(b"\n") == Path(FOUNDATION).read_bytes().count(b"\n")


def test_a_link_stays_one_and_the_file_keeps_its_permissions(tmp_path: Path) -> None:
    target, link = tmp_path / "target.ndjson", tmp_path / "link.ndjson"
    target.touch(mode=0o600)
    link.symlink_to(target)
    parse_to(link)
    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert target.stat().st_size > 1000
    assert sorted(os.listdir(tmp_path)) == ["link.ndjson", "target.ndjson"]


def test_threads_that_write_the_same_file_leave_a_whole_one(tmp_path: Path) -> None:
    packets, path = asglog.scan(FOUNDATION), tmp_path / "same.parquet"
    threads = [threading.Thread(target=lambda: packets.to_parquet(path)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pq.read_table(path).num_rows == len(list(packets))
    assert os.listdir(tmp_path) == ["same.parquet"]


def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "x.parquet"
    with pytest.raises(FileNotFoundError) as error:
        asglog.scan(FOUNDATION).to_parquet(path)
    assert error.value.filename == str(path)
    done = subprocess.run([ASGLOG, "parse", "-o", tmp_path / "nowhere" / "x.ndjson", FOUNDATION], capture_output=True)
    assert done.returncode == 2
    assert b"nowhere/x.ndjson" in done.stderr
