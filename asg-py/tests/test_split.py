"""However the lines of a foundation are divided, the flows are those of one machine."""

from __future__ import annotations

import os
import pickle
import random
from typing import Any

import pytest
import worlds

import asglog
from asglog import _asglog
from asglog.batches import KEY, Flows, gather, gather_into, keyed

pa = pytest.importorskip("pyarrow")

#: All of them are for the nightly run.
PARTS = (1, 3, 11, 64) if os.environ.get("ASG_MATRIX") == "whole" else (3,)


def divided(lines: Any, parts: int) -> list[Any]:
    """Deals lines to parts by chance."""
    chance = random.Random(parts)
    rows: list[list[int]] = [[] for _ in range(parts)]
    for n in range(lines.num_rows):
        rows[chance.randrange(parts)].append(n)
    return [lines.take(pa.array(part, pa.int64())) for part in rows]


def gathered(parts: list[Any]) -> tuple[asglog.Ledger, asglog.Clocks]:
    """Gathers as workers in other processes do."""
    ledger, clocks = asglog.Ledger(), asglog.Clocks()
    for part in parts:
        told = pickle.loads(pickle.dumps(clocks.part()))
        ledger.merge(pickle.loads(pickle.dumps(gather(part, told))))
        clocks.merge(pickle.loads(pickle.dumps(told)))
    return pickle.loads(pickle.dumps(ledger)), pickle.loads(pickle.dumps(clocks))


def flows(lines: Any, parts: int, columns: tuple[str, ...] | None = None) -> Any:
    """Correlates in parts."""
    dealt = divided(lines, parts)
    ledger, clocks = gathered(dealt)
    packets = pa.concat_tables([keyed(part) for part in dealt])
    key = packets.column(KEY).to_pylist()
    of = Flows(ledger, columns=columns, clocks=clocks)
    groups = [[n for n, value in enumerate(key) if value % parts == part] for part in range(parts)]
    return pa.concat_tables([of(packets.take(pa.array(rows, pa.int64()))) for rows in groups])


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("name", worlds.WORLDS)
def test_parts_give_the_flows_of_one_machine(name: str, parts: int) -> None:
    expected = worlds.one_machine(name)
    found = flows(worlds.lines_of(name), parts, tuple(expected.column_names))
    assert worlds.difference(found, expected) is None


# There, the kernel reports no packet.
@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("name", [name for name in worlds.WORLDS if name != "logger-only"])
def test_parts_that_know_all_give_the_same_flows(name: str, parts: int) -> None:
    expected, lines = worlds.one_machine(name), worlds.lines_of(name)
    ledger, clocks, texts = asglog.Ledger(), asglog.Clocks(), _asglog.TextKeys()
    loggers = gather_into(lines, ledger, clocks, texts)
    (keys,) = texts.take(1)
    if loggers or _asglog.repeated_keys([keys], lines.num_rows) != b"":
        # Each line that is a flow is the only one about its packet.
        places = set(zip(*(expected.column(of).to_pylist() for of in ("source", "line")), strict=True))
        rows = zip(*(lines.column(of).to_pylist() for of in ("source", "line")), strict=True)
        lines = lines.filter(pa.array([row in places for row in rows]))
    ledger, clocks = pickle.loads(pickle.dumps(ledger)), pickle.loads(pickle.dumps(clocks))
    of = Flows(ledger, columns=tuple(expected.column_names), clocks=clocks, knows_all=True)
    found = pa.concat_tables([of(part) for part in divided(lines, parts)])
    if loggers:
        # A packet that iptables-logger alone reports is none for it.
        kept = set(zip(*(found.column(of).to_pylist() for of in ("source", "line")), strict=True))
        rows = zip(*(expected.column(of).to_pylist() for of in ("source", "line")), strict=True)
        expected = expected.filter(pa.array([row in kept for row in rows]))
    assert found.num_rows and worlds.difference(found, expected) is None
