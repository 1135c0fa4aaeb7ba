"""Ledgers keep the evidence of logs, and answer without the logs."""

from __future__ import annotations

import datetime
import pickle
import threading
from pathlib import Path

import pytest
from conftest import LOGS

import asglog

HANDLE = "d08bb414-cdba-4381-412a-e9ecc"


@pytest.fixture
def ledger() -> asglog.Ledger:
    made = asglog.Ledger()
    made.add(LOGS)
    return made


def test_who_answers_as_correlating_does(ledger: asglog.Ledger) -> None:
    flow = next(flow for flow in asglog.correlate(LOGS) if flow.handle_prefix == HANDLE)
    owner = ledger.who(HANDLE, flow.cell, flow.time, address=flow.src)
    assert owner.attribution == flow.attribution
    assert (owner.handle, owner.process_guid, owner.index) == (flow.handle, flow.process_guid, flow.index)
    assert owner == asglog.Owner.from_dict(owner.to_dict())
    for prefix in (HANDLE[:20], f"DENY_{HANDLE[:24]}", f"OK_{HANDLE[:26]}", owner.handle):
        assert prefix is not None
        assert ledger.who(prefix).handle == owner.handle
    assert ledger.who("bfce786c-0000-0000-0000-0000").attribution.certainty == "unknown"


def test_time_can_contradict_a_handle() -> None:
    ledger = asglog.Ledger()
    ledger.add(
        b'{"timestamp":"1498136872.8","source":"rep","message":"rep.node-destroy.destroyed-container-in-garden","log_level":1,'
        b'"data":{"guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"}}'
    )
    gone = datetime.datetime.fromtimestamp(1498136872.8, datetime.timezone.utc)
    hour = datetime.timedelta(hours=1)
    assert ledger.who(HANDLE, at=gone - hour).attribution.certainty == "unique_prefix"
    assert ledger.who(HANDLE, at=gone + hour).attribution.reason == "outside_lifetime"
    assert str(ledger.who(HANDLE).destroyed) == "2017-06-22T13:07:52.8Z"


def test_what_is_no_question_says_so(ledger: asglog.Ledger) -> None:
    with pytest.raises(ValueError, match="no zone"):
        ledger.who(HANDLE, at="2017-06-20T23:05:03")
    with pytest.raises(ValueError, match="IP address"):
        ledger.who(HANDLE, address="here")
    nobody = ledger.who("what is this")
    assert (nobody.attribution.certainty, nobody.attribution.reason) == ("unknown", "unknown_name")
    assert "no line and no directory" in repr(nobody) and "directory" in nobody.attribution.advice


def test_a_saved_ledger_answers_where_logs_are_gone(ledger: asglog.Ledger, tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger.save(path)
    ledger.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["ledger"]
    packets = tmp_path / "kern.log"
    packets.write_bytes(b"\n".join(line for line in LOGS[1].read_bytes().split(b"\n") if b" IN=" in line))
    alone = list(asglog.correlate(packets))
    assert not any(flow.handle for flow in alone)
    loaded = asglog.Ledger.load(path)
    assert len(loaded) == len(ledger) > 0 and loaded
    helped = list(asglog.correlate(packets, ledger=loaded))
    assert any(flow.handle for flow in helped)
    told = {evidence.source for flow in helped for evidence in flow.attribution.evidence}
    assert told == {str(path)}
    whole = [flow.handle for flow in asglog.correlate(LOGS[1])]
    assert [flow.handle for flow in helped] == whole


def test_ledgers_pickle(ledger: asglog.Ledger) -> None:
    again = pickle.loads(pickle.dumps(ledger))
    assert len(again) == len(ledger)
    assert again.who(HANDLE).process_guid == ledger.who(HANDLE).process_guid
    assert not asglog.Ledger()


def test_the_order_of_merging_does_not_matter(tmp_path: Path) -> None:
    parts = []
    for log in LOGS:
        part = asglog.Ledger()
        counts = part.add(log)
        assert counts["lines"] >= counts["evidence"] > 0
        parts.append(part)
    both = []
    for order in (parts, parts[::-1]):
        merged = asglog.Ledger()
        for part in order:
            merged.merge(part)
            merged.merge(part)
        merged.merge(merged)
        merged.save(tmp_path / "merged")
        both.append((tmp_path / "merged").read_bytes())
    assert both[0] == both[1]
    owner = merged.who(HANDLE)
    assert {evidence.source for evidence in owner.attribution.evidence} == {str(LOGS[0])}


def test_ledgers_that_are_merged_into_each_other_do_not_wait_for_each_other() -> None:
    a, b = asglog.Ledger(), asglog.Ledger()
    a.add(LOGS[0])
    b.add(LOGS[1])

    def often(one: asglog.Ledger, other: asglog.Ledger) -> None:
        for _ in range(200):
            one.merge(other)

    threads = [threading.Thread(target=often, args=pair) for pair in ((a, b), (b, a))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert len(a) == len(b)


def test_what_is_no_ledger_is_refused(ledger: asglog.Ledger, tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger.save(path)
    saved = path.read_bytes()
    for bad in (b"", b"hello", saved[:-1], saved[:40] + bytes([saved[40] ^ 1]) + saved[41:]):
        path.write_bytes(bad)
        with pytest.raises(asglog.LedgerError, match=str(path)):
            asglog.Ledger.load(path)
    with pytest.raises(FileNotFoundError):
        asglog.Ledger.load(tmp_path / "nowhere")
    with pytest.raises(OSError):
        ledger.save(tmp_path / "nowhere" / "ledger")


def test_a_log_that_cannot_be_read_changes_nothing(ledger: asglog.Ledger, tmp_path: Path) -> None:
    before = len(ledger)
    with pytest.raises(FileNotFoundError):
        ledger.add([LOGS[0], tmp_path / "nowhere.log"])
    assert len(ledger) == before
