"""Simulated foundations for the tests of split logs, and what one machine finds in them."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

import asglog
from asglog import batches

#: What is special about each: the era, the envelope of its lines and what goes wrong.
WORLDS = {
    "plain": ("silk-modern", "rfc5424", "none"),
    "duplicates": ("silk-modern", "rfc3164", "duplicates"),
    "two-ways": ("silk-modern", "rfc5424", "two-ways"),
    "relays": ("silk-modern", "rfc3164", "relays"),
    "nameless": ("silk", "rfc3164", "nameless"),
    "stalls": ("silk-modern", "rfc5424", "stalls"),
    "clocks": ("cf-networking", "files", "clocks"),
    "zone": ("silk-modern", "rfc3164", "zone"),
    "new-year": ("silk-modern", "rfc3164", "new-year"),
    "logger-only": ("silk-modern", "rfc5424", "logger-only"),
    "all": ("silk-ipv6", "rfc5424", "all"),
}

PLACE = [("source", "ascending"), ("line", "ascending")]

#: Shown by one machine only: a ledger keeps containers, and not lines.
_LINES_OF_EVIDENCE = ("evidence_source", "evidence_line")

_FOLDER = tempfile.TemporaryDirectory(prefix="asglog-worlds-")


@functools.cache
def world(name: str) -> Path:
    """Returns the folder of a foundation's logs."""
    program = ROOT / "target/debug/foundation"
    if not program.exists():
        pytest.skip("the simulator is not built (cargo build -p asg-benches --bin foundation)")
    era, envelope, damage = WORLDS[name]
    folder = Path(_FOLDER.name) / name
    arguments = ["--era", era, "--envelope", envelope, "--damage", damage, "--containers", "24", "--minutes", "6"]
    subprocess.run([program, *arguments, "--cells", "3", "--no-truth", folder], check=True, capture_output=True)
    return folder / "cells"


@functools.cache
def lines_of(name: str) -> Any:
    """Returns the lines of a foundation with their places."""
    import pyarrow

    return pyarrow.concat_tables(batches.lines(world(name)))


@functools.cache
def one_machine(name: str) -> Any:
    """Returns the flows that one machine finds."""
    found = asglog.correlate(world(name)).to_arrow().sort_by(PLACE).drop_columns(list(_LINES_OF_EVIDENCE))
    assert found.num_rows > 500
    return found


def difference(found: Any, expected: Any) -> str | None:
    """Returns the first difference of two tables of flows, in any order."""
    found = found.sort_by(PLACE)
    if found.num_rows != expected.num_rows:
        return f"{found.num_rows} rows for {expected.num_rows}"
    for name in found.column_names:
        ours, theirs = found.column(name).to_pylist(), expected.column(name).to_pylist()
        if ours != theirs:
            at = next(n for n, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1])
            many = sum(a != b for a, b in zip(ours, theirs, strict=True))
            return f"{name} of {many} rows, first {found.slice(at, 1).select(['source', 'line']).to_pylist()}: {ours[at]!r} for {theirs[at]!r}"
    return None
