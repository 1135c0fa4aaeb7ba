"""Parts of logs: any split of the lines gives the rows of the whole."""

from __future__ import annotations

import pickle
import re
from typing import Any

import pytest
from conftest import LOGS, PACKET, ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

import asglog
from asglog.batches import EVIDENCE, Flows, Packets, evidence, ledger_of

pa = pytest.importorskip("pyarrow")

LINES = [
    (str(log), number, line) for log in LOGS for number, line in enumerate(log.read_bytes().splitlines(), 1) if line
]
PLACE = [("source", "ascending"), ("line", "ascending")]


def table(rows: list[tuple[str, int, bytes]]) -> Any:
    source, line, value = ([row[column] for row in rows] for column in range(3))
    return pa.table({
        "source": pa.array(source, pa.string()),
        "line": pa.array(line, pa.int64()),
        "value": pa.array(value, pa.binary()),
    })  # fmt: skip


@given(st.permutations(LINES), st.lists(st.integers(0, len(LINES)), max_size=3))
@settings(max_examples=25, deadline=None)
def test_any_split_gives_the_same_rows(rows: list[tuple[str, int, bytes]], cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(rows)]
    parts = [table(rows[a:b]) for a, b in zip(ends, ends[1:], strict=False)]
    packets = pa.concat_tables([Packets(year=2017)(part) for part in parts]).sort_by(PLACE)
    assert packets.equals(asglog.scan(LOGS, year=2017).to_arrow().sort_by(PLACE))

    known = asglog.Ledger()
    for part in parts:
        known.merge(ledger_of(part))
    known = pickle.loads(pickle.dumps(known))
    of = pickle.loads(pickle.dumps(Flows(ledger=known, year=2017)))
    told = ["source", "line", "time", "certainty", "reason", "handle", "process_guid", "index", "cell"]
    flows = pa.concat_tables([of(part) for part in parts]).sort_by(PLACE).select(told)
    assert flows.equals(asglog.correlate(LOGS, year=2017).to_arrow().sort_by(PLACE).select(told))


@given(st.permutations(LINES))
@settings(max_examples=10, deadline=None)
def test_flows_of_the_whole_tell_their_evidence(rows: list[tuple[str, int, bytes]]) -> None:
    assert Flows()(table(rows)).equals(asglog.correlate(LOGS).to_arrow())


def test_columns_may_be_chosen_without_what_they_need() -> None:
    lines = table([("b.log", 7, PACKET), ("a.log", 9, PACKET)])
    assert Packets(columns=("line",))(lines).column("line").to_pylist() == [9, 7]
    assert Packets(columns=("dst", "raw"))(lines).to_pylist() == [{"dst": "8.8.8.8", "raw": PACKET}] * 2
    with pytest.raises(KeyError):
        Packets(columns=("nothing",))(lines)
    with pytest.raises(ValueError, match="there is none: the columns are `text`. Rename"):
        Packets()(pa.table({"text": ["x"]}))


def test_names_and_verdicts_of_the_caller_are_in_parts_too() -> None:
    lines = pa.table({"value": [LOGS[1].read_bytes().splitlines()[5]]})
    for part in (Packets(networks={"169.254.0.2": "dns"}), Flows(networks={"169.254.0.2": "dns"}, prefixes={"*": "denied"})):
        again = pickle.loads(pickle.dumps(part))
        assert again(lines)["dst_name"].to_pylist() == ["dns"]
        assert again.names(lines.column_names) == again(lines).column_names
    assert Flows(networks={})(lines).column_names == Flows()(lines).column_names


def test_text_binary_and_missing_lines_are_lines() -> None:
    text = pa.table({"value": pa.array([PACKET.decode(), None, "\xff"])})
    binary = pa.table({"value": pa.array([PACKET, None, b"\xff"], pa.large_binary())})
    assert Packets()(text).equals(Packets()(binary))
    assert Packets()(text).num_rows == 1
    assert evidence(text).num_rows == evidence(binary).num_rows == 0


def test_evidence_tells_the_row_of_its_line() -> None:
    lines = table(LINES)
    found = evidence(lines)
    assert found.column_names == [name for name, _, _ in EVIDENCE]
    values = lines.column("value").to_pylist()
    rows = found.to_pylist()
    assert any(row["handle"] for row in rows)
    for row in rows:
        record = asglog.parse_line(values[row["row"]])
        events = [record.rep, *(record.rep_more or ())] if record.rep else []
        assert record.logger or row["handle"] in [event.handle for event in events if event]


@pytest.mark.parametrize("engine", ["dask", "ray"])
@pytest.mark.filterwarnings("default")
def test_the_page_about_clusters_runs(
    engine: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("dask.bag" if engine == "dask" else "ray.data")
    page = (ROOT / "asg-py/CLUSTER.md").read_text()
    (block,) = [block for block in re.findall(r"^```python\n(.*?)^```", page, re.M | re.S) if f"import {engine}" in block]
    monkeypatch.chdir(ROOT)
    exec(compile(block, "CLUSTER.md", "exec"), {})
    packets = sum(1 for _ in asglog.scan("examples/notebooks/sample/afternoon/*.gz"))
    assert str(packets) in capsys.readouterr().out.split()
