"""Lazy tables: the rows are those of the records, and each stream is a fresh one."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from conftest import PACKET, ROOT

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
        counts = chosen.counts()
        assert counts is not None
        assert [counts["lines"], counts["packets"], counts["damaged"], counts["rows"]] == [2, 1, 0, rows]


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


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ({"verdict": "deny"}, 'verdict is allowed or denied, not "deny"'),
        ({"verdict": ["denied", "Denied"]}, 'not "Denied"'),
        ({"certainty": "sure"}, "certainty is exact, .* or unknown, not"),
        ({"reason": "because"}, "reason is whole_handle, .* or [a-z_]+, not"),
        ({"plane": "silk"}, "asg, c2c or rate_limit"),
        ({"direction": "out"}, "egress or ingress"),
        ({"subject": "org"}, "container, app or none"),
        ({"family": "IPv4"}, "ipv4, ipv6, arp or unknown"),
        ({"app_state": "gone"}, "live, deleted, hidden, unknown, not_asked or unavailable"),
        ({"proto": "http"}, 'proto is TCP, .* or a number from 0 to 255, not "http"'),
        ({"proto": 256}, "not 256"),
        ({"nested_proto": -1}, "not -1"),
        ({"dpt": 70000}, "dpt is a number from 0 to 65535, not 70000"),
        ({"dpt": -1}, "not -1"),
        ({"port": range(65536, 70000)}, "not the range from 65536 to 69999"),
        ({"ttl": 256}, "ttl is a number from 0 to 255"),
        ({"index": 1 << 32}, "index is a number from 0 to 4294967295"),
        ({"line": -1}, "line is a number that is not negative, not -1"),
        ({"dpt": 2**70}, "not 1180591620717411303424"),
        ({"dpt": 10**5000}, "not one so large"),
        ({"df": "True"}, 'df is True or False, not "True"'),
        ({"family": None}, "family is never missing"),
    ],
)
def test_a_value_that_a_column_cannot_have_is_refused(condition: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        asglog.correlate(PACKET).filter(**condition)


def test_all_values_that_a_column_can_have_are_taken() -> None:
    table = asglog.correlate(PACKET)
    schema = json.loads((ROOT / "asg-cli/schemas/correlate.schema.json").read_text())
    reasons = schema["properties"]["attribution"]["properties"]["reason"]["enum"]
    assert len(reasons) > 15 and sum(table.filter(reason=reason).to_arrow().num_rows for reason in reasons) == 1
    words = {
        "verdict": "allowed denied", "plane": "asg c2c rate_limit", "direction": "egress ingress",
        "subject": "container app none", "family": "ipv4 ipv6 arp unknown", "app_state": "live deleted hidden unknown not_asked unavailable",
        "certainty": "exact unique_prefix inferred ambiguous unknown",
    }  # fmt: skip
    for column, some in words.items():
        table.filter(**{column: some.split()})
    assert len(list(table.filter(dpt=range(2**70), line=range(1, 2), ttl=[63, None], handle=None))) == 1


def test_protocols_are_names_in_capitals_or_not_or_numbers() -> None:
    udp = PACKET.replace(b"PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 RES=0x00 SYN URGP=0", b"PROTO=UDP SPT=1 DPT=53 LEN=40")
    other = PACKET.replace(b"PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 RES=0x00 SYN URGP=0", b"PROTO=47")
    table = asglog.scan(b"\n".join([PACKET, udp, other]))
    chosen = [(["tcp"], [1]), (["Udp", "TCP"], [1, 2]), ([6], [1]), (["17"], [2]), ([47], [3]), ([1, "icmpV6", 0], [])]
    for wanted, lines in chosen:
        assert table.filter(proto=wanted).to_arrow()["line"].to_pylist() == lines


@pytest.mark.parametrize("value", [443.0, [[443]], b"443", {443: 443}, object(), [443, 80.0]])
def test_what_no_column_is_compared_with_is_said_in_one_line(value: object) -> None:
    with pytest.raises(TypeError, match="^dpt is compared with a text, a whole number.*, not with [a-z]+$"):
        asglog.scan(PACKET).filter(dpt=value)


def test_bounds_may_be_as_far_away_as_python_can_say() -> None:
    table = asglog.scan(PACKET)
    first, last = (end.replace(tzinfo=UTC) for end in (datetime.datetime.min, datetime.datetime.max))
    for start, end in [(first, last), (first, None), (None, last), ("0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z")]:
        assert len(list(table.between(start, end))) == 1
    assert asglog.Ledger().who("d08bb414-cdba-4381-412a-e9ecc", at=last).attribution.certainty == "unknown"


def test_bounds_that_are_no_times_or_the_wrong_way_round_say_so() -> None:
    table, ledger = asglog.scan(PACKET), asglog.Ledger()
    wrong: list[Any] = [datetime.date(2024, 5, 6), 1714979350, 1.5, datetime.time(7)]
    for no_time in wrong:
        with pytest.raises(TypeError, match="a datetime with a zone, or its text, not"):
            table.between(no_time, None)
        with pytest.raises(TypeError, match="a datetime with a zone, or its text, not"):
            ledger.who("d08bb414-cdba-4381-412a-e9ecc", at=no_time)
    with pytest.raises(ValueError, match="the start is behind the end"):
        table.between("2024-05-07T00:00:00Z", "2024-05-06T00:00:00Z")


def test_bounds_may_be_times_of_other_libraries() -> None:
    numpy, pandas = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    table, at = asglog.scan(PACKET), "2024-05-06T07:09:10.581301"
    for make in (numpy.datetime64, lambda text: pandas.Timestamp(text, tz="UTC")):
        assert len(list(table.between(make(at), None))) == 1
        for none in (table.between(make(f"{at}001"), None), table.between(None, make(at))):
            assert none.to_arrow().num_rows == 0
        assert len(list(table.between(None, make(f"{at}001")))) == 1
    assert len(list(table.between(numpy.datetime64("-9000-01-01"), numpy.datetime64("99999-01-01")))) == 1
    with pytest.raises(ValueError, match="NaT"):
        table.between(numpy.datetime64("NaT"), None)
    with pytest.raises(ValueError, match="no zone"):
        table.between(pandas.Timestamp(at), None)


def test_a_table_without_columns_is_no_parquet(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Parquet needs a column"):
        asglog.scan(PACKET).columns().to_parquet(tmp_path / "rows.parquet")
    assert not list(tmp_path.iterdir())


def test_a_schema_has_columns_and_names() -> None:
    there: list[Any] = ["dpt", asglog.SCHEMA["dpt"], "time"]
    others: list[Any] = ["certainty", asglog.FLOW_SCHEMA["certainty"], 7, None]
    assert all(one in asglog.SCHEMA for one in there) and not any(one in asglog.SCHEMA for one in others)
    assert all(one in asglog.FLOW_SCHEMA for one in [*there, *others[:2]])


def test_counts_say_what_became_of_the_lines_of_each_source(tmp_path: Path) -> None:
    packet = (
        "OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 TOS=0x00 "
        "PREC=0x00 TTL=63 ID=2806 DF PROTO=UDP SPT=36556 DPT=53 LEN=41 "
    )
    rep = '{"timestamp":"1498136872.8","source":"rep","message":"rep.x","log_level":1,"data":{"guid":"bfce786c-ab07-40ad-79f9-8f21"}}'
    lines = [
        f"Jun 16 23:18:38 cell-1 kernel: [87921.493829] {packet}",
        f"one two three four five six {packet}",
        f"Jun 16 23:18:38 cell-1 sshd[71]: [87921.493829] {packet}",
        "? IN: SRC=10.0.0.1 DST=10.0.0.2 OUT=",
        "x" * 70_000,
        "hello",
        rep,
    ]
    log, other = tmp_path / "kern.log", tmp_path / "other.log"
    log.write_text("\n".join(lines))
    other.write_text("hello\n")
    seen = {"packet": 1, "header_not_understood": 1, "not_platform": 1, "not_understood": 1, "over_long": 1}
    tables: list[tuple[asglog.Table[Any], dict[str, int]]] = [
        (asglog.correlate([log, other]), {"evidence": 1, "other": 1}),
        (asglog.scan([log, other]), {"passed_over": 2}),
    ]
    for table, more in tables:
        assert table.counts() is None
        list(table)
        counts = table.counts()
        assert counts is not None
        sources = counts["sources"]
        assert list(sources) == [str(log), str(other)]
        assert sum(sources[str(other)].values()) == 1
        assert {word: n for word, n in sources[str(log)].items() if n} == seen | more
        assert sum(sum(classes.values()) for classes in sources.values()) == counts["lines"] == 8
