"""Records of whole sources: one for each line, and nothing lost between JSON and attributes."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import FIXTURES, LOGS, PACKET
from hypothesis import given
from hypothesis import strategies as st

import asglog

DAMAGED = b"x IN=eth0 OUT= SRC=10.254.0.10 DST=10.0.1"


def corpora() -> list[Path]:
    """Returns all lines of the bundled logs and the fixtures."""
    fixtures = [path for pattern in ("kernel/**/*.*", "rep/*.txt") for path in sorted(FIXTURES.glob(pattern))]
    assert len(fixtures) == 13
    return LOGS + fixtures


def test_a_record_is_its_object_and_back() -> None:
    kinds = set()
    for path in corpora():
        for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
            native = asglog._asglog.parse_line(line, number, 2024, 0.0)
            record = asglog.Record.from_dict(native)
            assert record.to_dict() == native
            assert json.loads(json.dumps(record.to_dict())) == native
            kinds.add(record.kind)
    assert kinds >= {"packet", "rep", "other"}


def test_captures_have_all_kinds() -> None:
    records = asglog.parse(FIXTURES / "rep/rep-lines.txt")
    handles = [record.rep.handle for record in records if record.rep is not None]
    assert any(handles)
    assert records.counts["rep"] > 10


def test_records_of_a_source_are_those_of_its_lines() -> None:
    for path in corpora():
        lines = path.read_bytes().split(b"\n")
        lines = lines[:-1] if lines[-1] == b"" else lines
        records = asglog.parse(path)
        for number, (line, record) in enumerate(zip(lines, records, strict=True), 1):
            assert record == asglog.parse_line(line, number=number)
        counts = records.counts
        assert counts["lines"] == len(lines) == sum(counts.values()) - counts["lines"]


def test_strict_reading_raises_and_can_go_on() -> None:
    records = asglog.parse([PACKET + b"\n" + DAMAGED + b"\nhello\n"], strict=True)
    assert next(records).kind == "packet"
    with pytest.raises(asglog.ParseError) as caught:
        next(records)
    error = caught.value
    assert (error.line_number, error.offset, error.source) == (2, 35, None)
    assert error.reason == "the text ends where an IPv4 address was expected"
    assert isinstance(error, asglog.AsgError) and isinstance(error, ValueError)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.offset) == (str(error), error.offset)
    assert next(records).kind == "other"
    assert records.counts == {"lines": 3, "packet": 1, "rep": 0, "logger": 0, "other": 1, "damaged": 1}
    with pytest.raises(asglog.ParseError, match="byte 35"):
        asglog.parse_line(DAMAGED, strict=True)


def test_of_several_sources_each_record_says_which(tmp_path: Path) -> None:
    paths = [tmp_path / "a.log", tmp_path / "b.log"]
    for path in paths:
        path.write_bytes(DAMAGED)
    assert [record.source for record in asglog.parse(paths)] == [str(path) for path in paths]
    with pytest.raises(asglog.ParseError, match=r"a\.log: line 1: byte 35"):
        next(asglog.parse(paths, strict=True))


@given(st.lists(st.binary(max_size=40)))
def test_any_bytes_give_a_record_for_each_line(lines: list[bytes]) -> None:
    lines = [line.replace(b"\n", b"") for line in lines]
    # The first bytes of a log can be those of a compressed file, and a file with hardly any text is
    # refused.
    text = b"a line " * 1_000 + b"\n"
    records = list(asglog.parse(text + b"".join(line + b"\n" for line in lines)))
    assert [record.line for record in records] == list(range(1, len(lines) + 2))


def test_a_line_that_is_too_long_is_damaged() -> None:
    (record,) = asglog.parse(PACKET + b" " * 100_000)
    assert record.kind == "damaged"
    assert record.error is not None
    assert record.error.offset == 64 << 10 or record.error.offset >= len(PACKET)
    (row,) = asglog.scan(PACKET + b" " * 100_000)
    assert row.kind == "damaged"


def test_a_document_tells_of_several_containers() -> None:
    handles = ["bfce786c-ab07-40ad-79f9-8f21", "d5978989-1401-49ff-46cd-33e5"]
    lrps = [
        {"process_guid": "p", "index": n, "domain": "cf-apps", "instance_guid": handle, "cell_id": "c", "state": "RUNNING"}
        for n, handle in enumerate(handles)
    ]
    (record,) = asglog.parse(json.dumps(lrps).encode())
    assert record.rep is not None and record.rep_more is not None
    assert [record.rep.instance_guid, *(rep.instance_guid for rep in record.rep_more)] == handles
    assert pickle.loads(pickle.dumps(record)) == record and hash(record) == hash(pickle.loads(pickle.dumps(record)))


def test_classes_of_records_are_imported_when_they_are_needed() -> None:
    program = """
import sys
import asglog
assert "asglog.records" not in sys.modules, "a table needs none"
assert set(asglog.__all__) <= set(dir(asglog))
try:
    asglog.Flwo
except AttributeError as error:
    assert (error.name, error.obj) == ("Flwo", asglog), "the interpreter proposes a name"
assert asglog.Flow is asglog.records.Flow
from asglog import *
assert Identity is asglog.Identity
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
