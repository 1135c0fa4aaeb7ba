"""The console script ``asglog``: it is the Rust program, and behaves as programs do."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import LOGS, PACKET, PROXY, ROOT, apps_page

import asglog

ASGLOG = Path(sys.executable).with_name("asglog")
ARTICLE, FOUNDATION = map(str, LOGS)


def environment(**more: str) -> dict[str, str]:
    """Returns an environment without this machine's configuration."""
    left_out = ("HOME", "CF_HOME", "NO_COLOR", "COLUMNS")
    return {key: value for key, value in os.environ.items() if key not in left_out} | more


def run(*args: str, stdin: bytes = b"", status: int = 0) -> str:
    done = subprocess.run([ASGLOG, *args], input=stdin, capture_output=True, env=environment(), timeout=60)
    assert done.returncode == status, done.stderr.decode()
    return done.stdout.decode()


def said(*args: str, stdin: bytes = b"", status: int) -> str:
    """Returns the text on standard error."""
    done = subprocess.run([ASGLOG, *args], input=stdin, capture_output=True, env=environment(), timeout=60)
    assert done.returncode == status, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    return done.stderr.decode()


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="session")
def program() -> Path:
    """Returns the Rust program, and builds it if it is missing."""
    cargo = shutil.which("cargo")
    if cargo is None:
        pytest.skip("the Rust program cannot be built without cargo")
    subprocess.run([cargo, "build", "-q", "-p", "asg-cli", "--bin", "asglog"], cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "asglog"


@pytest.fixture
def apps(tmp_path: Path) -> str:
    path = tmp_path / "apps.json"
    path.write_text(json.dumps(apps_page()))
    return str(path)


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["help", "correlate"],
        ["completion", "bash"],
        ["--version"],
        ["parse", "--year", "2017", FOUNDATION, ARTICLE],
        ["correlate", "--format", "ndjson", ARTICLE, FOUNDATION, ARTICLE],
        ["correlate", "--format", "summary", "--threads", "2", FOUNDATION, "/nowhere/kern.log"],
        ["correlate", FOUNDATION],
        ["top", "--by", "destination", FOUNDATION],
        ["demo", "--format", "ndjson"],
        ["who", "d08bb414-cdba-4381-412a-e9ecc", ARTICLE],
        ["nonsense"],
    ],
    ids=" ".join,
)
def test_the_console_script_is_the_rust_program(program: Path, args: list[str]) -> None:
    ours, theirs = (
        subprocess.run([path, *args], capture_output=True, text=True, env=environment(), timeout=60)
        for path in (ASGLOG, program)
    )
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)
    # The demonstration names a port.
    assert ours.stderr.split("http:")[0] == theirs.stderr.split("http:")[0]


def packed(folder: Path, packing: str) -> list[str]:
    """Returns the logs, packed as they may be on a disk."""

    def pack(text: bytes) -> bytes:
        if packing == "gz":
            return gzip.compress(text)
        if packing == "zst":
            packed: bytes = pytest.importorskip("pyarrow").compress(text, "zstd", asbytes=True)
            return packed
        return text

    paths = [folder / f"{log.name}.{packing}" for log in LOGS]
    for path, log in zip(paths, LOGS, strict=True):
        path.write_bytes(pack(log.read_bytes()))
    return list(map(str, paths))


#: A condition that every packet meets. With it each packet is processed by itself, and none is
#: counted with others.
EVERY = ["--where", "line=0-999999999"]


@pytest.mark.parametrize("packing", ["plain", "gz", "zst"])
def test_a_summary_is_the_same_however_logs_are_packed(tmp_path: Path, packing: str) -> None:
    args = ["--format", "summary", *packed(tmp_path, packing)]
    summary = run("correlate", *args)
    assert summary == run("correlate", *EVERY, *args)
    # The list of sources has the names of the files.
    plain = run("correlate", "--format", "summary", *map(str, LOGS))
    assert summary.split("\nLines of each source:")[0] == plain.split("\nLines of each source:")[0] != ""
    for threads in ("1", "2", "7"):
        assert run("correlate", "--threads", threads, *args) == summary


def test_a_summary_of_a_pipe_counts_each_packet() -> None:
    for text in (Path(FOUNDATION).read_bytes(), gzip.compress(Path(ARTICLE).read_bytes())):
        args = ["correlate", "--format", "summary", "-"]
        assert run(*args, stdin=text) == run(*args, *EVERY, stdin=text) == run(*args[:-1], stdin=text) != ""
    both = ["correlate", "--format", "summary", ARTICLE, "-"]
    assert run(*both, stdin=Path(FOUNDATION).read_bytes()).startswith(run(*both[:-1], FOUNDATION).splitlines()[0])


def test_a_summary_counts_what_a_look_at_each_packet_counts(tmp_path: Path, apps: str) -> None:
    ledger, packets = tmp_path / "cells.ledger", tmp_path / "packets.log"
    run("ledger", "build", "--output", str(ledger), *map(str, LOGS))
    packets.write_bytes(b"\n".join(line for line in Path(FOUNDATION).read_bytes().splitlines() if b" OUT=" in line))
    for args in (
        ["--ledger", str(ledger), str(packets)],
        ["--ledger", str(ledger), "--cc-export", apps, "--", ARTICLE, str(packets)],
        ["--year", "2023", "--utc-offset", "+02:00", *map(str, LOGS)],
        [ARTICLE, ARTICLE],
    ):
        summary = run("correlate", "--format", "summary", *args)
        assert summary == run("correlate", "--format", "summary", *EVERY, *args)
    output = tmp_path / "summary.txt"
    assert run("correlate", "--format", "summary", "--output", str(output), *args) == ""
    assert output.read_text() == summary


def test_a_summary_says_what_could_not_be_read(tmp_path: Path) -> None:
    half, broken, output = (tmp_path / name for name in ("half.gz", "broken.gz", "out.txt"))
    half.write_bytes(gzip.compress(Path(FOUNDATION).read_bytes())[:-200])
    broken.write_bytes(b"\x1f\x8b, but no gzip")
    some = ["correlate", "--format", "summary", "/nowhere/kern.log", str(half), str(broken), ARTICLE]
    ours = subprocess.run([ASGLOG, *some], capture_output=True, text=True, env=environment(), timeout=60)
    assert ours.returncode == 1
    *unread, cut = ours.stderr.splitlines()
    assert len(unread) == 3 and ours.stdout != ""
    assert "1 damaged (cut, split or malformed; the first is " in cut and f"{half}:" in cut
    none = ["correlate", "--format", "summary", "/nowhere/kern.log", str(broken)]
    outputs: list[list[str]] = [[], ["--output", str(output)]]
    for more in outputs:
        ours = subprocess.run([ASGLOG, *none, *more], capture_output=True, text=True, env=environment(), timeout=60)
        assert (ours.returncode, ours.stdout) == (2, "") and "no log could be read" in ours.stderr
    assert not output.exists()


def test_it_is_a_module_too() -> None:
    done = subprocess.run([sys.executable, "-m", "asglog", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"asglog {asglog.__version__}\n" == run("--version")


def test_a_pipe_is_read_like_a_file() -> None:
    text = Path(FOUNDATION).read_bytes()
    assert run("parse", stdin=text) == run("parse", "-", stdin=text) == run("parse", FOUNDATION)
    piped = objects(run("correlate", "--format", "ndjson", "-", stdin=text))
    assert [flow["handle"] for flow in piped] == [
        flow["handle"] for flow in objects(run("correlate", "--format", "ndjson", FOUNDATION))
    ]
    assert {flow["source"] for flow in piped} == {"-"}


def test_the_ending_of_the_output_says_the_format(tmp_path: Path, apps: str) -> None:
    flows = asglog.correlate(LOGS, directory=asglog.Export(apps))
    names = ["--cc-export", apps, "--", *map(str, LOGS)]
    for ending in ("csv", "ndjson", "parquet"):
        assert run("correlate", "--output", str(tmp_path / f"flows.{ending}"), *names) == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["apps.json", "flows.csv", "flows.ndjson", "flows.parquet"]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "flows.csv").read_text())))
    assert list(rows[0]) == flows.column_names
    key = [(str(flow.time or ""), flow.dst or "", flow.app.name or "") for flow in flows]
    assert [(row["time"], row["dst"], row["app_name"]) for row in rows] == key
    assert [flow["time"] or "" for flow in objects((tmp_path / "flows.ndjson").read_text())] == [one for one, *_ in key]
    pyarrow = pytest.importorskip("pyarrow.parquet")
    assert pyarrow.read_table(tmp_path / "flows.parquet").equals(flows.to_arrow())
    run("parse", "-o", str(tmp_path / "packets.parquet"), *map(str, LOGS))
    assert pyarrow.read_table(tmp_path / "packets.parquet").equals(asglog.scan(LOGS).to_arrow())


def test_endings_may_be_in_capitals_and_json_is_lines_of_json(tmp_path: Path) -> None:
    wanted = {"csv": run("correlate", "--format", "csv", ARTICLE), "ndjson": run("correlate", "--format", "ndjson", ARTICLE)}
    for ending, form in [("CSV", "csv"), ("Csv", "csv"), ("jsonl", "ndjson"), ("json", "ndjson"), ("JSON", "ndjson")]:
        path = tmp_path / f"flows.{ending}"
        run("correlate", "-o", str(path), ARTICLE)
        assert path.read_text() == wanted[form]
    # The option takes precedence over any ending.
    for name in ("flows.xlsx", "flows.parquet", "flows"):
        run("correlate", "-o", str(tmp_path / name), "--format", "csv", ARTICLE)
        assert (tmp_path / name).read_text() == wanted["csv"]
    run("correlate", "-o", str(tmp_path / "table"), ARTICLE)
    assert (tmp_path / "table").read_text() == run("correlate", ARTICLE)


def test_csv_quotes_what_would_break_it(tmp_path: Path) -> None:
    log = tmp_path / 'a "b", c.log'
    log.write_bytes(Path(FOUNDATION).read_bytes())
    rows = list(csv.DictReader(io.StringIO(run("parse", "--format", "csv", str(log)))))
    assert {row["source"] for row in rows} == {str(log)}


def shown_as_text(answer: asglog.Answer) -> list[dict[str, Any]]:
    return [{k: str(v) if isinstance(v, asglog.Time) else v for k, v in row.items()} for row in answer]


def test_top_is_that_of_tables(apps: str) -> None:
    table = asglog.correlate(LOGS, directory=asglog.Export(apps))
    names = ["--cc-export", apps, "--", *map(str, LOGS)]
    assert objects(run("top", "--format", "ndjson", *names)) == shown_as_text(table.top())
    args = ["--by", "app,destination", "-n", "3", "--measure", "denied", "--where", "verdict=denied", "--format", "ndjson"]
    wanted = table.filter(verdict="denied").top(by=("app", "destination"), n=3, measure="denied")
    assert objects(run("top", *args, *names)) == shown_as_text(wanted) != []
    shown = run("top", *names).splitlines()
    assert shown[0].split() == ["APP", "OWNER", "PACKETS", "ALLOWED", "DENIED", "BYTES", "FIRST", "LAST"]
    assert any(line.startswith("o/s/proxy  " + PROXY) for line in shown)
    assert run("top", "--by", "proto", *map(str, LOGS)).split()[0] == "PROTO"


@pytest.mark.parametrize(
    ("condition", "filters"),
    [
        ("dpt=443,8000-8999", {"dpt": [443, range(8000, 9000)]}),
        ("dst=10.0.0.0/8", {"dst": "10.0.0.0/8"}),
        ("app=proxy", {"app": "proxy"}),
        ("proto=UDP,ICMP", {"proto": ["UDP", "ICMP"]}),
        ("proto=udp,1", {"proto": ["UDP", "ICMP"]}),
        ("df=TRUE", {"df": True}),
        ("df=false,true", {"df": [False, True]}),
    ],
)
def test_where_is_filter(condition: str, filters: dict[str, Any], apps: str) -> None:
    table = asglog.correlate(LOGS, directory=asglog.Export(apps)).filter(**filters)
    found = run("correlate", "--format", "ndjson", "--where", condition, "--cc-export", apps, "--", *map(str, LOGS))
    assert [flow["line"] for flow in objects(found)] == [flow.line for flow in table] != []


def test_a_ledger_outlives_its_logs(tmp_path: Path, apps: str) -> None:
    one, two, both = (str(tmp_path / name) for name in ("one", "two", "both"))
    run("ledger", "build", "--output", one, ARTICLE)
    run("ledger", "build", "--output", two, FOUNDATION)
    run("ledger", "merge", "-o", both, one, two)
    shown = objects(run("ledger", "show", "--format", "ndjson", both))
    assert len(shown) == len(asglog.Ledger.load(both))
    assert PROXY in {row["process_guid"][:36] for row in shown if row["process_guid"]}
    assert run("ledger", "show", both).splitlines()[0].split()[0] == "CREATED"
    packets = b"\n".join(line for line in Path(ARTICLE).read_bytes().splitlines() if b" OUT=" in line)
    found = objects(run("correlate", "--ledger", both, "--format", "ndjson", "-", stdin=packets))
    assert {flow["process_guid"][:36] for flow in found} == {PROXY}
    handle = "d08bb414-cdba-4381-412a-e9ecc"
    answer = json.loads(run("who", handle, "--ledger", both, "--format", "ndjson"))
    owner = asglog.Ledger.load(both).who(handle)
    assert (answer["handle"], answer["index"]) == (owner.handle, owner.index)
    text = run("who", handle, ARTICLE, "--cc-export", apps)
    assert text.startswith("app         o/s/proxy\nstate       live\n")
    assert "nobody is known" in said("who", "00000000-cdba-4381-412a", "--ledger", both, status=1)


def test_what_is_no_ledger_is_refused(tmp_path: Path) -> None:
    assert ARTICLE in said("ledger", "show", ARTICLE, status=2)
    path = tmp_path / "cut.ledger"
    run("ledger", "build", "-o", str(path), ARTICLE)
    path.write_bytes(path.read_bytes()[:-3])
    assert str(path) in said("correlate", "--ledger", str(path), FOUNDATION, status=2)


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["nonsense"], "nonsense"),
        (["parse", "--format", "table"], "ndjson, csv, parquet"),
        (["parse", "--colour"], "--colour"),
        (["parse", "--format", "parquet", ARTICLE], "--output"),
        (["correlate"], "no logs"),
        (["correlate", "--cf", "--cc-export", "x", "--", ARTICLE], "not from both"),
        (["correlate", "--token-file", "x", ARTICLE], "--api"),
        (["correlate", "--year", "MMXXIV", ARTICLE], "MMXXIV"),
        (["correlate", "--utc-offset", "Mars", ARTICLE], "Mars"),
        (["correlate", "--threads", "0", ARTICLE], "--threads is a number from 1 on"),
        (["correlate", "--hold", "5", ARTICLE], "--follow"),
        (["correlate", "--follow"], "--follow takes logs"),
        (["correlate", "--hold", "soon", "--follow", ARTICLE], "--hold takes a time such as 90"),
        (["correlate", "--since", "soon", "--follow", ARTICLE], "--since takes a time such as"),
        (["correlate", "--state", "x.state", ARTICLE], "--state goes with --follow"),
        (["correlate", "--where", "dpt", ARTICLE], "COLUMN=VALUE"),
        (["correlate", "--where", "nothing=1", ARTICLE], "nothing"),
        (["correlate", "--where", "verdict=deny", ARTICLE], 'verdict is allowed or denied, not "deny"'),
        (["top", "--where", "dpt=80,70000", ARTICLE], 'dpt is a number from 0 to 65535, not "70000"'),
        (["correlate", "--where", "dpt=-1", ARTICLE], 'dpt is a number from 0 to 65535, not "-1"'),
        (["correlate", "--where", "dpt=http", ARTICLE], 'dpt is a number from 0 to 65535, not "http"'),
        (["correlate", "--where", "dpt=9-1", ARTICLE], 'dpt: no number is in "9-1"'),
        (["correlate", "--where", "proto=http", ARTICLE], "proto is TCP, UDP"),
        (["correlate", "--where", "df=yes", ARTICLE], 'df is true or false, not "yes"'),
        (["correlate", "-o", "flows.xlsx", ARTICLE], ".xlsx says no format: give --format with one of table, ndjson, csv"),
        (["parse", "-o", "packets.table", ARTICLE], "ndjson, csv, parquet"),
        (["top", "--by", "nothing", ARTICLE], "nothing"),
        (["top", "-n", "many", ARTICLE], "many"),
        (["who"], "handle"),
        (["who", "d08bb414"], "--ledger"),
        (["who", "--at", "yesterday", "d08bb414", ARTICLE], "yesterday"),
        (["ledger", "build", ARTICLE], "--output"),
        (["ledger", "burn"], "ledger burn"),
        (["completion", "tcsh"], "tcsh"),
        (["parse", "/nowhere/kern.log"], "/nowhere/kern.log"),
        (["top", "/nowhere/kern.log", "/nowhere/kern.log"], "no log could be read"),
    ],
)
def test_what_cannot_be_done_is_said_with_status_2(args: list[str], why: str) -> None:
    assert why in said(*args, status=2)


def test_what_was_left_out_is_said_with_status_1(tmp_path: Path) -> None:
    half = tmp_path / "half.log.gz"
    half.write_bytes(gzip.compress(Path(FOUNDATION).read_bytes())[:-200])
    for command in ("parse", "correlate", "top"):
        why = said(command, "/nowhere/kern.log", str(half), ARTICLE, status=1)
        assert "/nowhere/kern.log" in why and str(half) in why
    why = said("correlate", "--cc-export", "/nowhere/apps.json", "--", ARTICLE, status=1)
    assert "there are no names" in why
    long = b"x" * 70_000 + b"\n"
    assert "1 longer than 64 KiB, or documents longer than 64 MiB" in said("parse", stdin=long, status=1)


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    many = tmp_path / "many.log"
    many.write_bytes(Path(FOUNDATION).read_bytes() * 500)
    for command in (["parse"], ["correlate", "--format", "ndjson"]):
        with subprocess.Popen([ASGLOG, *command, many], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
            assert program.stdout is not None and program.stderr is not None
            program.stdout.readline()
            program.stdout.close()
            assert program.stderr.read() == b""
            assert program.wait(30) == 0


@pytest.mark.parametrize("args", [["parse"], ["correlate", "-"], ["correlate", "--format", "summary", "-"], ["top", "-"], ["correlate", "--follow", "--hold", "0", ARTICLE]])
def test_ctrl_c_ends_it_without_a_traceback(args: list[str]) -> None:
    with subprocess.Popen(
        [ASGLOG, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as program:
        if "--follow" in args:
            # Its first flow shows that it follows.
            assert program.stdout is not None and program.stdout.readline()
        else:
            # This is more than a pipe holds, so the program reads. Then it waits for the end of the
            # line.
            assert program.stdin is not None
            program.stdin.write(b"x" * (1 << 20))
            program.stdin.flush()
        program.send_signal(signal.SIGINT)
        assert program.wait(10) == 130
        assert program.stderr is not None
        assert b"Traceback" not in program.stderr.read()


def test_ctrl_c_leaves_no_half_output(tmp_path: Path) -> None:
    output = tmp_path / "out.ndjson"
    with subprocess.Popen([ASGLOG, "parse", "-o", output], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdin
        program.stdin.write(PACKET + b"\n")
        program.stdin.flush()
        deadline = time.monotonic() + 20
        while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.05)
        # It is reading then, and nothing comes.
        assert list(tmp_path.iterdir())
        program.send_signal(signal.SIGINT)
        assert program.wait(10) == 130
    assert list(tmp_path.iterdir()) == []


def bytes_read_by(program: subprocess.Popen[bytes]) -> int:
    """Returns the bytes that a program has read so far, as the kernel counts them."""
    counters = Path(f"/proc/{program.pid}/io")
    if not counters.exists():
        pytest.skip("this system does not count what a program reads")
    return int(counters.read_text().split()[1])


def test_ctrl_c_while_packets_are_counted_prints_nothing(tmp_path: Path) -> None:
    log, output = tmp_path / "zeros.log", tmp_path / "out.txt"
    log.touch()
    # The log is sparse: it is long, and takes no space on the disk.
    os.truncate(log, 1 << 38)
    outputs: list[list[str]] = [[], ["--output", str(output)], ["--threads", "1"]]
    for more in outputs:
        args = ["correlate", "--format", "summary", *more, ARTICLE, str(log)]
        with subprocess.Popen([ASGLOG, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as program:
            while bytes_read_by(program) < 256 << 20:
                assert program.poll() is None
                time.sleep(0.01)
            program.send_signal(signal.SIGINT)
            assert program.wait(10) == 130
            assert program.stdout is not None and program.stderr is not None
            assert (program.stdout.read(), program.stderr.read()) == (b"", b"")
        assert list(tmp_path.iterdir()) == [log]


def on_terminal(args: Sequence[str], columns: int, **more: str) -> str:
    """Returns the output of a program to a terminal of so many columns."""
    ours, theirs = pty.openpty()
    env = environment(COLUMNS=str(columns), TERM="xterm", **more)
    with subprocess.Popen([ASGLOG, *args], stdout=theirs, stderr=subprocess.DEVNULL, env=env):
        os.close(theirs)
        text = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:
                break
            if not piece:
                break
            text += piece
    os.close(ours)
    return text.decode().replace("\r\n", "\n")


def test_a_terminal_gets_colours_and_lines_that_fit() -> None:
    args = ["correlate", FOUNDATION]
    plain = run(*args)
    assert "\x1b" not in plain and max(map(len, plain.splitlines())) > 160
    shown = on_terminal(args, 120)
    assert "\x1b[32mallowed" in shown and "\x1b[31mdenied" in shown
    for without in (on_terminal([*args, "--no-color"], 120), on_terminal(args, 120, NO_COLOR="1")):
        assert "\x1b" not in without
        assert max(map(len, without.splitlines())) <= 120
        assert "…" in without
        assert without.count("\n05-06 ") == plain.count("\n2024-05-06 ") > 0
    assert max(map(len, on_terminal(["top", "--no-color", FOUNDATION], 90).splitlines())) <= 90


@pytest.mark.parametrize("command", ["parse", "correlate", "demo", "top", "who", "ledger", "ledger build", "completion"])
def test_help_tells_examples_and_statuses(command: str) -> None:
    text = run(*command.split(), "--help")
    assert text == run("help", *command.split())
    assert "Examples:" in text and "Exit status: 0" in text and "{" not in text
    assert max(map(len, text.splitlines())) <= 130


def test_every_option_is_in_the_help_of_its_command() -> None:
    script = run("completion", "bash")
    for command in ("parse", "correlate", "demo", "top", "who"):
        (words,) = (line.split('"')[1] for line in script.splitlines() if line.strip().startswith(f"{command}\\ *)"))
        text = run(command, "--help")
        for option in words.split():
            if option not in ("--help", "--no-color"):
                assert option in text, (command, option)


def test_completion_is_a_script_that_completes() -> None:
    assert "completion bash" in run("--help")
    if shutil.which("bash") is None:
        pytest.skip("bash is not here")
    program = run("completion", "bash") + (
        'COMP_WORDS=(asglog correlate --fo); COMP_CWORD=2; _asglog; echo "${COMPREPLY[@]}"\n'
        'COMP_WORDS=(asglog ledger m); COMP_CWORD=2; _asglog; echo "${COMPREPLY[@]}"\n'
        'COMP_WORDS=(asglog to); COMP_CWORD=1; _asglog; echo "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "--norc", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "--format --follow\nmerge\ntop\n"
    for shell in ("zsh", "fish"):
        assert "asglog" in run("completion", shell)


class Following:
    """``asglog correlate --follow``, whose objects are read while it runs."""

    def __init__(self, *args: str, clock: Path | None = None) -> None:
        self.clock = clock
        self.rounds = 0
        if clock is not None:
            clock.touch()
            args = (*args, str(clock))
        self.program = subprocess.Popen(
            [ASGLOG, "correlate", "--follow", "--format", "ndjson", *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
        )  # fmt: skip
        assert self.program.stdout is not None
        os.set_blocking(self.program.stdout.fileno(), False)
        self.text = b""

    def ports(self, many: int) -> list[int]:
        """Returns the destination ports of the flows so far, once there are so many; the deadline
        is generous."""
        self.wait(many + self.rounds)
        return [flow["dpt"] for flow in self.flows()]

    def wait(self, many: int) -> None:
        deadline = time.monotonic() + 30
        while self.text.count(b"\n") < many and time.monotonic() < deadline:
            assert self.program.stdout is not None and self.program.poll() is None
            self.text += self.program.stdout.read() or b""
            time.sleep(0.05)

    def looks_at_all(self) -> None:
        """Waits until each log was looked at since now: two flows of the clock have a whole round between them."""
        assert self.clock is not None
        for _ in range(2):
            before = self.text.count(b"\n")
            self.rounds += 1
            append(self.clock, packet(20 + self.rounds))
            self.wait(before + 1)
            assert self.text.count(b"\n") == before + 1

    def flows(self) -> list[dict[str, Any]]:
        """Returns the flows so far, without those of the clock."""
        return [flow for flow in objects(self.text.decode()) if flow["source"] != str(self.clock)]

    def end(self) -> None:
        self.program.send_signal(signal.SIGINT)
        assert self.program.wait(10) == 130
        assert self.program.stdout is not None and self.program.stderr is not None
        self.text += self.program.stdout.read() or b""
        self.program.stdout.close()
        self.program.stderr.close()


@pytest.fixture
def following() -> Iterator[list[Following]]:
    running: list[Following] = []
    yield running
    for one in running:
        if one.program.poll() is None:
            one.program.kill()
            one.program.communicate()


def packet(port: int) -> bytes:
    return (
        b"2024-05-06T07:09:%02d+00:00 cell kernel: [%d.000001] OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 "
        b"SRC=10.255.73.3 DST=8.8.8.8 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=%d DF PROTO=TCP SPT=51858 DPT=%d WINDOW=27400 "
        b"RES=0x00 SYN URGP=0 \n" % (port % 60, 600 + port, port, port)
    )


REP = (
    b'{"timestamp":"2024-05-06T07:08:00Z","level":"info","source":"rep",'
    b'"message":"rep.executing-container-operation.starting","data":{"container-guid":"bfce786c-ab07-40ad-79f9-8f21"}}\n'
)


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_a_log_is_followed_through_renaming_and_emptying(tmp_path: Path, following: list[Following]) -> None:
    kern, rep = tmp_path / "kern.log", tmp_path / "rep.log"
    kern.write_bytes(packet(1) + packet(2))
    rep.write_bytes(REP)
    running = Following("--hold", "0", str(kern), str(rep), clock=tmp_path / "clock.log")
    following.append(running)
    assert running.ports(2) == [1, 2]
    append(kern, packet(3)[:40])
    append(kern, packet(3)[40:])
    assert running.ports(3) == [1, 2, 3]
    # Renamed; the writer goes on for a moment with the old one.
    kern.rename(tmp_path / "kern.log.1")
    append(tmp_path / "kern.log.1", packet(4))
    kern.write_bytes(packet(5))
    assert running.ports(5) == [1, 2, 3, 4, 5]
    # Copied and emptied.
    (tmp_path / "kern.log.1").rename(tmp_path / "kern.log.2")
    shutil.copy(kern, tmp_path / "kern.log.1")
    os.truncate(kern, 0)
    running.looks_at_all()
    append(kern, packet(6))
    assert running.ports(6) == [1, 2, 3, 4, 5, 6]
    # Emptied, and larger than before when it is looked at again.
    kern.write_bytes(packet(7) + packet(8))
    assert running.ports(8) == [1, 2, 3, 4, 5, 6, 7, 8]
    # Gone, and there again.
    kern.unlink()
    running.looks_at_all()
    kern.write_bytes(packet(9))
    assert running.ports(9) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    running.end()
    assert {flow["handle"] for flow in running.flows()} == {"bfce786c-ab07-40ad-79f9-8f21"}
    assert [flow["line"] for flow in running.flows()] == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_a_packet_waits_for_its_evidence(tmp_path: Path, following: list[Following]) -> None:
    log = tmp_path / "cell.log"
    log.write_bytes(packet(1) + packet(20))
    running = Following("--hold", "15", str(log))
    following.append(running)
    # The first packet is 15 seconds back, so both were read, and the second one waits.
    assert running.ports(1) == [1]
    append(log, REP + packet(40))
    assert running.ports(2) == [1, 20]
    handles = [flow.get("handle") for flow in running.flows()]
    assert handles == [None, "bfce786c-ab07-40ad-79f9-8f21"]
    running.end()


def test_what_waits_when_ctrl_c_comes_is_still_told(tmp_path: Path, following: list[Following]) -> None:
    kern = tmp_path / "kern.log"
    kern.write_bytes(packet(1) + packet(39) + packet(40))
    running = Following("--hold", "30", "--where", "dpt=1,40", str(kern))
    following.append(running)
    # The first packet is 30 seconds back, so all were read, and the others wait.
    assert running.ports(1) == [1]
    running.end()
    assert [flow["dpt"] for flow in running.flows()] == [1, 40]
