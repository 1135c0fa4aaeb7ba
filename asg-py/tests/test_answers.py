"""Answers equal those of a slow computation from the rows."""

from __future__ import annotations

import datetime
import operator
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import LOGS, PROXY
from hypothesis import given
from hypothesis import strategies as st

import asglog
from asglog.records import Flow

START = datetime.datetime(2024, 5, 6, 7, tzinfo=datetime.timezone.utc)
HANDLES = ("bfce786c-ab07-40ad-79f9", "d08bb414-cdba-4381-412a")


def line(second: int, handle: int, host: int, port: int, denied: bool) -> str:
    time = (START + datetime.timedelta(seconds=second)).isoformat()
    word = "DENY" if denied else "OK"
    return (
        f"{time} cell kernel: [{second + 7}.000001] {word}_{HANDLES[handle]} IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 "
        f"DST=10.0.0.{host} LEN={60 + host} TOS=0x00 PREC=0x00 TTL=63 ID={second + 1} DF PROTO=UDP SPT=4000 DPT={port} LEN=41 "
    )


REP = b"\n".join(
    b'{"timestamp":"2024-05-06T06:00:00Z","level":"info","source":"rep","message":"rep.executing-container-operation.starting",'
    b'"data":{"container-guid":"%s-0000","lrp-key":{"process_guid":"%s-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11","index":%d,'
    b'"domain":"cf-apps"}}}' % (handle.encode(), guid, n)
    for n, (handle, guid) in enumerate(zip(HANDLES, (PROXY.encode(), b"7e3b9c54-0d6f-4f7a-9b21-6a5c4d3e2f10"), strict=True))
)

# Some of these logs have no packets.
pytestmark = pytest.mark.filterwarnings("ignore::asglog.AsgWarning")

PACKETS = st.lists(
    st.tuples(st.integers(0, 4000), st.integers(0, 1), st.integers(1, 3), st.sampled_from([53, 80]), st.booleans()),
    max_size=30,
    unique_by=lambda packet: packet[0],
)


def flows(packets: Sequence[tuple[int, int, int, int, bool]]) -> asglog.Table[Flow]:
    text = "\n".join(line(*packet) for packet in packets)
    return asglog.correlate(REP + b"\n" + text.encode())


def owner(flow: Flow) -> str | None:
    return None if flow.process_guid is None else flow.process_guid[:36]


def counted(rows: list[Flow], key: Callable[[Flow], Any]) -> Counter[Any]:
    return Counter(key(flow) for flow in rows)


@given(PACKETS)
def test_top_counts_every_row_once(packets: list[tuple[int, int, int, int, bool]]) -> None:
    table = flows(packets)
    rows = list(table)
    by_app = {row["owner"]: row for row in table.top(n=None)}
    assert {key: row["packets"] for key, row in by_app.items()} == counted(rows, owner)
    for key, row in by_app.items():
        mine = [flow for flow in rows if owner(flow) == key]
        assert row["denied"] == sum(flow.verdict == "denied" for flow in mine)
        assert row["allowed"] == sum(flow.verdict == "allowed" for flow in mine)
        times = [flow.time for flow in mine if flow.time is not None]
        assert (row["first"], row["last"]) == (min(times), max(times))
    by_destination = {(row["dst"], row["dpt"]): row for row in table.top(by="destination", n=None)}
    assert {key: row["packets"] for key, row in by_destination.items()} == counted(rows, lambda f: (f.dst, f.dpt))
    assert sum(row["bytes"] for row in by_destination.values()) == sum(60 + packet[2] for packet in packets)


@given(PACKETS, st.integers(0, 5))
def test_the_largest_come_first(packets: list[tuple[int, int, int, int, bool]], n: int) -> None:
    table = flows(packets)
    every, some = list(table.top(by=("dst", "dpt"), n=None, measure="denied")), list(
        table.top(by=("dst", "dpt"), n=n, measure="denied")
    )
    assert some == every[:n]
    assert [row["denied"] for row in every] == sorted((row["denied"] for row in every), reverse=True)


@given(PACKETS)
def test_the_summary_is_of_all_rows(packets: list[tuple[int, int, int, int, bool]]) -> None:
    table = flows(packets)
    rows = list(table)
    found = {(row["what"], row["value"]): row["packets"] for row in table.summary()}
    assert found.get(("all", None), 0) == len(rows)
    for what in ("verdict", "proto"):
        counts = counted(rows, operator.attrgetter(what))
        assert {value: n for (name, value), n in found.items() if name == what} == counts
    certainties = counted(rows, lambda flow: flow.attribution.certainty)
    assert {value: n for (name, value), n in found.items() if name == "certainty"} == certainties


@given(PACKETS, st.sampled_from([("10s", 10), ("7min", 420), ("1h", 3600), ("1d", 86400)]))
def test_a_timeline_puts_each_row_into_its_piece(
    packets: list[tuple[int, int, int, int, bool]], freq: tuple[str, int]
) -> None:
    text, seconds = freq
    wanted = Counter(int((START.timestamp() + second) // seconds * seconds) for second, *_ in packets)
    found = flows(packets).timeline(text)
    assert {int(row["time"].timestamp()): row["packets"] for row in found} == wanted
    assert [row["time"] for row in found] == sorted(row["time"] for row in found)
    assert list(found) == list(flows(packets).timeline(datetime.timedelta(seconds=seconds)))


@given(PACKETS, PACKETS)
def test_new_destinations_are_those_that_the_baseline_lacks(
    packets: list[tuple[int, int, int, int, bool]], before: list[tuple[int, int, int, int, bool]]
) -> None:
    def key(flow: Flow) -> Any:
        return owner(flow), flow.dst, flow.dpt

    old = {key(flow) for flow in flows(before)}
    wanted = counted([flow for flow in flows(packets) if key(flow) not in old], key)
    found = list(flows(packets).new_destinations(flows(before)))
    assert {(row["owner"], row["dst"], row["dpt"]): row["packets"] for row in found} == wanted
    assert [row["first"] for row in found] == sorted(row["first"] for row in found)


@given(PACKETS, st.integers(0, 900), st.randoms())
def test_an_episode_ends_where_nothing_is_denied_for_longer_than_the_gap(
    packets: list[tuple[int, int, int, int, bool]], gap: int, random: Any
) -> None:
    wanted = []
    by_key: dict[tuple[int, int, int], list[int]] = {}
    for second, handle, host, port, denied in sorted(packets):
        if denied:
            by_key.setdefault((handle, host, port), []).append(second)
    for (_, host, port), seconds in by_key.items():
        run = [seconds[0]]
        for second in seconds[1:]:
            if second - run[-1] > gap:
                wanted.append((f"10.0.0.{host}", port, run[0], run[-1], len(run)))
                run = []
            run.append(second)
        wanted.append((f"10.0.0.{host}", port, run[0], run[-1], len(run)))

    def offset(time: datetime.datetime) -> int:
        return int((time - START).total_seconds())

    def found(table: asglog.Table[Flow]) -> list[dict[str, Any]]:
        return list(table.denied_episodes(datetime.timedelta(seconds=gap)))

    shuffled = packets[:]
    random.shuffle(shuffled)
    rows = found(flows(packets))
    assert rows == found(flows(shuffled))
    assert sorted(
        (row["dst"], row["dpt"], offset(row["first"]), offset(row["last"]), row["packets"]) for row in rows
    ) == sorted(wanted)


def test_answers_have_names_where_a_directory_knows_them(export: asglog.Export) -> None:
    table = asglog.correlate(LOGS, directory=export)
    apps = {row["owner"]: row["app"] for row in table.top()}
    assert apps[PROXY] == "o/s/proxy"
    assert None in apps, "a packet of nobody known is counted too"
    assert {row["owner"] for row in table.filter(app="proxy").top()} == {PROXY}
    assert sum(row["packets"] for row in table.top(n=None)) == len(table)


def test_an_answer_goes_where_arrow_goes() -> None:
    answer = flows([(1, 0, 1, 80, True), (2, 0, 1, 80, False)]).top()
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table(answer)
    assert table.num_rows == len(answer) == 1
    assert str(table.schema.field("first").type) == "timestamp[us, tz=UTC]"
    pytest.importorskip("pandas")
    assert answer.to_pandas()["packets"].tolist() == [2]
    polars = pytest.importorskip("polars")
    assert polars.DataFrame(answer).shape == answer.to_polars().shape == (1, 8)


def test_an_answer_is_shown_in_columns() -> None:
    answer = flows([(n, 0, 1, n + 1, True) for n in range(30)]).top(by="dpt", n=None)
    text = repr(answer).splitlines()
    assert text[0].split() == ["dpt", "packets", "allowed", "denied", "bytes", "first", "last"]
    assert text[-1] == "… and 10 more rows"
    assert answer._repr_html_().count("<tr>") == 21
    assert "10 more rows" in answer._repr_html_()
    empty = flows([]).top()
    assert repr(empty).split() == [*answer_heads(), "no", "rows"] and "no rows" in empty._repr_html_()


def answer_heads() -> list[str]:
    return ["app", "owner", "packets", "allowed", "denied", "bytes", "first", "last"]


def test_packets_have_answers_too_but_no_owners() -> None:
    table = asglog.scan(LOGS)
    assert sum(row["packets"] for row in table.top(by="dst", n=None)) == sum(
        row["packets"] for row in table.summary() if row["what"] == "all"
    )
    with pytest.raises(ValueError, match='"app"'):
        table.top()
    assert "certainty" not in {row["what"] for row in table.summary()}


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        (lambda table: table.top(by="nobody"), "nobody"),
        (lambda table: table.top(by="raw"), "raw"),
        (lambda table: table.top(by=["dst", "destination"]), "twice"),
        (lambda table: table.top(n=-1), "not negative"),
        (lambda table: table.top(measure="colour"), "colour"),
        (lambda table: table.timeline("fortnight"), "fortnight"),
        (lambda table: table.timeline("0s"), "freq"),
        (lambda table: table.timeline("1h", by="time"), "twice"),
        (lambda table: table.timeline(datetime.timedelta.max), "freq is longer"),
        (lambda table: table.timeline("9" * 5000 + "d"), "freq is longer"),
        (lambda table: table.timeline("9223372036854s"), "freq is longer"),
        (lambda table: table.denied_episodes("110000d"), "gap is longer"),
        (lambda table: table.denied_episodes(datetime.timedelta.min), "gap is not shorter"),
        (lambda table: table.denied_episodes(datetime.timedelta(seconds=-1)), "gap"),
    ],
)
def test_what_makes_no_sense_is_said(ask: Callable[[Any], object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        ask(flows([]))


class Hostile:
    def resolve(self, guids: list[str], /) -> dict[str, asglog.Identity]:
        app = asglog.App(PROXY, "=a\x1b[31m$x$")
        return {guid: asglog.Identity(app=app) for guid in guids if guid == PROXY}


def test_names_are_escaped_where_people_read_them(tmp_path: Path) -> None:
    text = REP + b"\n" + line(1, 0, 1, 80, False).encode()
    table = asglog.correlate(text, directory=Hostile())
    shown = r"=a\u{1b}[31m$x$"
    assert [flow.app.name for flow in table] == ["=a\x1b[31m$x$"]
    names = table.columns("app_name")
    list(names)
    for answer in (table.top(), table.top(by="app_name")):
        assert shown in repr(answer) and "\x1b" not in repr(answer) + answer._repr_html_()
    assert "\x1b" not in names._repr_html_()
    path = tmp_path / "names.csv"
    names.to_csv(path)
    assert path.read_text() == "app_name\n=a\x1b[31m$x$\n"
    names.to_csv(path, safe=True)
    assert path.read_text() == "app_name\n'=a\x1b[31m$x$\n"


def test_a_name_is_no_formula_in_a_picture() -> None:
    pytest.importorskip("matplotlib").use("agg")
    table = asglog.correlate(REP + b"\n" + line(1, 0, 1, 80, False).encode(), directory=Hostile())
    ax = table.plot.matrix()
    assert [label.get_text() for label in ax.get_yticklabels()] == [r"?/?/=a\u{1b}[31m\$x\$"]
    ax.figure.canvas.draw()


def test_pictures_show_the_same_counts() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    table = flows([(n * 400, n % 2, n % 3 + 1, 80, n % 4 == 0) for n in range(20)])
    ax = table.plot.timeline("30min")
    panels = {panel.get_ylabel().split()[0]: sum(bar.get_height() for bar in panel.patches) for panel in ax.figure.axes}
    assert panels == {"allowed": 15, "denied": 5}
    ax = table.plot.top()
    assert [sum(bar.get_width() for bar in panel.patches) for panel in ax.figure.axes] == [15, 5]
    ax = table.plot.matrix()
    assert int(ax.images[0].get_array().compressed().sum()) == 20
    assert PROXY in [label.get_text() for label in ax.get_yticklabels()]
    assert "10.0.0.1:80" in [label.get_text() for label in ax.get_xticklabels()]
    ax.figure.canvas.draw()
    for empty in (flows([]).plot.timeline(), flows([]).plot.matrix(), flows([]).plot.top()):
        assert not empty.patches and "no packets" in [text.get_text() for text in empty.texts]
    matplotlib.pyplot.close("all")


def test_without_matplotlib_an_error_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['matplotlib'] = None; import asglog\n"
        "try: asglog.scan(b'').plot.timeline()\n"
        "except ImportError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert run.stdout == "this needs matplotlib: pip install matplotlib\n"


def test_what_is_no_length_of_time_says_so() -> None:
    wrong: list[Any] = [60, None, 1.5]
    for length in wrong:
        with pytest.raises(TypeError, match="a timedelta, or a text such as"):
            asglog.scan(LOGS).timeline(length)
    assert len(asglog.correlate(LOGS).denied_episodes("100000d")) > 0
