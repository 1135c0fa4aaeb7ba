"""Notebooks: first rows, short texts, owners of addresses, zones, names of one's own."""

from __future__ import annotations

import datetime
import json
import zoneinfo
from pathlib import Path
from typing import Any

import pytest
from conftest import LOGS, PACKET, PROXY, ROOT, SHOP

import asglog

HANDLE = "bfce786c-ab07-40ad-79f9-8f21"
#: The process of `orders`, whose app has another GUID.
PROCESS = "d2c81f6e-4b3a-4e59-8c07-91a2b3c4d5e6"
CELL = "0455ec2b-11fa-41ab-9d1c-f3a575cd55ea"
SHOP_LISTS = ROOT / "examples/notebooks/sample/shop"


@pytest.fixture(scope="module")
def flows() -> asglog.Table[asglog.Flow]:
    return asglog.correlate(LOGS[1], directory=SHOP_LISTS)


@pytest.fixture(scope="module")
def ledger() -> asglog.Ledger:
    made = asglog.Ledger()
    made.add(LOGS)
    return made


@pytest.fixture(scope="module")
def shop() -> asglog.Export:
    return asglog.Export(SHOP_LISTS)


# First rows.


def test_a_table_shows_its_first_rows_with_their_owners(flows: asglog.Table[asglog.Flow]) -> None:
    fresh = asglog.correlate(LOGS[1], directory=SHOP_LISTS)
    for shown in (fresh._repr_html_(), str(fresh)):
        assert "storefront" in shown and "203.0.113.25" in shown and "unique_prefix" in shown
        assert "more columns: see column_names" in shown
    assert repr(fresh) == f"<asglog.Table of flows: {len(fresh.column_names)} columns, not read yet>"
    assert fresh.counts() is None, "a look is no reading"
    few = fresh.columns("dst", "dpt")
    assert few._repr_html_().count("<tr>") == 10 and "more columns" not in str(few)
    assert fresh.filter(dpt=1)._repr_html_().count("<tr>") == 1 and "no rows" in str(fresh.filter(dpt=1))
    assert "rows in memory" in repr(fresh.head(3)) and "storefront" in str(fresh.head(3))


def test_a_small_folder_shows_owners_and_a_large_one_packets(tmp_path: Path) -> None:
    folder = tmp_path / "logs/cell"
    folder.mkdir(parents=True)
    (folder / "kern.log").write_bytes(LOGS[1].read_bytes())
    assert "unique_prefix" in asglog.correlate(tmp_path / "logs")._repr_html_()
    # Text without packets, and too much of it to be read for a first look.
    (folder / "other.log").write_bytes(b"hello\n" * 300_000)
    shown = asglog.correlate(tmp_path / "logs")._repr_html_()
    assert "owners are known once all logs were read" in shown and "203.0.113.25" in shown


class Counting:
    """Remembers that it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def resolve(self, guids: list[str], /) -> dict[str, asglog.Identity]:
        self.asked += 1
        return {}


def test_a_look_reads_the_beginning_and_asks_nobody(tmp_path: Path) -> None:
    log = tmp_path / "kern.log"
    lines = (PACKET.replace(b"ID=15946", b"ID=%d" % (n % 60_000 + 1)) for n in range(200_000))
    log.write_bytes(b"\n".join(lines) + b"\n" + LOGS[1].read_bytes())
    read: list[int] = []
    names = Counting()
    table = asglog.correlate(log, directory=names, progress=read.append)
    shown = table._repr_html_()
    assert shown.count("<tr>") == 11 and "10.255.73.3" in shown and "owners are known once all logs were read" in shown
    assert (names.asked, read) == (0, [])
    # A condition about owners needs all of the evidence.
    assert "once the logs were read" in table.filter(app="orders")._repr_html_()
    assert "denied" in table.filter(verdict="denied")._repr_html_()
    rare = asglog.scan(log).filter(dpt=443)
    assert "only the beginning was looked at" in rare._repr_html_() and rare._repr_html_().count("<tr>") == 1
    # A live directory is not asked for a small log, either.
    small = asglog.correlate(LOGS[1], directory=names)
    assert "10.255.73.3" in small._repr_html_() and names.asked == 0


def test_what_cannot_be_shown_is_said(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(PACKET)
    table = asglog.scan(log)
    log.unlink()
    assert "the rows cannot be shown" in table._repr_html_() and "a.log" in str(table)
    assert asglog.scan(PACKET).columns()._repr_html_()


def test_texts_are_short_and_escaped(flows: asglog.Table[asglog.Flow]) -> None:
    flow = next(iter(flows.filter(app="orders", verdict="denied")))
    text = repr(flow)
    assert "denied TCP 10.255.73.4:40222 → 203.0.113.25:5432 from shop/prod/orders #1" in text and len(text) < 250
    assert "one known handle begins so" in text and flow.attribution.meaning == "one known handle begins so"
    assert "shop/prod/orders" in flow._repr_html_() and "foundation.log:8" in flow._repr_html_()
    record = asglog.parse_line(PACKET, number=7)
    assert repr(record) == "<asglog.Record line 7: packet TCP 10.255.73.3:51858 → 8.8.8.8:80>"
    assert record.packet is not None and "None" not in repr(record.packet) and "dst='8.8.8.8'" in repr(record.packet)
    damaged = asglog.parse_line(PACKET[:-60])
    assert damaged.error is not None and damaged.error.message in repr(damaged)
    policy = asglog.Policy(ROOT / "asg-cli/data/groups.json")
    explained = next(iter(flows.filter(app="orders", verdict="denied").explain(policy)))
    assert "203.0.113.25:5432 from orders: denied, configured denied by default" in repr(explained)
    assert len(repr(explained)) < 250 and "default_deny" in explained._repr_html_()
    assert explained.space is not None and explained.space.guid is not None
    assert "deny" in repr(policy.evaluate("tcp 203.0.113.25:5432", space=explained.space.guid))

    class Hostile:
        def resolve(self, guids: list[str], /) -> dict[str, asglog.Identity]:
            return {guid: asglog.Identity(app=asglog.App(PROXY, "<script>\x1b[31m")) for guid in guids}

    hostile = asglog.correlate(LOGS[1], directory=Hostile())
    one = next(iter(hostile.filter(certainty="unique_prefix")))
    made = asglog.Ledger()
    made.add(LOGS[1])
    owner = made.who(HANDLE, directory=Hostile())
    for shown in (one._repr_html_(), hostile._repr_html_(), hostile.top()._repr_html_(), owner._repr_html_()):
        assert "&lt;script&gt;" in shown and "<script>" not in shown and "\x1b" not in shown
    assert "\x1b" not in repr(one) + str(hostile) + repr(hostile.top()) + repr(owner)


def test_an_answer_is_a_list_and_has_columns(flows: asglog.Table[asglog.Flow]) -> None:
    top = flows.top(by="dpt", n=None)
    assert top[0] == list(top)[0] and top[-1] == list(top)[-1] and top[:2] == list(top)[:2]
    assert top["dpt"] == [row["dpt"] for row in top]


def test_texts_that_repeat_can_be_categories(flows: asglog.Table[asglog.Flow]) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    many = asglog.correlate(b"\n".join(PACKET.replace(b"ID=15946", b"ID=%d" % n) for n in range(1, 2000)))
    plain, packed = many.to_pandas(), many.to_pandas(categories=True)
    assert isinstance(packed["verdict"].dtype, pandas.CategoricalDtype)
    assert list(packed["verdict"].cat.categories) == ["denied"]
    for name in plain.columns:
        assert list(plain[name].astype(object).dropna()) == list(packed[name].astype(object).dropna()), name
    assert packed.memory_usage(deep=True).sum() * 2 < plain.memory_usage(deep=True).sum()
    # A value of its own for each row stays a text.
    assert not isinstance(flows.columns("dst", "time").to_pandas(categories=True)["dst"].dtype, pandas.CategoricalDtype)
    assert len(flows.filter(dpt=1).to_pandas(categories=True)) == 0


def test_a_column_has_the_process_guid_of_cloud_controller(flows: asglog.Table[asglog.Flow], tmp_path: Path) -> None:
    for table in (flows, flows.cache()):
        rows = table.columns("process_guid", "cc_process_guid").cache()
        path = tmp_path / "rows.csv"
        rows.to_csv(path)
        found = [line.split(",") for line in path.read_text().splitlines()[1:]]
        assert len(found) == 9 and all(long[:36] == bare for long, bare in found)
        assert any(bare == PROCESS for _, bare in found) and len(list(table.filter(cc_process_guid=PROCESS))) == 1
    flows.columns("certainty", "cc_process_guid", "time").to_parquet(tmp_path / "rows.parquet")
    assert len(list(asglog.Table.from_parquet(tmp_path / "rows.parquet").filter(cc_process_guid=PROCESS))) == 1


def test_columns_may_be_a_list_and_named_together(flows: asglog.Table[asglog.Flow]) -> None:
    assert flows.columns(["time", "dpt"]).column_names == flows.columns("time", "dpt").column_names == ["time", "dpt"]
    assert flows.columns("app", "destination").column_names == ["app_name", "dst", "dpt", "proto"]


# Zones.


def test_days_begin_by_the_clock_of_a_zone(flows: asglog.Table[asglog.Flow]) -> None:
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    for named in ("Europe/Berlin", berlin):
        rows = list(flows.timeline("1D", tz=named))
        assert [row["time"].isoformat() for row in rows] == ["2024-05-06T00:00:00+02:00"]
        assert rows[0]["first"].utcoffset() == datetime.timedelta(hours=2)
        assert rows[0]["packets"] == 9
    offset = datetime.timezone(datetime.timedelta(hours=-8))
    zones: tuple[Any, ...] = ("-08:00", "-0800", offset)
    for tz in zones:
        assert [row["time"].isoformat() for row in flows.timeline("1D", tz=tz)] == ["2024-05-05T00:00:00-08:00"]
    assert "2024-05-05 00:00:00-08:00" in repr(flows.timeline("1D", tz=offset))
    assert "2024-05-06T00:00:00Z" in repr(flows.timeline("1D"))
    frame = flows.timeline("1D", tz="Europe/Berlin").to_pandas()
    assert str(frame["time"].dtype.tz) == "Europe/Berlin" and frame["time"][0].hour == 0
    polars = pytest.importorskip("polars")
    assert flows.timeline("1D", tz=offset).to_polars().schema["time"] == polars.Datetime("us", "UTC")
    assert flows.timeline("1D", tz="Europe/Berlin").to_polars().schema["time"] == polars.Datetime("us", "Europe/Berlin")


@pytest.mark.parametrize(
    ("same", "length"),
    [
        (("5min", "5m", "5T", "5 minutes"), datetime.timedelta(minutes=5)),
        (("1h", "1H", "h", "H", "60min", "1 hour"), datetime.timedelta(hours=1)),
        (("D", "1D", "1d", "day", "24h"), datetime.timedelta(days=1)),
        (("W", "1w", "W-MON", "7D", "1 week"), datetime.timedelta(days=7)),
        (("30s", "30S", "30sec"), datetime.timedelta(seconds=30)),
        (("500ms",), datetime.timedelta(milliseconds=500)),
    ],
    ids=lambda given: str(given),
)
def test_spans_are_spelled_as_in_pandas(
    same: tuple[str, ...], length: datetime.timedelta, flows: asglog.Table[asglog.Flow]
) -> None:
    wanted = list(flows.timeline(length))
    assert wanted and all(list(flows.timeline(text)) == wanted for text in same)


def test_spans_may_be_of_pandas_and_numpy(flows: asglog.Table[asglog.Flow]) -> None:
    pandas, numpy = pytest.importorskip("pandas"), pytest.importorskip("numpy")
    wanted = list(flows.timeline("5min"))
    for span in (pandas.Timedelta("5min"), pandas.offsets.Minute(5), numpy.timedelta64(5, "m")):
        assert list(flows.timeline(span)) == wanted
    # Weeks begin on Mondays.
    assert [row["time"].weekday() for row in flows.timeline("1W")] == [0]


# Owners.


def test_an_address_at_a_time_is_of_one_container(ledger: asglog.Ledger, shop: asglog.Export) -> None:
    owner = ledger.at("10.255.73.3", "2024-05-06T07:08:07Z", CELL, directory=shop)
    assert owner.handle == HANDLE and owner.app is not None and owner.app.name == "storefront"
    assert "shop/prod/storefront #0" in repr(owner)
    # Clocks of different cells may differ by two minutes, so only the cell makes it sure.
    unsure = ledger.at("10.255.73.3", "2024-05-06T07:08:07Z")
    assert unsure.attribution.certainty == "ambiguous" and unsure == ledger.who("10.255.73.3", at="2024-05-06T07:08:07Z")
    before = ledger.at("10.255.73.3", "2020-01-01T00:00:00Z")
    assert (before.handle, before.attribution.certainty) == (None, "unknown")
    # Without a time it is as `asglog who 10.255.73.3`: the one container that ever had it.
    assert ledger.who("10.255.73.3").handle == HANDLE
    assert ledger.who("10.1.1.1").attribution.reason == "no_address_lease"


@pytest.mark.parametrize("part", [HANDLE, "bfce786c-ab07-40ad-79f9-8", "bfce786c", "bfce", "BFCE786C", f"OK_{HANDLE[:26]}"])
def test_the_beginning_of_a_handle_may_be_short(part: str, ledger: asglog.Ledger) -> None:
    owner = ledger.who(part)
    assert owner.handle == HANDLE
    assert owner.attribution.certainty == ("exact" if part == HANDLE else "unique_prefix")


def test_an_app_or_a_process_is_found_by_guid_and_name(ledger: asglog.Ledger, shop: asglog.Export) -> None:
    by_process = ledger.who(PROCESS)
    assert (by_process.index, by_process.attribution.certainty) == (1, "exact")
    assert ledger.who(PROCESS[:8]).attribution.certainty == "unique_prefix"
    # Only a directory knows the app, and a process GUID is never taken for one.
    assert ledger.who(SHOP).attribution.certainty == "unknown" and by_process.app is None
    for text in (SHOP, SHOP[:8], "orders", "shop/prod/orders"):
        owner = ledger.who(text, directory=shop)
        assert owner.process_guid is not None and owner.process_guid.startswith(PROCESS), text
        assert owner.app is not None and owner.app.name == "orders"
    several = ledger.who(PROXY)
    assert (several.attribution.certainty, several.attribution.reason) == ("ambiguous", "several_containers")
    assert len(several.attribution.candidates) == 2 and several.handle is None
    assert several.process_guid is not None and several.process_guid.startswith(PROXY)
    assert "containers()" in several.attribution.advice
    assert ledger.who("no-such-app", directory=shop).attribution.reason == "unknown_name"
    gone = ledger.who(HANDLE, at="2020-01-01T00:00:00Z").attribution
    assert gone.certainty in ("ambiguous", "unknown") and gone.reason == "outside_lifetime"


def test_containers_are_a_table(ledger: asglog.Ledger, shop: asglog.Export) -> None:
    everything = ledger.containers()
    assert len(everything) == len(ledger) == 7
    assert everything["created"] == sorted(everything["created"], key=lambda at: (at is None, at)) or None in everything["created"]
    assert len(ledger.containers(PROXY)) == 2 and set(ledger.containers(PROXY)["index"]) == {0, 1}
    named = ledger.containers("mailer", directory=shop)
    assert {row["app"] for row in named} == {"shop/prod/mailer"} and len(named) == 2
    assert len(ledger.containers(cell=CELL)) == 5
    assert len(ledger.containers("10.255.73.3", at="2024-05-06T07:09:00Z")) == 1
    assert len(ledger.containers("10.255.73.3", at="2020-05-06T07:09:00Z")) == 0
    paths = sorted(SHOP_LISTS.glob("*.json"))
    for given in (SHOP_LISTS, str(SHOP_LISTS), paths):
        assert list(ledger.containers("mailer", directory=given)) == list(named)
    assert "no rows" in repr(ledger.containers("nobody")) and len(ledger.containers().to_pandas()) == 7


def test_a_directory_may_use_the_ledger_that_it_is_asked_for(ledger: asglog.Ledger) -> None:
    class Uses:
        def resolve(self, guids: list[str], /) -> dict[str, asglog.Identity]:
            assert len(ledger) == 7
            return {}

    assert ledger.who("bfce786c", directory=Uses()).handle == HANDLE


# Names and verdicts of one's own.

UFW = (
    b"2024-05-06T07:09:10.581301+00:00 web-1 kernel: [  637.581122] [UFW BLOCK] IN=eth0 OUT= MAC=4e:b7:a4:74:e2:45:0a:5a:66:81:1f:1d:08:00 "
    b"SRC=203.0.113.9 DST=10.0.16.10 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=51858 DPT=22 WINDOW=27400 RES=0x00 SYN URGP=0 "
)


def test_networks_name_destinations(tmp_path: Path) -> None:
    file = tmp_path / "networks.csv"
    file.write_text("network,name\n10.0.0.0/8,corp\n10.0.16.8,billing\n")
    given: list[Any] = [
        {"10.0.0.0/8": "corp", "10.0.16.8": "billing"}, file, str(file), [{"10.0.0.0/8": "corp"}, {"10.0.16.8/32": "billing"}],
    ]  # fmt: skip
    for networks in given:
        table = asglog.correlate(LOGS[1], networks=networks)
        assert {flow.dst: flow.dst_name for flow in table}["10.0.16.8"] == "billing"
        assert {flow.dst for flow in table.filter(dst_name="corp")} == {"10.0.31.40", "10.0.31.12", "10.255.73.4", "10.255.73.5"}
        assert "dst_name" in table.top("destination").column_names and "billing" in str(table)
        assert [flow.dst_name for flow in table.cache()] == [flow.dst_name for flow in table]
        assert all(asglog.Flow.from_dict(flow.to_dict()) == flow for flow in table)
    assert "dst_name" not in asglog.correlate(LOGS[1]).column_names
    packets = asglog.scan(LOGS[1], networks=file)
    assert len(list(packets.filter(dst_name="billing"))) == 1
    file.write_text("10.0.0.0/8,corp\n10.0.0.0/99,x\n")
    with pytest.raises(ValueError, match=r"networks.csv: row 2"):
        asglog.scan(PACKET, networks=file)


def test_prefixes_give_verdicts_to_other_firewalls(tmp_path: Path) -> None:
    assert [flow.verdict for flow in asglog.correlate(UFW)] == [None]
    file = tmp_path / "prefixes.json"
    file.write_text(json.dumps({"[UFW BLOCK]": "denied"}))
    given: list[Any] = [{"[UFW BLOCK]": "denied"}, {"[UFW *": "denied", "*": "allowed"}, file]
    for prefixes in given:
        table = asglog.correlate(UFW + b"\n" + PACKET, prefixes=prefixes)
        assert [(flow.verdict, flow.plane) for flow in table] == [("denied", None), ("denied", "asg")]
        assert [flow.verdict for flow in table.cache()] == ["denied", "denied"]
        assert table.top(by="verdict")["denied"] == [2]
        packets = asglog.scan(UFW, prefixes=prefixes)
        assert len(list(packets.filter(verdict="denied"))) == 1 and list(packets.cache())[0].cf is None
