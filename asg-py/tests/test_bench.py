"""The bench still runs, and all its ways find the same packets."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


def test_the_bench_compares_like_with_like() -> None:
    for rival in ("duckdb", "polars", "pyarrow"):
        pytest.importorskip(rival)
    spec = importlib.util.spec_from_file_location("packets", Path(__file__).parents[1] / "bench/packets.py")
    assert spec is not None and spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    found = bench.main(500, rounds=1)
    rows = {rows for _, rows in found.values()}
    assert len(rows) == 1 and rows.pop() > 300
