"""A part of a table, a table that is kept, and files of tables."""

from __future__ import annotations

import copy
import csv
import datetime
import pickle
from pathlib import Path
from typing import Any

import pytest
from conftest import LOGS

import asglog


@pytest.fixture
def flows(export: asglog.Export) -> asglog.Table[asglog.Flow]:
    return asglog.correlate(LOGS, directory=export)


def places(table: asglog.Table[Any]) -> list[tuple[str, int]]:
    return [(row.source, row.line) for row in table]


@pytest.mark.parametrize(
    "rows", [slice(5), slice(0), slice(2, 4), slice(3, None), slice(None), slice(4, 2), slice(9, 500)], ids=str
)
def test_a_slice_of_a_table_has_the_rows_of_a_list(flows: asglog.Table[asglog.Flow], rows: slice) -> None:
    everything = places(flows)
    assert len(everything) == 11
    assert places(flows[rows]) == everything[rows]
    assert places(flows.cache()[rows]) == everything[rows]


def test_what_follows_a_limit_sees_these_rows_only(flows: asglog.Table[asglog.Flow]) -> None:
    denied = [flow.verdict == "denied" for flow in flows]
    assert any(denied[:6]) and any(denied[6:])
    assert len(list(flows.limit(6).filter(verdict="denied"))) == sum(denied[:6])
    assert len(list(flows.filter(verdict="denied").limit(1))) == 1
    assert len(list(flows[2:].limit(3)[1:])) == 2


def test_only_slices_that_count_from_the_start_are_taken(flows: asglog.Table[asglog.Flow]) -> None:
    table: Any = flows
    for wrong in ("dpt", 3, (1, 2)):
        with pytest.raises(TypeError, match="slices"):
            table[wrong]
    for rows in (slice(-1), slice(-2, None), slice(0, 4, 2)):
        with pytest.raises(ValueError, match="counted from the start"):
            flows[rows]
    with pytest.raises(ValueError, match="-1"):
        flows.limit(-1)


def test_a_head_is_kept_and_shown(flows: asglog.Table[asglog.Flow]) -> None:
    head = flows.columns("time", "dst").head(3)
    assert head.column_names == ["time", "dst"]
    text = head._repr_html_()
    assert text.count("<tr>") == 4 and "10.0.16.10" in text


def test_a_kept_table_answers_without_its_logs(tmp_path: Path, export: asglog.Export) -> None:
    log = tmp_path / "all.log"
    log.write_bytes(b"".join(path.read_bytes() for path in LOGS))
    table = asglog.correlate(log, directory=export)
    kept = table.cache()
    wanted = [
        list(table.top(by=("app", "destination"))), list(table.summary()), list(table.timeline("1d", by="verdict")),
        list(table.denied_episodes()), list(table.filter(dst="10.0.0.0/8", app="proxy").top()),
        places(table.filter(certainty="unknown")), list(table.new_destinations(table.limit(2))),
    ]  # fmt: skip
    log.unlink()
    assert wanted == [
        list(kept.top(by=("app", "destination"))), list(kept.summary()), list(kept.timeline("1d", by="verdict")),
        list(kept.denied_episodes()), list(kept.filter(dst="10.0.0.0/8", app="proxy").top()),
        places(kept.filter(certainty="unknown")), list(kept.new_destinations(kept.limit(2))),
    ]  # fmt: skip
    assert all(wanted)
    # A log is read twice through one descriptor, so it may be removed in between.
    assert places(table) == places(kept)


def test_records_of_kept_rows_have_what_their_columns_show(flows: asglog.Table[asglog.Flow]) -> None:
    for kept, flow in zip(flows.cache(), flows, strict=True):
        assert (kept.time, kept.cell, kept.dst, kept.dpt, kept.handle, kept.app, kept.org) == (
            flow.time, flow.cell, flow.dst, flow.dpt, flow.handle, flow.app, flow.org
        )  # fmt: skip
        assert kept.attribution.certainty == flow.attribution.certainty
        assert kept.attribution.evidence == flow.attribution.evidence[:1]
    packets = asglog.scan(LOGS)
    for record, packet in zip(packets.cache(), packets, strict=True):
        assert (record.kind, record.line, record.uptime, record.cf) == (packet.kind, packet.line, packet.uptime, packet.cf)
        assert record.packet is not None and packet.packet is not None
        assert (record.packet.flags, record.packet.df, record.packet.ttl) == (
            packet.packet.flags, packet.packet.df, packet.packet.ttl
        )  # fmt: skip


def test_a_parquet_file_is_a_table(flows: asglog.Table[asglog.Flow], tmp_path: Path) -> None:
    path = tmp_path / "flows.parquet"
    flows.to_parquet(path)
    saved = asglog.Table.from_parquet(path)
    assert saved.column_names == flows.column_names
    assert list(saved.top()) == list(flows.top())
    assert places(saved.filter(verdict="denied")) == places(flows.filter(verdict="denied"))
    assert saved.counts() == {"lines": 11, "packets": 11, "damaged": 0, "rows": 11, "sources": {}}
    flows.columns("dst", "verdict").to_parquet(path)
    few = asglog.Table.from_parquet(path)
    assert few.column_names == ["verdict", "dst"] or few.column_names == ["dst", "verdict"]
    with pytest.raises(ValueError, match="app_name"):
        few.columns("app_name")


def test_what_is_no_such_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        asglog.Table.from_parquet(tmp_path / "nothing.parquet")
    with pytest.raises(ValueError, match="not a Parquet file"):
        asglog.Table.from_parquet(LOGS[0])
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "other.parquet"
    for columns, why in [({"a": [1]}, "no column of packets"), ({"dpt": ["80"]}, "column dpt is")]:
        parquet.write_table(pyarrow.table(columns), path)
        with pytest.raises(ValueError, match=why):
            asglog.Table.from_parquet(path)


def test_csv_has_the_columns_and_rows(flows: asglog.Table[asglog.Flow], tmp_path: Path) -> None:
    path = tmp_path / "flows.csv"
    flows.columns("time", "dst", "dpt", "app_name").to_csv(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["time"], row["dst"], row["app_name"]) for row in rows] == [
        (str(flow.time or ""), flow.dst, flow.app.name or "") for flow in flows
    ]
    with pytest.raises(OSError):
        flows.to_csv(tmp_path / "no" / "folder.csv")


def test_numpy_and_the_frame_of_pandas_are_refused_with_the_right_way(flows: asglog.Table[asglog.Flow]) -> None:
    pandas = pytest.importorskip("pandas")
    with pytest.raises(TypeError, match="to_pandas"):
        pandas.DataFrame(flows)


def test_times_are_datetimes_and_exact(flows: asglog.Table[asglog.Flow]) -> None:
    time = next(iter(flows)).time
    assert isinstance(time, datetime.datetime) and time.utcoffset() == datetime.timedelta()
    for text in ("2017-06-22T13:07:52.889604807Z", "2017-06-22T13:07:52.8896048Z", "2017-06-22T13:07:52Z", "1969-12-31T23:59:59.5Z"):
        exact = asglog.Time.parse(text)
        assert str(exact) == text
        for again in (pickle.loads(pickle.dumps(exact)), copy.deepcopy(exact)):
            assert (again, str(again)) == (exact, text)
    assert asglog.Time.parse("2017-06-22T13:07:52+02:00") == asglog.Time.parse("2017-06-22T11:07:52Z")
    with pytest.raises(ValueError, match="zone"):
        asglog.Time.parse("2017-06-22T13:07:52")
    for flow in flows:
        assert asglog.Flow.from_dict(flow.to_dict()) == flow
