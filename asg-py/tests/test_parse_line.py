"""One line in, one record out."""

from __future__ import annotations

import dataclasses
import json
import pickle
from typing import Any

import pytest
from conftest import FIXTURES, PACKET
from hypothesis import given
from hypothesis import strategies as st

import asglog


def test_a_packet_has_its_fields_as_attributes() -> None:
    record = asglog.parse_line(PACKET, number=7)
    assert (record.line, record.kind, record.job) == (7, "packet", "diego-cell")
    assert str(record.time) == "2024-05-06T07:09:10.581301Z"
    packet, cf = record.packet, record.cf
    assert packet is not None and cf is not None
    assert (packet.src, packet.dst, packet.spt, packet.dpt, packet.df) == ("10.255.73.3", "8.8.8.8", 51858, 80, True)
    assert (packet.in_, packet.out, packet.flags) == ("s-010255073003", "eth0", ("SYN",))
    assert (cf.verdict, cf.plane, cf.handle_prefix) == ("denied", "asg", "bfce786c-ab07-40ad-79f9")


def test_packets_equal_the_truth_about_them() -> None:
    corpus = FIXTURES / "kernel/packets.jsonl"
    cases = [json.loads(line) for line in corpus.read_text().splitlines()]
    assert len(cases) == 315
    for case in cases:
        record = asglog.parse_line(case["line"])
        assert record.kind == "packet", case
        assert record.packet is not None
        # `OPT ( )` can be three kinds of header, and the line does not show which.
        for header in case["truth"].get("ext", []):
            if header.get("hdr") in (0, 43, 60):
                del header["hdr"]
        assert record.packet.to_dict() == case["truth"]


def test_a_cut_line_tells_where_and_keeps_what_was_read() -> None:
    record = asglog.parse_line(PACKET[: PACKET.index(b" SPT")])
    assert record.kind == "damaged"
    assert record.error is not None and record.packet is not None
    assert record.error.offset == PACKET.index(b" SPT")
    assert record.error.message == "the text ends where ` ` was expected"
    assert record.packet.dst == "8.8.8.8"


@given(st.binary() | st.text())
def test_any_bytes_and_any_text_give_a_record(line: bytes | str) -> None:
    record = asglog.parse_line(line)
    assert record.kind in ("packet", "rep", "logger", "other", "damaged")
    json.dumps(record.to_dict())


@given(st.integers(0, len(PACKET)), st.binary(max_size=4))
def test_a_changed_packet_gives_a_record(at: int, new: bytes) -> None:
    record = asglog.parse_line(PACKET[:at] + new + PACKET[at + len(new) :])
    assert pickle.loads(pickle.dumps(record)) == record


def test_text_may_hold_bytes_that_are_no_utf8() -> None:
    raw = PACKET.replace(b"OUT=eth0", b"OUT=\xff\xfe")
    assert asglog.parse_line(raw.decode("utf-8", "surrogateescape")) == asglog.parse_line(raw)


def test_text_with_any_surrogate_gives_a_record() -> None:
    assert asglog.parse_line("\ud800").kind == "other"


def test_records_are_values() -> None:
    record = asglog.parse_line(PACKET)
    assert record == asglog.parse_line(PACKET)
    assert hash(record) == hash(asglog.parse_line(PACKET))
    assert record != asglog.parse_line(PACKET, number=2)
    assert pickle.loads(pickle.dumps(record)) == record
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.kind = "other"  # type: ignore[misc]


def test_time_stamps_without_year_or_zone_are_completed_as_asked() -> None:
    line = "Jun 16 23:18:38 localhost kernel: [12.5] hello"
    assert asglog.parse_line(line).time is None
    assert str(asglog.parse_line(line, year=2017, utc_offset=2).time) == "2017-06-16T21:18:38Z"
    with pytest.raises(ValueError, match="hours"):
        asglog.parse_line(line, utc_offset=7200)


@pytest.mark.parametrize("year", [0, -1, True, 1969, 2262, 40000, 2**70])
def test_a_year_that_no_log_has_is_refused(year: int) -> None:
    for make in (asglog.parse, asglog.scan, asglog.correlate, asglog.parse_line):
        with pytest.raises(ValueError, match=f"year takes a year from 1970 to 2261, and not {year}"):
            make(b"", year=year)


@pytest.mark.parametrize("utc_offset", [24, -24, True, float("nan"), float("inf")])
def test_an_offset_that_no_zone_has_is_refused(utc_offset: float) -> None:
    for make in (asglog.parse, asglog.scan, asglog.correlate, asglog.parse_line):
        with pytest.raises(ValueError, match=f"hours, .*, and not {utc_offset}"):
            make(b"", utc_offset=utc_offset)
    no_number: Any = "2"
    with pytest.raises(TypeError, match="utc_offset takes hours, or an offset such as '[+]02:00', not list"):
        asglog.parse(b"", utc_offset=[2])  # type: ignore[arg-type]
    for text, hours in [("2", 2), ("+02:00", 2), ("-0330", -3.5), ("Z", 0)]:
        line = "2017-06-16T23:18:38 x"
        assert asglog.parse_line(line, utc_offset=text) == asglog.parse_line(line, utc_offset=hours)
    for wrong in ("+2 hours", "Europe/Berlin", "24:00", ""):
        with pytest.raises(ValueError, match="utc_offset takes hours"):
            asglog.parse(b"", utc_offset=wrong)
    with pytest.raises(TypeError, match="year takes a whole number, not str"):
        asglog.parse(b"", year=no_number)
    assert asglog.parse_line("2017-06-16T23:18:38 x", utc_offset=-23.5, year=1970).kind == "other"


def test_a_line_is_any_bytes() -> None:
    wanted = asglog.parse_line(PACKET)
    for line in (bytearray(PACKET), memoryview(PACKET), memoryview(b"xx" + PACKET)[2:]):
        assert asglog.parse_line(line) == wanted
    with pytest.raises(TypeError, match="a line is bytes or text, not int"):
        asglog.parse_line(7)  # type: ignore[arg-type]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_line_may_have_its_line_end(end: bytes) -> None:
    assert asglog.parse_line(PACKET + end) == asglog.parse_line(PACKET)


def test_several_lines_are_not_one() -> None:
    record = asglog.parse_line(PACKET + b"\n" + PACKET)
    assert record.kind == "damaged"
    assert record.error is not None
    assert record.error.message == "expected one line, and not a line feed in it"


def test_masks_and_what_stands_behind_a_line_are_told() -> None:
    record = asglog.parse_line(PACKET.replace(b"DST=8.8.8.8", b"DST=x.x.x.x") + b"#015")
    assert (record.kind, record.trailing, record.redacted) == ("packet", "#015", ("dst",))
    assert record.packet is not None
    assert (record.packet.dst, record.packet.dpt) == (None, 80)


def test_the_lines_of_a_document_are_its_parts() -> None:
    text = json.dumps({"a": {"b": 1}}, indent=2).encode()
    records = list(asglog.parse(text))
    assert [(record.kind, record.part_of) for record in records] == [("other", None)] + [("other", 1)] * 4
    again = list(asglog.parse(b"\xff\xfe" + text.decode().encode("utf-16-le")))
    assert again == records
