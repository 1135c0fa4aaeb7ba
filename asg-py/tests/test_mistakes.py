"""Usual mistakes get an error that names the mistake and the cure, in the package's own words."""

from __future__ import annotations

import datetime
import io
import pathlib
import pickle
import pydoc
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import LOGS, PACKET, ROOT
from test_cli import ASGLOG, FOUNDATION, environment

import asglog

FILE = str(LOGS[1])
LINE = PACKET.decode()

#: Messages of libraries below, which nobody understands.
RAW = (
    "pyo3", "panick", "is not an instance of", "cannot be converted", "cannot be cast", "'_native'", "PyCapsule", "unwrap",
    "can't extract", "argument '", "NoneType", "ArrowInvalid", "object is not iterable", "could not convert",
    "not supported between", "missing 1 required",
)  # fmt: skip


def frame() -> Any:
    return pytest.importorskip("pandas").DataFrame({"message": [LINE], "n": [1]})


def flows() -> asglog.Table[asglog.Flow]:
    return asglog.correlate(LOGS)


def ledger() -> asglog.Ledger:
    found = asglog.Ledger()
    found.add(LOGS)
    return found


def policy() -> asglog.Policy:
    return asglog.Policy(ROOT / "asg-cli/data/groups.json")


Wrong = tuple[Callable[[], Any], type[Exception], str]

#: The mistake (``Any`` hides it from the type checker), the exception, and its message.
MISTAKES: dict[str, Wrong] = {
    # Logs.
    "a path that is not there": (lambda: asglog.correlate("nosuch.log"), FileNotFoundError, "No such file.*nosuch.log"),
    "a path with a slip": (lambda: asglog.scan(FILE[:-3] + "lgo"), FileNotFoundError, "did you mean 'foundation.log'"),
    "a pattern without files": (lambda: asglog.scan("/nowhere/*.log"), FileNotFoundError, "no file is named like"),
    "an iterator without files": (lambda: asglog.correlate(Path("/nowhere").glob("*.x")), ValueError, "no log in the list"),
    "no logs": (lambda: asglog.correlate([]), ValueError, "no log in the list"),
    "a line as a path": (lambda: asglog.scan(LINE), ValueError, "looks like a line of a log.*parse_line"),
    "a text of lines as a path": (lambda: asglog.scan(LINE + "\n" + LINE), ValueError, "line feeds is no path: give .* bytes"),
    "an empty path": (lambda: asglog.scan(""), ValueError, "the path is empty"),
    "a frame": (lambda: asglog.scan(frame()), TypeError, r'table with the columns message, n: .* df\["message"\]'),
    "a column of numbers": (lambda: asglog.scan(frame()["n"]), TypeError, "text or binary, not Int64"),
    "a lazy frame": (lambda: asglog.scan(pytest.importorskip("polars").LazyFrame({"a": [LINE]})), TypeError, "collect"),
    "a matrix": (lambda: asglog.scan(pytest.importorskip("numpy").array([[LINE]])), TypeError, "one dimension"),
    "numbers for lines": (lambda: asglog.scan(pytest.importorskip("numpy").array([1])), TypeError, "a line is text or bytes, not int"),
    "a mapping": (lambda: asglog.scan(any_({"a": LINE})), TypeError, "a mapping is no log"),
    "a table for a log": (lambda: asglog.correlate(any_(flows())), TypeError, "Table is made of logs"),
    "an answer for a log": (lambda: asglog.scan(any_(flows().top())), TypeError, "Answer is made of logs"),
    "a number for a log": (lambda: asglog.scan(any_(7)), TypeError, "a log is a path, bytes.*not int"),
    "nothing for a log": (lambda: asglog.scan(any_(None)), TypeError, "a log is a path.*not None"),
    "an address of the web": (lambda: asglog.scan("s3://bucket/x.log"), ValueError, "fsspec.open"),
    "a closed file": (lambda: list(asglog.scan(closed())), ValueError, "closed file"),
    # Other arguments of the functions.
    "a path as a ledger that is none": (lambda: asglog.correlate(PACKET, ledger=FILE), asglog.LedgerError, "foundation.log"),
    "a ledger that is not there": (lambda: asglog.correlate(PACKET, ledger="x.ledger"), FileNotFoundError, "x.ledger"),
    "a number as a ledger": (lambda: asglog.correlate(PACKET, ledger=any_(3)), TypeError, "asglog.Ledger, or the path.*not int"),
    "an export that is not there": (lambda: asglog.correlate(PACKET, directory="apps.json"), FileNotFoundError, "apps.json"),
    "a directory that is none": (lambda: asglog.correlate(PACKET, directory=any_(3)), TypeError, "asglog.Export.*resolve"),
    "an export of nothing": (lambda: asglog.Export(any_(None)), TypeError, "path of a saved page.*not None"),
    "one GUID for a list": (lambda: asglog.Export([]).resolve(any_(7)), TypeError, "a list of GUIDs, not int"),
    "names of networks in a list": (lambda: asglog.correlate(PACKET, networks=any_(3)), TypeError, "networks is a mapping.*not int"),
    "a network that is none": (lambda: asglog.correlate(PACKET, networks={"10.0.0.0/99": "x"}), ValueError, "networks: row 1.*10.0.0.0/8"),
    "a verdict that is none": (lambda: asglog.scan(PACKET, prefixes={"[UFW]": "drop"}), ValueError, "did you mean `denied`"),
    "a file of networks that is not there": (lambda: asglog.scan(PACKET, networks="nets.csv"), FileNotFoundError, "nets.csv"),
    "an offset that is none": (lambda: asglog.scan(PACKET, utc_offset="Berlin"), ValueError, r"'\+02:00'.*not 'Berlin'"),
    "a year as a text": (lambda: asglog.scan(PACKET, year=any_("2024")), TypeError, "year takes a whole number, not str"),
    "a number of a line as a text": (lambda: asglog.parse_line(LINE, number=any_("1")), TypeError, "number is a whole number, not str"),
    "a class for a directory": (lambda: asglog.correlate(PACKET, directory=any_(asglog.Export)), TypeError, r"call Export\(…\) first"),
    "a directory of lists": (lambda: list(asglog.correlate(LOGS, directory=Answers([]))), TypeError, "mapping from GUIDs .*not list"),
    "a directory of names": (lambda: list(asglog.correlate(LOGS, directory=Answers("orders"))), TypeError, "asglog.Identity.*not str"),
    "a directory of other dicts": (lambda: list(asglog.correlate(LOGS, directory=Answers({"name": "x"}))), ValueError, "unknown field `name`, expected one of `app`"),
    "an address of the API as a number": (lambda: asglog.CloudController(any_(3)), TypeError, "takes a text, not int"),
    "an address of the API that is none": (lambda: asglog.CloudController("not one", "t"), asglog.DirectoryError, "cf api"),
    "a token as a number": (lambda: asglog.CloudController("https://x.example", any_(5)), TypeError, "a token is a text, or a function.*not int"),
    "a deadline as a text": (lambda: asglog.CloudController("https://x.example", "t", deadline=any_("5s")), TypeError, "takes a number, not str"),
    # Tables.
    "another tool's column": (lambda: flows().filter(dport=80), ValueError, "no column .dport.; did you mean `dpt`"),
    "a column that nobody has": (lambda: flows().filter(colour="red"), ValueError, "no column .colour.*column_names"),
    "another tool's word": (lambda: flows().filter(verdict="DROP"), ValueError, "allowed or denied.*did you mean `denied`"),
    "a port as a text": (lambda: flows().filter(dpt="80"), ValueError, "dpt is a number from 0 to 65535"),
    "an address that is none": (lambda: flows().filter(dst="orders-db"), ValueError, "an address or a network like 10.0.0.0/8"),
    "a network in another form": (lambda: flows().filter(dst="10.0.*"), ValueError, "a network like 10.0.0.0/8"),
    "a filter of nothing": (lambda: flows().filter(dpt=[]), ValueError, "dpt has no value"),
    "a time as a filter": (lambda: flows().filter(time="2024-05-06"), ValueError, r"use between\(\) for time"),
    "several columns with a slip": (lambda: flows().columns(["time", "dts"]), ValueError, "did you mean `dst`"),
    "a number for a column": (lambda: flows().columns(any_(3)), TypeError, "the name of a column, or a list of names, not int"),
    "a column twice": (lambda: flows().columns("dst", "dst"), ValueError, "dst.*twice"),
    "a day without a zone": (lambda: flows().between("2024-05-06", None), ValueError, "write 2024-05-06T00:00Z for UTC"),
    "a day as no time": (lambda: flows().between("yesterday", None), ValueError, "like 2024-05-06T07:09:10Z"),
    "a date": (lambda: flows().between(any_(datetime.date(2024, 5, 6)), None), TypeError, "a datetime with a zone.*not date"),
    "a limit as a text": (lambda: flows().head(any_("5")), TypeError, "a number of rows, is a whole number, not str"),
    "a limit below zero": (lambda: flows().limit(-1), ValueError, "not negative"),
    "one row": (lambda: flows()[any_(0)], TypeError, r"table\[:5\].*iterate"),
    "a column by brackets": (lambda: flows()[any_("dpt")], TypeError, r"columns\(\)"),
    "rows by time": (lambda: flows()[any_("2024") :], TypeError, r"between\(\)"),
    "groupby": (lambda: any_(flows()).groupby("app"), AttributeError, r"top\(by="),
    "sort_values": (lambda: any_(flows()).sort_values("dpt"), AttributeError, "to_pandas"),
    "select": (lambda: any_(flows()).select("dpt"), AttributeError, r"columns\("),
    "a method with a slip": (lambda: any_(flows()).timelines(), AttributeError, "did you mean 'timeline'"),
    "a group with a slip": (lambda: flows().top(by="apps"), ValueError, "no column .apps.*did you mean `app`"),
    "a number for a group": (lambda: flows().top(by=any_(5)), TypeError, "by is the name of a column.*not int"),
    "a number of groups as a text": (lambda: flows().top(n=any_("5")), TypeError, "number of groups, is a whole number, not str"),
    "a measure with a slip": (lambda: flows().top(measure="packet"), ValueError, "did you mean `packets`"),
    "a measure that is no text": (lambda: flows().top(measure=any_(3)), TypeError, "measure is a text, not int"),
    "months": (lambda: flows().timeline("1ME"), ValueError, "months, quarters and years differ"),
    "a span that is none": (lambda: flows().timeline("often"), ValueError, "such as '10s', '5min', '1h' or '1D'"),
    "a span as a number": (lambda: flows().timeline(any_(60)), TypeError, "a timedelta, or a text.*not int"),
    "a zone with a slip": (lambda: flows().timeline(tz="Europe/Berln"), ValueError, "did you mean 'Europe/Berlin'"),
    "a zone that is none": (lambda: flows().timeline(tz=any_(2)), TypeError, r"tz is a zone such as 'Europe/Berlin' or '\+02:00'.*not int"),
    "no baseline": (lambda: flows().new_destinations(any_("yesterday")), TypeError, "baseline is a table.*not str"),
    "no gap": (lambda: flows().denied_episodes(any_(None)), TypeError, "gap is a timedelta.*not None"),
    "a standard that is none": (lambda: list(flows().to_records(any_("syslog"))), ValueError, "ecs, ocsf, otlp, cef, cim"),
    "records of packets": (lambda: asglog.scan(PACKET).to_records("ecs"), ValueError, "asglog.correlate gives them"),
    "pickling": (lambda: pickle.dumps(flows()), TypeError, "does not pickle: send the paths"),
    "a frame of a table": (lambda: pytest.importorskip("pandas").DataFrame(flows()), TypeError, "to_pandas"),
    "a frame for a path": (lambda: asglog.Ledger.load(any_(frame())), TypeError, "not DataFrame: save the table to a file"),
    "a line for a path": (lambda: asglog.Ledger.load(LINE), ValueError, "looks like a line of a log, and not like a path: save"),
    "a text for a path": (lambda: asglog.Table.from_parquet(LINE + "\n" + LINE), ValueError, "a line feed: a text of lines is no path"),
    "a zero byte in a path": (lambda: flows().to_csv("a\0b"), ValueError, "a zero byte"),
    "a long text for a path": (lambda: ledger().save("x" * 9000), ValueError, "9000 characters: that is no path"),
    "an open file for a path": (lambda: flows().to_csv(any_(io.StringIO())), TypeError, "not StringIO: give the name of the file"),
    "a list for a path": (lambda: asglog.Clocks.load(any_([FILE])), TypeError, "not list: give one path"),
    "an empty path to save": (lambda: ledger().save(""), ValueError, "is empty: give the name of a file"),
    "a log for clocks": (lambda: asglog.Clocks.load(FILE), ValueError, "foundation.log: these are no saved clocks"),
    "a table for clocks": (lambda: asglog.Clocks().merge(any_(flows())), TypeError, "merge takes asglog.Clocks, not Table"),
    "a report to nothing": (lambda: asglog.report(LOGS, output=any_(None)), TypeError, "output is a text or a pathlib.Path, not None"),
    "a report of a log that is not there": (lambda: asglog.report("nosuch.log", output="x.html"), FileNotFoundError, "nosuch.log"),
    "a live directory for a report": (lambda: asglog.report(LOGS, output="x.html", directory=any_(3)), TypeError, "takes paths, not int"),
    "a limit of a report": (lambda: asglog.report(LOGS, output="x.html", limit=any_("5")), TypeError, "limit is a whole number, not str"),
    "a time that can be out": (lambda: flows().filter(time_error="soon"), ValueError, "a number of seconds, such as 60 or 0.5"),
    "a path to write that is none": (lambda: flows().to_csv(any_(3)), TypeError, "a path is a text or a pathlib.Path, not int"),
    "a folder that is not there": (lambda: flows().to_parquet("/nowhere/x.parquet"), OSError, "/nowhere/x.parquet"),
    "a column of an answer": (lambda: flows().top()["dst"], KeyError, "no column 'dst'; .*there are app, owner|no column 'dst'.*"),
    "a row of an answer": (lambda: flows().top()[99], IndexError, "there are 7 rows, and no row 99"),
    "a column of the schema": (lambda: asglog.FLOW_SCHEMA["dport"], KeyError, "did you mean 'dpt'"),
    # Pictures.
    "a measure of a picture": (lambda: flows().plot.matrix(measure=any_("deny")), ValueError, "packets, allowed or denied.*did you mean 'denied'"),
    "rows of a picture": (lambda: flows().plot.matrix("apps"), ValueError, "did you mean `app`"),
    "a size of a picture": (lambda: flows().plot.top(n=any_("20")), TypeError, "number of groups, is a whole number"),
    # Ledgers and rules.
    "a ledger that is a log": (lambda: asglog.Ledger.load(FILE), asglog.LedgerError, "foundation.log"),
    "a ledger from a number": (lambda: asglog.Ledger.load(any_(3)), TypeError, "path of a ledger is a text.*not int"),
    "merging a path": (lambda: ledger().merge(any_("x.ledger")), TypeError, "Ledger.load"),
    "who without a text": (lambda: ledger().who(any_(3)), TypeError, "what is asked for is a text, not int"),
    "who at no time": (lambda: ledger().who("bfce786c", at="2024-05-06T07:09:10"), ValueError, "no zone: write 2024-05-06T07:09:10Z"),
    "who with a wrong address": (lambda: ledger().who("bfce786c", address="here"), ValueError, "IP address"),
    "an address that is a name": (lambda: ledger().at("orders", "2024-05-06T07:09:10Z"), ValueError, "like 10.255.73.3, and not 'orders'"),
    "an address at no time": (lambda: ledger().at("10.255.73.3", any_(None)), TypeError, "containers.* has all"),
    "groups from a number": (lambda: flows().explain(groups=any_(3)), TypeError, "groups are the paths of files"),
    "no groups": (lambda: asglog.Policy([]), ValueError, "no file of groups"),
    "groups that are a log": (lambda: asglog.Policy(FILE), ValueError, "foundation.log"),
    "settings beside a policy": (lambda: flows().explain(policy(), profile="guardian"), TypeError, "the policy has its settings already"),
    "explaining packets": (lambda: any_(asglog.scan(PACKET)).explain(policy()), asglog.AsgError, "only flows"),
    "a packet that is none": (lambda: policy().evaluate("http example.org"), ValueError, "http"),
    "a packet as a number": (lambda: policy().evaluate(any_(443)), TypeError, "a packet is a text such as 'tcp 10.0.11.7:443'"),
    "a phase that is none": (lambda: policy().evaluate("tcp 10.0.0.1:1", phase=any_("build")), ValueError, "running.*staging"),
    "a packet with bytes": (lambda: policy().evaluate({"proto": "tcp", "dst": b"10.0.0.1"}), TypeError, "texts and numbers, as in"),
    "a phase as a number": (lambda: policy().evaluate("tcp 10.0.0.1:1", phase=any_(3)), TypeError, "phase is a text, not int"),
    "a tolerance as a text": (lambda: asglog.Policy(policy_file(), sync_tolerance=any_("5s")), TypeError, "in seconds, is a whole number, not str"),
    "a profile that is none": (lambda: asglog.Policy(policy_file(), profile=any_("silk")), ValueError, "silk_dynamic.*guardian"),
    "an object of another kind": (lambda: asglog.Flow.from_dict({"tiem": 1}), TypeError, "Flow has no member 'tiem'; did you mean 'time'"),
    "an object with little": (lambda: asglog.Flow.from_dict({"time": None}), TypeError, "no Flow: it lacks time_error, source"),
    "a time that is none": (lambda: asglog.Time.parse("yesterday"), ValueError, "like 2024-05-06T07:09:10Z"),
    "a space that is none": (lambda: policy().coverage(any_(3)), TypeError, "space is a text, not int"),
}  # fmt: skip


class Answers:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def resolve(self, guids: list[str], /) -> Any:
        return self.answer if isinstance(self.answer, list) else dict.fromkeys(guids, self.answer)


def policy_file() -> Path:
    return ROOT / "asg-cli/data/groups.json"


def any_(value: Any) -> Any:
    return value


def closed() -> io.BytesIO:
    file = io.BytesIO(PACKET)
    file.close()
    return file


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_cure(name: str) -> None:
    make, kind, says = MISTAKES[name]
    with pytest.raises(kind, match=says) as raised:
        make()
    message = str(raised.value)
    assert not any(raw in message for raw in RAW), message
    assert len(message) < 600, "nobody reads more"


def test_there_are_enough_mistakes() -> None:
    assert len(MISTAKES) > 80


def test_logs_that_hold_nothing_are_not_silent(tmp_path: Path) -> None:
    words = tmp_path / "passwd"
    words.write_text("root:x:0:0::/root:/bin/sh\n" * 6)
    for read in (list, asglog.Table.summary, asglog.Table.cache, lambda table: table.to_csv(tmp_path / "a.csv")):
        with pytest.warns(asglog.AsgWarning, match=r"none of the 6 lines that were read tells a packet.*asglog check"):
            read(asglog.scan(words))
    # The warning is about the caller's line.
    with pytest.warns(asglog.AsgWarning) as told:
        asglog.correlate(words).top()
    assert told[0].filename == __file__
    shown = asglog.scan(words)._repr_html_()
    assert "no rows" in shown
    # A loop over no rows shows nothing, so a warning comes, once. A frame shows that it is empty.
    table = asglog.scan(PACKET).filter(dpt=1)
    with pytest.warns(asglog.AsgWarning, match=r"none of the 1 packets that were read is as the conditions say.*top\(by="):
        assert list(table) == []
    assert list(table) == []
    assert len(asglog.scan(PACKET).filter(dpt=1).top(by="dst")) == 0


def test_a_path_may_be_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.log").write_bytes(PACKET)
    assert len(list(asglog.scan("~/a.log"))) == len(list(asglog.scan(pathlib.Path("~/a.log")))) == 1
    made = asglog.Ledger()
    made.save("~/a.ledger")
    assert len(asglog.Ledger.load("~/a.ledger")) == 0 and (tmp_path / "a.ledger").exists()
    table = asglog.correlate("~/a.log", ledger="~/a.ledger")
    table.to_parquet("~/a.parquet")
    assert len(list(asglog.Table.from_parquet("~/a.parquet"))) == 1
    (tmp_path / "apps.json").write_text('{"pagination":{"next":null},"resources":[]}')
    assert [str(path) for path in asglog.Export("~/apps.json").paths] == [str(tmp_path / "apps.json")]


#: Habits of `hubble observe`, `rg`, `jq`, `kubectl` and `cf`.
HABITS: dict[str, tuple[int, str]] = {
    "correlate --since 2024-05-06 LOG": (0, ""),
    "correlate --until 2024-05-06T07:09:11Z LOG": (0, ""),
    "correlate -n 2 LOG": (0, ""),
    "correlate --limit 2 LOG": (0, ""),
    "correlate --columns time,dst LOG": (0, ""),
    "correlate -q LOG": (0, ""),
    "correlate -v LOG": (0, ""),
    "correlate --color always LOG": (0, ""),
    "correlate --color=always LOG": (0, ""),
    "correlate --sort dpt LOG": (0, ""),
    "correlate --where dpt>80 LOG": (0, ""),
    "correlate --format json LOG": (0, ""),
    "parse --where dpt>80 LOG": (0, ""),
    "timeline LOG": (0, ""),
    "new --since 2024-05-06 LOG": (0, ""),
    "episodes LOG": (0, ""),
    "correlate --tz Europe/Berlin LOG": (0, ""),
    "correlate --local LOG": (0, ""),
    "help columns": (0, ""),
    "correlate --format summary -n 3 LOG": (0, ""),
    "correlate --since 1h LOG": (0, "no packet is as"),
    "correlate -n all LOG": (2, "takes a number, and not `all`"),
    "top --by dport LOG": (2, "did you mean `dpt`"),
    "corelate LOG": (2, "did you mean `correlate`"),
    "correlate --where time_error<0.001 LOG": (0, "no packet is as"),
    "correlate --where time_error<soon LOG": (2, "a number of seconds, such as 60 or 0.5, and not `soon`"),
    "correlate --columns time,eror LOG": (2, "did you mean `error`"),
    "correlate --format xlsx LOG": (2, "--format is one of table, ndjson"),
    "correlate -o x.xlsx LOG": (2, "the ending .xlsx says no format"),
    "correlate --ledger LOG LOG": (2, "this is no saved ledger"),
    "correlate --networks LOG LOG": (2, "not two: network,name"),
    "correlate --tz Mars/Olympus LOG": (2, "such as Europe/Berlin"),
    "correlate --since tomorrow LOG": (2, "--since takes a time such as"),
    "timeline --every 1month LOG": (2, "such as 90, 90s, 30m, 24h or 7d"),
    "who 10.255.73.3 --at yesterday LOG": (2, "--at takes a time with a zone"),
    "new LOG": (2, "--since TIME: what was there before is not new"),
    "ledger build LOG": (2, "--output FILE"),
    "report -o /nowhere/x.html LOG": (2, "the output cannot be written: /nowhere/x.html"),
}


@pytest.mark.parametrize("habit", HABITS)
def test_a_habit_works_or_says_what_does(habit: str) -> None:
    status, says = HABITS[habit]
    args = [FOUNDATION if word == "LOG" else word for word in habit.split()]
    done = subprocess.run([ASGLOG, *args], capture_output=True, text=True, env=environment(), timeout=60)
    assert done.returncode == status, done.stderr
    assert says in done.stderr and "panicked" not in done.stderr and "Traceback" not in done.stderr
    assert done.stdout or says, "no silent empty answer"


def test_help_begins_with_the_five_calls_that_matter() -> None:
    rendered = pydoc.render_doc(asglog, renderer=pydoc.plaintext)  # type: ignore[attr-defined]
    beginning = rendered.splitlines()[:16]
    calls = ("asglog.correlate(", "flows.filter(", "flows.top(", "flows.plot.timeline(", "flows.to_pandas()")
    text = "\n".join(beginning)
    assert [text.find(call) for call in calls] == sorted(text.find(call) for call in calls)
    assert all(call in text for call in calls)
