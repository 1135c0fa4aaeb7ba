"""Parts of logs: any split of the lines gives the rows of the whole."""

from __future__ import annotations

import gzip
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import LOGS, PACKET, ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

import asglog
from asglog.batches import EVIDENCE, Flows, Packets, Structs, evidence, files, gather, keyed, ledger_of, lines

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


TELLS = ["source", "line", "time", "time_error", "cell", "verdict", "certainty", "reason", "handle", "process_guid", "index"]


def types() -> dict[str, Any]:
    """The types in which engines hand over text."""
    return {
        "text": pa.string(), "large text": pa.large_string(), "text view": pa.string_view(), "binary": pa.binary(),
        "large binary": pa.large_binary(), "binary view": pa.binary_view(), "a dictionary": pa.dictionary(pa.int32(), pa.string()),
    }  # fmt: skip


@pytest.mark.parametrize("kind", types())
def test_all_types_of_text_give_the_same_rows(kind: str) -> None:
    plain = table([row for row in LINES if row[2].isascii()])
    value, source = plain.column("value").cast(pa.string()), plain.column("source")
    to = types()[kind]
    cast = value.dictionary_encode() if pa.types.is_dictionary(to) else value.cast(to)
    of_source = source.dictionary_encode() if pa.types.is_dictionary(to) else source
    given = pa.table({"source": of_source, "line": plain.column("line").cast(pa.int32()), "value": cast})
    for make in (Packets(), Flows(columns=tuple(TELLS))):
        assert make(given).equals(make(plain))
    assert keyed(given).num_rows == keyed(plain).num_rows > 10
    assert evidence(given).equals(evidence(plain))
    assert len(ledger_of(given)) == len(gather(given, asglog.Clocks())) == len(ledger_of(plain)) > 0


def test_a_source_without_line_numbers_and_further_columns_are_kept() -> None:
    whole = table(LINES)
    given = whole.drop_columns(["line"]).append_column("tenant", pa.array([[n] for n in range(len(LINES))]))
    for make in (Packets(), Flows()):
        found = make(given)
        assert "line" not in found.column_names and "evidence_line" not in found.column_names
        assert make.names(given.column_names) == found.column_names
        rows = [row for (row,) in found.column("tenant").to_pylist()]
        assert found.column("source").to_pylist() == [LINES[row][0] for row in rows]
        assert sorted(rows) == [n for n, row in enumerate(LINES) if b"IN=" in row[2]]
    only = Flows(columns=("tenant", "dst"))(given)
    assert only.column_names == ["tenant", "dst"]
    with pytest.raises(ValueError, match="a column 'host', and so have packets and flows: rename"):
        Packets()(given.append_column("host", given.column("source")))


def test_compressed_bytes_in_a_column_of_lines_are_refused() -> None:
    for compressed, kind in ((gzip.compress(PACKET), "gzip"), (b"\x28\xb5\x2f\xfd$", "Zstandard")):
        for make in (Packets(), Flows(), keyed, evidence, ledger_of):
            with pytest.raises(ValueError, match=f"a file of {kind}: .*asglog.batches.lines"):
                make(pa.table({"value": [compressed, PACKET]}))


def test_lines_of_files_are_those_of_one_machine(tmp_path: Path) -> None:
    """By content and not by name: compressions, a byte order mark, lone carriage returns."""
    log = tmp_path / "kern.log"
    log.write_bytes(b"\xef\xbb\xbf" + PACKET + b"\n" + PACKET.replace(b"ID=15946", b"ID=15947\r") + b"\r\n")
    (tmp_path / "other").write_bytes(gzip.compress(PACKET.replace(b"15946", b"15948") + b"\n"))
    read = pa.concat_tables(lines(tmp_path))
    whole = [(path.name, path.read_bytes()) for path in sorted(tmp_path.iterdir())]
    by_content = pa.concat_tables(files(pa.table({"path": [str(tmp_path / name) for name, _ in whole], "bytes": [of for _, of in whole]})))
    expected = asglog.correlate(tmp_path).columns(*TELLS).to_arrow().sort_by(PLACE)
    assert expected.num_rows == 3 and None not in expected.column("cell").to_pylist()
    for made in (read, by_content):
        assert Flows(columns=tuple(TELLS))(made).sort_by(PLACE).equals(expected)


def test_a_function_of_sql_gives_a_struct_for_each_line() -> None:
    made = pickle.loads(pickle.dumps(Structs(("dst", "dpt"))))(pa.chunked_array([["hello", PACKET.decode()], [None]]))
    assert made.to_pylist() == [None, {"dst": "8.8.8.8", "dpt": 80}, None]
    assert Structs()(pa.array([], pa.string())).to_pylist() == []


@pytest.mark.parametrize("engine", ["dask", "ray", "duckdb"])
@pytest.mark.filterwarnings("default")
def test_the_page_about_clusters_gives_the_flows_of_one_machine(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip({"dask": "dask", "ray": "ray.data", "duckdb": "duckdb"}[engine])
    page = (ROOT / "asg-py/CLUSTER.md").read_text()
    (block,) = [block for block in re.findall(r"^```python\n(.*?)^```", page, re.M | re.S) if f"import {engine}\n" in block]
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    exec(compile(block, "CLUSTER.md", "exec"), names)
    flows = names["flows"]
    if engine == "ray":
        ray = names["ray"]
        flows = pa.concat_tables(ray.get(flows.to_arrow_refs()))
    expected = asglog.correlate("examples/notebooks/sample/afternoon/*.gz").columns(*TELLS).to_arrow()
    here = str(ROOT) + "/"
    source = [name.removeprefix(here) for name in flows.column("source").to_pylist()]
    flows = flows.set_column(flows.column_names.index("source"), "source", pa.array(source)).sort_by(PLACE)
    for name in TELLS:
        assert flows.column(name).to_pylist() == expected.sort_by(PLACE).column(name).to_pylist(), name
    assert expected.num_rows > 4000
