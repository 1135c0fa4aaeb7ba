"""Packets with two lines, and lines that are stamped late: facts that no part of a log shows
alone."""

from __future__ import annotations

import json
import pickle
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asglog
from asglog.batches import Flows, clock_lines, ledger_of, twins

pa = pytest.importorskip("pyarrow")

HANDLE = "bfce786c-ab07-40ad-79f9-8f21"
CELL = "0455ec2b-11fa-41ab-9d1c-f3a575cd55ea"

# The forwarders of a cell's lines: one names its instance, one its host; the third writes no
# header, except on one line.
WAYS = (f'<4>1 {{}} 10.0.16.15 kernel - - [instance@47450 id="{CELL}"] ', "{} cell-7 kernel: ", "")

#: The forwarders of a packet, by its number.
TOLD = ((0, 1), (1,), (0, 2), (2,))


def stamp(second: int) -> str:
    return f"2024-05-06T07:{second // 60:02}:{second % 60:02}.500000+00:00"


def told_twice() -> list[tuple[str, int, bytes]]:
    """Returns packets of a container that lives for two minutes, each in one line or two; every
    third line of the second forwarder is stamped a quarter of an hour late."""
    rows = []
    for n in range(80):
        packet = (
            f"[{1000 + n:5}.500000] DENY_{HANDLE[:19]} IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=60 TOS=0x00 "
            f"PREC=0x00 TTL=63 ID={n // 8} DF PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 RES=0x00 SYN URGP=0 "
        )
        for way in TOLD[n % 4]:
            late = 900 if way == 1 and n % 3 == 0 else 0
            rows.append((f"{way}.log", n + 1, (WAYS[way].format(stamp(60 + n + late)) + packet).encode()))
    for line, (second, event) in enumerate([(0, "created-container-in-garden"), (145, "destroyed-container-in-garden")], 1):
        rep = {
            "timestamp": stamp(second).replace("+00:00", "Z"),
            "source": "rep",
            "message": f"rep.x.{event}",
            "data": {"guid": HANDLE, "lrp-instance-key": {"instance_guid": HANDLE, "cell_id": CELL}},
        }
        rows.append(("rep.log", line, json.dumps(rep).encode()))
    rows.append(("2.log", 200, f"{stamp(65)} cell-7 kernel: [ 1005.100000] eth0: link up".encode()))
    return rows


def shuffled(seed: int) -> list[tuple[str, int, bytes]]:
    rows = told_twice()
    random.Random(seed).shuffle(rows)
    return rows


def table(rows: list[tuple[str, int, bytes]]) -> Any:
    return pa.table({
        "source": pa.array([row[0] for row in rows], pa.string()),
        "line": pa.array([row[1] for row in rows], pa.int64()),
        "value": pa.array([row[2] for row in rows], pa.binary()),
    })  # fmt: skip


def whole(folder: Path) -> Any:
    """Returns the flows of one machine for the same lines, which have the same numbers in its
    files."""
    rows = sorted(told_twice())
    for source in {row[0] for row in rows}:
        lines = {line: text for of, line, text in rows if of == source}
        (folder / source).write_bytes(b"".join(lines.get(n, b"") + b"\n" for n in range(1, max(lines) + 1)))
    found = asglog.correlate(folder / "*.log").to_arrow()
    names = [Path(name).name for name in found.column("source").to_pylist()]
    return found.set_column(found.schema.get_field_index("source"), "source", pa.array(names)).drop_columns(["evidence_source"])


def by_place(found: Any) -> list[dict[str, Any]]:
    return sorted(found.to_pylist(), key=lambda row: (row["source"], row["line"]))


TELLS = ["source", "line", "time", "cell", "certainty", "reason", "handle", "uptime_us"]


def test_the_sample_has_what_parts_do_not_show(tmp_path: Path) -> None:
    found = whole(tmp_path)
    assert found.num_rows == 80 < len([row for row in told_twice() if b"DENY" in row[2]])
    assert found.column("time").null_count == 0
    # Alone, a line that is stamped late seems to be from after the container's end.
    late = table([row for row in told_twice() if row[:2] in (("1.log", 10), ("rep.log", 2))])
    assert Flows(columns=("reason",))(late).to_pylist() == [{"reason": "outside_lifetime"}]
    assert set(found.column("reason").to_pylist()) == {"unique_handle_prefix"}


@given(st.integers(0, 1000), st.integers(1, 5))
@settings(max_examples=10, deadline=None)
def test_parts_by_twin_with_clocks_are_the_whole(seed: int, many: int) -> None:
    rows = shuffled(seed)
    lines = table(rows)
    packets = twins(lines)
    told: dict[str, list[int]] = {}
    for n, twin in enumerate(packets.column("twin").to_pylist()):
        told.setdefault(twin, []).append(n)
    clocks = clock_lines(pa.concat_tables([clock_lines(lines.slice(at, 50)) for at in range(0, len(rows), 50)]))
    of = pickle.loads(pickle.dumps(Flows(ledger_of(lines), columns=tuple(TELLS), clocks=clocks)))
    groups = list(told.values())
    parts = [[n for group in groups[part::many] for n in group] for part in range(many)]
    found = pa.concat_tables([of(packets.take(pa.array(part, pa.int64())).drop_columns(["twin"])) for part in parts])
    with tempfile.TemporaryDirectory() as folder:
        expected = whole(Path(folder)).select(TELLS)
    assert by_place(found) == by_place(expected)


@given(st.integers(0, 1000), st.lists(st.integers(0, 120), max_size=4))
@settings(max_examples=15, deadline=None)
def test_clock_lines_of_parts_are_those_of_the_whole(seed: int, cuts: list[int]) -> None:
    rows = shuffled(seed)
    ends = [0, *sorted(cuts), len(rows)]
    parts = [clock_lines(table(rows[a:b])) for a, b in zip(ends, ends[1:], strict=False)]
    expected = clock_lines(table(rows))
    assert by_place(clock_lines(pa.concat_tables(parts))) == by_place(expected)
    assert 0 < expected.num_rows < 30
    for text in expected.column("value").to_pylist():
        record = asglog.parse_line(text)
        assert record.uptime and record.packet is None


def test_what_shows_no_clock_is_no_clock_line() -> None:
    no_year = "May  6 07:09:10 cell-7 kernel: [   12.500000] eth0: link up"
    texts = ["", "hello", "[ 12.500000] eth0: link up", '{"MESSAGE":"[ 1.0] x"}', no_year, None]
    assert clock_lines(pa.table({"value": pa.array(texts)})).num_rows == 0
    assert clock_lines(pa.table({"value": pa.array([], pa.string())})).num_rows == 0
