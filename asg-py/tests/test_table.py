"""Lazy tables: the rows are those of the records, and each stream is a fresh one."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from conftest import PACKET

import asglog

UTC = datetime.timezone.utc


def test_a_filter_and_a_time_span_choose_rows(tmp_path: Path) -> None:
    table = asglog.scan(PACKET + b"\nnoise\n")
    at = datetime.datetime(2024, 5, 6, 7, 9, 10, tzinfo=UTC)
    second = datetime.timedelta(seconds=1)
    for chosen, rows in [
        (table, 1),
        (table.filter(verdict="denied", dpt=[80, 443], dst="8.8.0.0/16"), 1),
        (table.filter(verdict="allowed"), 0),
        (table.filter(address="10.255.73.3"), 1),
        (table.filter(dst="10.0.0.0/8"), 0),
        (table.between(at, at + second), 1),
        (table.between(at + second, None), 0),
    ]:
        chosen.to_parquet(tmp_path / "rows.parquet")
        assert chosen.counts() == {"lines": 2, "packets": 1, "damaged": 0, "rows": rows}


def test_what_makes_no_sense_says_so() -> None:
    table = asglog.scan(PACKET)
    with pytest.raises(ValueError, match="no column"):
        table.filter(colour="red")
    with pytest.raises(ValueError, match="dpt is a number"):
        table.filter(dpt="80")
    with pytest.raises(ValueError, match="no column"):
        table.columns("certainty")
    with pytest.raises(ValueError, match="no zone"):
        table.between(datetime.datetime(2024, 5, 6), None)
    with pytest.raises(FileNotFoundError):
        asglog.scan("nowhere.log").to_parquet("nowhere.parquet")


def test_columns_are_those_that_were_asked_for() -> None:
    assert asglog.scan(PACKET).columns("dst", "raw").column_names == ["dst", "raw"]
