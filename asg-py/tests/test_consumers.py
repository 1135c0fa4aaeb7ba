"""Every Arrow library reads tables, any number of times, and the columns survive."""

from __future__ import annotations

import gc
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import LOGS, PACKET
from test_records import DAMAGED, corpora

import asglog

pyarrow = pytest.importorskip("pyarrow")

LOG = b"\n".join([PACKET, b"noise", PACKET.replace(b"DPT=80", b"DPT=443"), DAMAGED])
PORTS = [80, 443, None]


@pytest.mark.filterwarnings("ignore::asglog.AsgWarning")
def test_rows_are_the_packets_among_the_records() -> None:
    compared = 0
    for path in corpora():
        rows = asglog.scan(path, year=2024).columns("line", "time", "src", "dst", "dpt", "error", "raw").to_arrow().to_pylist()
        records = [record for record in asglog.parse(path, year=2024) if record.packet is not None]
        lines = path.read_bytes().split(b"\n")
        for row, record in zip(rows, records, strict=True):
            packet = record.packet
            assert packet is not None
            compared += 1
            assert row == {
                "line": record.line,
                "time": record.time,
                "src": packet.src,
                "dst": packet.dst,
                "dpt": packet.dpt,
                "error": record.error and record.error.message,
                "raw": lines[record.line - 1].removesuffix(b"\r"),
            }
    assert compared > 150


def test_rows_of_flows_are_the_flows() -> None:
    table = asglog.correlate(LOGS)
    rows, flows = table.to_arrow().to_pylist(), list(table)
    assert rows
    for row, flow in zip(rows, flows, strict=True):
        assert (row["source"], row["line"], row["cell"]) == (flow.source, flow.line, flow.cell)
        assert (row["handle"], row["process_guid"], row["index"]) == (flow.handle, flow.process_guid, flow.index)
        assert (row["certainty"], row["reason"]) == (flow.attribution.certainty, flow.attribution.reason)
        first = flow.attribution.evidence[0] if flow.attribution.evidence else None
        assert (row["evidence_source"], row["evidence_line"]) == ((first.source, first.line) if first else (None, None))


def test_schemas_are_told_before_the_first_row() -> None:
    assert pyarrow.schema(asglog.SCHEMA) == asglog.scan(LOG).to_arrow().schema
    assert pyarrow.schema(asglog.FLOW_SCHEMA) == asglog.correlate(LOG).to_arrow().schema
    for column, field in zip(asglog.FLOW_SCHEMA, pyarrow.schema(asglog.FLOW_SCHEMA), strict=True):
        assert (column.name, column.type, column.nullable) == (field.name, str(field.type), field.nullable)
        assert column.doc.endswith(".")
    # The types that Spark accepts, which are the fewest.
    assert {column.type for column in asglog.FLOW_SCHEMA} == {
        "string", "int32", "int64", "bool", "double", "timestamp[us, tz=UTC]"
    }  # fmt: skip
    chosen = asglog.scan(LOG).columns("raw", "dpt")
    assert pyarrow.schema(chosen) == chosen.to_arrow().schema
    assert chosen.schema.names == ["raw", "dpt"]
    assert asglog.SCHEMA[:2].names == ["time", "source"] and asglog.SCHEMA[0] == asglog.SCHEMA["time"]


@pytest.mark.parametrize("make", [asglog.scan, asglog.correlate])
def test_pandas_polars_and_pyarrow_read_it_again_and_again(make: Any) -> None:
    table = make(LOG)
    with pytest.raises(TypeError, match="known once"):
        len(table)
    for _ in range(2):
        assert table.to_arrow()["dpt"].to_pylist() == PORTS
        assert pyarrow.table(table)["dpt"].to_pylist() == PORTS
        assert pyarrow.RecordBatchReader.from_stream(table).read_all().num_rows == 3
    assert len(table) == 3
    polars = pytest.importorskip("polars")
    for frame in (table.to_polars(), polars.DataFrame(table)):
        assert frame["dpt"].to_list() == PORTS
        assert frame.schema["time"] == polars.Datetime("us", "UTC")
    pandas = pytest.importorskip("pandas")
    frame = table.to_pandas()
    assert frame["dpt"].dtype == pandas.Int32Dtype() and frame["dpt"].fillna(0).tolist() == [80, 443, 0]
    assert frame["df"].dtype == pandas.BooleanDtype()
    assert frame["time"][0] == pandas.Timestamp("2024-05-06T07:09:10.581301Z")
    assert pandas.DataFrame.from_arrow(table)["dst"].tolist()[:2] == ["8.8.8.8"] * 2


def test_duckdb_reads_one_object_three_times() -> None:
    duckdb = pytest.importorskip("duckdb")
    packets = asglog.scan(LOG)
    with duckdb.connect() as db:
        for _ in range(3):
            assert db.execute("select dpt from packets order by line").fetchall() == [(80,), (443,), (None,)]
        assert db.execute("select count(*) from packets a join packets b using (line)").fetchall() == [(3,)]
    counts = packets.counts()
    assert counts is not None
    assert [counts["lines"], counts["packets"], counts["damaged"], counts["rows"]] == [4, 3, 1, 3]


@pytest.mark.filterwarnings("ignore::asglog.AsgWarning")
def test_parquet_is_what_the_table_was(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for table in (asglog.scan(LOG), asglog.correlate(LOGS), asglog.scan(b"")):
        table.to_parquet(tmp_path / "rows.parquet")
        assert parquet.read_table(tmp_path / "rows.parquet") == table.to_arrow()


def test_an_asked_for_type_is_given() -> None:
    asked = pyarrow.schema([("dst", pyarrow.large_string()), ("dpt", pyarrow.int64())])
    table = pyarrow.RecordBatchReader.from_stream(asglog.scan(LOG).columns("dst", "dpt"), schema=asked).read_all()
    assert table.schema == asked and table["dpt"].to_pylist() == PORTS


def test_batches_are_many_and_bounded() -> None:
    log = (PACKET + b"\n") * 70_000
    sizes = [batch.num_rows for batch in pyarrow.RecordBatchReader.from_stream(asglog.scan(log))]
    assert sum(sizes) == 70_000 and len(sizes) >= 2 and max(sizes) < 40_000
    assert asglog.scan(log).columns().to_arrow().num_rows == 70_000


def test_a_stream_that_is_not_read_to_its_end_is_let_go() -> None:
    reader = pyarrow.RecordBatchReader.from_stream(asglog.scan((PACKET + b"\n") * 70_000))
    assert reader.read_next_batch().num_rows > 0
    del reader
    gc.collect()


def test_text_that_is_no_utf8_is_shown_and_kept() -> None:
    log = PACKET.replace(b"OUT=eth0", b"OUT=\xff\xfe")
    row = asglog.scan(log).columns("out", "raw").to_arrow().to_pylist()[0]
    assert row == {"out": "\ufffd\ufffd", "raw": log}
    # Two halves of a character in two rows are not a character in either.
    halves = b"\n".join(PACKET.replace(b"OUT=eth0", b"OUT=" + half) for half in (b"a\xc3", b"\xa9", b"\xc3\xa9"))
    table = asglog.scan(halves + b"\nnoise\n" + DAMAGED).columns("out", "physin", "tos")
    assert table.to_arrow()["out"].to_pylist() == ["a\ufffd", "\ufffd", "\xe9", ""]
    assert table.to_arrow()["physin"].null_count == 4 and table.to_arrow()["tos"].to_pylist() == [0, 0, 0, None]


def test_notebooks_show_the_first_rows_escaped() -> None:
    # Two equal lines would be one packet.
    odd = PACKET.replace(b"OUT=eth0", b"OUT=<b>")
    log = b"\n".join(re.sub(rb" ID=\d+", b" ID=%d" % n, odd) for n in range(20))
    shown = asglog.scan(log)._repr_html_()
    assert shown.count("<tr>") == 11 and "10.255.73.3" in shown and "more columns" in shown
    shown = asglog.scan(log).columns("out", "dst")._repr_html_()
    assert shown.count("<tr>") == 11 and "&lt;b&gt;" in shown and "<b>" not in shown
    flows = asglog.correlate(log)
    assert len(list(flows)) == 20
    assert flows._repr_html_().count("<tr>") == 11
    assert repr(flows) == f"<asglog.Table of flows: {len(asglog.FLOW_SCHEMA)} columns, 20 rows>"
    with pytest.raises(TypeError, match="whether a table has rows"):
        bool(flows)


def test_without_a_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ImportError, match="this needs polars: pip install polars"):
        asglog.scan(LOG).to_polars()


def test_an_asked_for_type_that_loses_something_is_not_given() -> None:
    table = asglog.scan(LOG).columns("dst", "dpt", "time")
    own = table.to_arrow()
    string, number, time = pyarrow.string(), pyarrow.int32(), pyarrow.timestamp("us", "UTC")
    for names, types in [
        (("dst", "dpt", "time"), (pyarrow.int32(), number, time)),
        (("dst", "dpt", "time"), (string, pyarrow.int16(), time)),
        (("dst", "dpt", "time"), (string, pyarrow.timestamp("s"), time)),
        (("dst", "dpt", "time"), (string, number, pyarrow.timestamp("s", "UTC"))),
        (("dst", "dpt", "time"), (string, number, pyarrow.timestamp("us"))),
        (("dst", "dpt", "colour"), (string, number, time)),
        (("dpt", "dst", "time"), (number, string, time)),
        (("dst", "dpt"), (string, number)),
    ]:
        asked = pyarrow.schema(list(zip(names, types, strict=True)))
        assert pyarrow.RecordBatchReader.from_stream(table, schema=asked).read_all() == own
    must = pyarrow.schema([pyarrow.field("dst", string, nullable=False), ("dpt", number), ("time", time)])
    assert pyarrow.RecordBatchReader.from_stream(table, schema=must).read_all() == own


def test_an_asked_for_type_that_has_room_for_all_is_given() -> None:
    table = asglog.scan(LOG).columns("dst", "dpt", "time", "raw", "line")
    own = table.to_arrow()
    micros, nanos = pyarrow.timestamp("us", "Europe/Berlin"), pyarrow.timestamp("ns", "UTC")
    dictionary = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    for types in [
        [pyarrow.large_string(), pyarrow.int32(), micros, pyarrow.large_binary(), pyarrow.int64()],
        [pyarrow.string_view(), pyarrow.int64(), nanos, pyarrow.binary_view(), pyarrow.int64()],
        [pyarrow.binary(), pyarrow.int64(), nanos, pyarrow.binary(), pyarrow.int64()],
        [dictionary, pyarrow.int32(), micros, pyarrow.binary(), pyarrow.int64()],
    ]:
        asked = pyarrow.schema(list(zip(table.column_names, types, strict=True)))
        given = pyarrow.RecordBatchReader.from_stream(table, schema=asked).read_all()
        assert given.schema == asked
        assert given.cast(own.schema) == own
    top = asglog.scan(LOG).top(by="dst")
    asked = pyarrow.schema([(name, pyarrow.int16()) for name in top.column_names])
    assert pyarrow.RecordBatchReader.from_stream(top, schema=asked).read_all() == top.to_arrow()
