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
from asglog.batches import KEY, Flows, gather, keyed, ledger_of

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
def test_parts_by_key_with_clocks_are_the_whole(seed: int, many: int) -> None:
    rows = shuffled(seed)
    lines = table(rows)
    packets = keyed(lines)
    told: dict[int, list[int]] = {}
    for n, key in enumerate(packets.column(KEY).to_pylist()):
        told.setdefault(key, []).append(n)
    clocks = clocks_of([lines.slice(at, 50) for at in range(0, len(rows), 50)])
    of = pickle.loads(pickle.dumps(Flows(ledger_of(lines), columns=tuple(TELLS), clocks=clocks)))
    groups = list(told.values())
    parts = [[n for group in groups[part::many] for n in group] for part in range(many)]
    found = pa.concat_tables([of(packets.take(pa.array(part, pa.int64()))) for part in parts])
    with tempfile.TemporaryDirectory() as folder:
        expected = whole(Path(folder)).select(TELLS)
    assert by_place(found) == by_place(expected)


def clocks_of(parts: list[Any], whole: asglog.Clocks | None = None) -> asglog.Clocks:
    whole = asglog.Clocks() if whole is None else whole
    for part in parts:
        told = pickle.loads(pickle.dumps(whole.part()))
        gather(part, told)
        whole.merge(pickle.loads(pickle.dumps(told)))
    return whole


@given(st.integers(0, 1000), st.lists(st.integers(0, 120), max_size=4))
@settings(max_examples=15, deadline=None)
def test_clocks_of_parts_are_those_of_the_whole(seed: int, cuts: list[int]) -> None:
    rows = shuffled(seed)
    ends = [0, *sorted(cuts), len(rows)]
    base = asglog.Clocks()
    parts = clocks_of([table(rows[a:b]) for a, b in zip(ends, ends[1:], strict=False)], base.part())
    # Lines that come in another order may be counted in other runs; what they prove is the same.
    assert len(parts) == len(clocks_of([table(rows)], base.part())) > 0


def test_clocks_are_saved_and_loaded_and_added_to_in_one_reading(tmp_path: Path) -> None:
    log = tmp_path / "kern.log"
    log.write_bytes(b"\n".join(row[2] for row in told_twice()) + b"\n")
    clocks = asglog.Clocks()
    assert not clocks and clocks.add(log) == len(told_twice())
    clocks.save(tmp_path / "clocks")
    loaded = asglog.Clocks.load(tmp_path / "clocks")
    assert len(loaded) == len(clocks) > 0
    ledger, beside = asglog.Ledger(), loaded.part()
    ledger.add(log, clocks=beside)
    assert len(ledger) == 1 and len(beside) == len(clocks)
    loaded.merge(beside)
    assert len(loaded) == len(clocks)


def test_clocks_that_cannot_be_merged_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"begin the others with part\(\) of the first"):
        asglog.Clocks().merge(asglog.Clocks())
    with pytest.raises(TypeError, match="merge takes asglog.Clocks, not Ledger"):
        asglog.Clocks().merge(asglog.Ledger())  # type: ignore[arg-type]
    (tmp_path / "x").write_text("hello")
    with pytest.raises(ValueError, match="these are no saved clocks"):
        asglog.Clocks.load(tmp_path / "x")


def test_what_shows_no_clock_teaches_none() -> None:
    texts = ["", "hello", "[ 12.500000] eth0: link up", None]
    clocks = asglog.Clocks()
    gather(pa.table({"value": pa.array(texts)}), clocks)
    gather(pa.table({"value": pa.array([], pa.string())}), clocks)
    assert len(clocks) == 0
