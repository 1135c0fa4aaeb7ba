"""Every output of `asglog correlate` beside what people write for the join: grep, mawk, DuckDB, polars.

    python bench/outputs.py [--log FILE] [--rounds 5] [--asglog PATH]    # a release build, a quiet machine
    python bench/outputs.py --eras [--rounds 5]                          # the summary, for each era of the simulator

Each contender is a whole process that writes into a pipe; all run in turn, and of each the least CPU
seconds count. The ratio is to GNU grep, which counts `DST=` in the C locale. The rivals do less: they
look for one form of a packet, take the first 23 characters of a container's name for all of it, and know
neither times, earlier and later owners, nor how sure an answer is. mawk prints the join; DuckDB and polars
write it as Parquet. Parquet of `asglog` and what two threads write goes to a file.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]

AWK = r"""
NR == FNR {
    if (i = index($0, "\"container-guid\":\"")) {
        p = index($0, "\"process_guid\":\"")
        if (p) app[substr($0, i + 18, 23)] = substr($0, p + 16, 36)
    }
    next
}
(o = index($0, " OUT=")) && (s = index($0, " SRC=")) {
    n = split(substr($0, 1, o - 1), before, " ")
    split(substr($0, s + 1), field, " ")
    prefix = before[n] ~ /^IN=/ ? before[n - 1] : before[n]
    verdict = prefix ~ /^DENY_/ ? "deny" : "allow"
    sub(/^(OK|DENY)_/, "", prefix)
    source = destination = protocol = from = to = ""
    for (k in field) {
        split(field[k], pair, "=")
        if (pair[1] == "SRC") source = pair[2]
        else if (pair[1] == "DST") destination = pair[2]
        else if (pair[1] == "PROTO") protocol = pair[2]
        else if (pair[1] == "SPT") from = pair[2]
        else if (pair[1] == "DPT") to = pair[2]
    }
    print verdict, source, from, destination, to, protocol, app[substr(prefix, 1, 23)]
}
"""

#: Columns that people choose for a table.
COLUMNS = "time,verdict,src,dst,dpt,proto,app_guid,certainty"

#: The packet and the container, for engines that take a pattern.
PACKET = (
    r"\] (OK_|DENY_)?([0-9a-f-]{23})[0-9a-f-]* ?IN=[^ ]* OUT=[^ ]* .*?SRC=([0-9a-f.:]+) DST=([0-9a-f.:]+) "
    r".*?PROTO=([A-Z0-9]+)(?: SPT=([0-9]+) DPT=([0-9]+))?"
)
GROUPS = ["verdict", "container", "src", "dst", "proto", "spt", "dpt"]
PROCESS = r'"container-guid":"([0-9a-f-]{23}).*"process_guid":"([0-9a-f-]{36})'

DUCKDB = f"""
import duckdb, sys
duckdb.execute("set threads=1")
duckdb.execute('''
copy (
    with lines as (select column0 as line from read_csv(?, header=false, delim='\\x01', quote='', escape='',
        columns={{'column0': 'varchar'}}, auto_detect=false)),
    packets as (select unnest(regexp_extract(line, '{PACKET}', {GROUPS})) from lines where line like '% OUT=%'),
    owners as (select distinct on (g.container) g.container, g.app from (
        select regexp_extract(line, '{PROCESS}', ['container', 'app']) as g from lines
        where line like '%"container-guid"%'))
    select packets.*, owners.app from packets left join owners using (container)
) to '/dev/stdout' (format parquet)''', [sys.argv[1]])
"""

POLARS = f"""
import polars as pl, sys
lines = pl.scan_csv(sys.argv[1], has_header=False, new_columns=["line"], separator="\\x01", quote_char=None)
groups = pl.col("line").str.extract_groups({PACKET!r}).struct.rename_fields({GROUPS!r})
packets = lines.filter(pl.col("line").str.contains(" OUT=", literal=True)).select(groups).unnest("line")
names = pl.col("line").str.extract_groups({PROCESS!r}).struct.rename_fields(["container", "app"])
owners = lines.filter(pl.col("line").str.contains('"container-guid"', literal=True)).select(names).unnest("line")
found = packets.join(owners.unique("container"), on="container", how="left").collect()
found.write_parquet(sys.stdout.buffer)
"""

ARROW = """
import asglog, sys
names = ["time", "cell", "verdict", "src", "spt", "dst", "dpt", "proto", "handle_prefix", "handle", "app_guid",
    "process_guid", "certainty", "reason"]
print(asglog.correlate(sys.argv[1]).columns(*names).to_arrow().num_rows)
"""


class Contender(NamedTuple):
    """A command, and how many times as long as grep it may take."""

    name: str
    command: list[str]
    bar: float | None = None


class Cost(NamedTuple):
    """CPU seconds, elapsed seconds and the peak of memory in megabytes."""

    cpu: float
    wall: float
    peak: float


def contenders(asglog: str, log: str, folder: str) -> list[Contender]:
    """Lists what is there to run; prints what is not."""
    correlate = [asglog, "correlate", "--quiet"]
    found = [
        Contender("grep -c DST=", ["grep", "-c", "DST=", log]),
        Contender("summary", [*correlate, "--format", "summary", log], 2),
        Contender("ndjson", [*correlate, "--format", "ndjson", log], 5),
        Contender("csv", [*correlate, "--format", "csv", log], 5),
        Contender("parquet", [*correlate, "--format", "parquet", "--output", f"{folder}/out.parquet", log], 10),
        Contender("table", [*correlate, "--format", "table", log]),
        Contender("table, 8 columns", [*correlate, "--format", "table", "--columns", COLUMNS, log]),
        Contender("ecs", [*correlate, "--format", "ecs", log]),
        Contender("ocsf", [*correlate, "--format", "ocsf", log]),
        Contender("top", [asglog, "top", "--quiet", log], 3),
    ]
    if shutil.which("mawk"):
        found.append(Contender("mawk join", ["mawk", AWK, log, log]))
    else:
        print("left out: mawk is not installed")
    for module, program, bar in [
        ("asglog", ARROW, 5.0),
        ("duckdb", DUCKDB, None),
        ("polars", POLARS, None),
    ]:
        name = "Python, 14 columns into Arrow" if module == "asglog" else f"{module} join"
        if importlib.util.find_spec(module):
            found.append(Contender(name, [sys.executable, "-c", program, log], bar))
        else:
            print(f"left out: {name}, because {module} is not installed")
    return found


def run(command: list[str], processors: int, into: str | None = None, output: str | None = None) -> Cost:
    """Runs a command to its end, into a pipe or a file, on so many processors: it has as many threads.

    ``output`` is a file that the command writes by itself.
    """
    environment = {**os.environ, "LC_ALL": "C", "POLARS_MAX_THREADS": str(processors)}
    chosen = sorted(os.sched_getaffinity(0))[-processors:]
    for file in (into, output):
        # The disk may still be writing the file of another run. A file that is replaced is synced.
        if file and file != os.devnull and os.path.exists(file):
            os.remove(file)
    with open(into or os.devnull, "wb") as opened:
        before = time.perf_counter()
        with subprocess.Popen(
            command,
            stdout=opened if into else subprocess.PIPE,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, chosen),
        ) as process:
            while process.stdout and process.stdout.read(1 << 20):
                pass
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode > 1:
        raise SystemExit(f"{command[0]} ended with {process.returncode}: {command}")
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - before, used.ru_maxrss / 1000)


def least(asglog: str, log: str, rounds: int, folder: str) -> None:
    """Prints the least CPU seconds of each contender, and its ratio to grep."""
    todo = contenders(asglog, log, folder)
    costs: dict[str, list[Cost]] = {one.name: [] for one in todo}
    for _ in range(rounds):
        for one in todo:
            costs[one.name].append(run(one.command, 1))
    unit = min(cost.cpu for cost in costs[todo[0].name])
    print(f"{'least of ' + str(rounds):<32}{'CPU s':>8}{'x grep':>8}{'bar':>6}{'peak MB':>9}")
    for one in todo:
        cpu = min(cost.cpu for cost in costs[one.name])
        peak = max(cost.peak for cost in costs[one.name])
        bar = f"{one.bar:g}" if one.bar else ""
        mark = "  missed" if one.bar and cpu > one.bar * unit else ""
        print(f"{one.name:<32}{cpu:8.3f}{cpu / unit:8.2f}{bar:>6}{peak:9.0f}{mark}")


def threads(asglog: str, log: str, rounds: int, folder: str) -> None:
    """Prints how much faster two threads are, into a file and without one."""
    if len(os.sched_getaffinity(0)) < 2:
        return print("left out: two threads, because there is one processor")
    print(f"\n{'two threads, elapsed':<32}{'one':>8}{'two':>8}{'ratio':>8}")
    texts = ["summary", "ndjson", "csv"]
    ways = [
        *((name, f"{name} > file", None, f"{folder}/out") for name in texts),
        ("parquet", "parquet --output file", f"{folder}/out.parquet", None),
        *((name, f"{name} --output file", f"{folder}/out.{name}", None) for name in texts[1:]),
        *((name, f"{name}, no file", os.devnull, None) for name in texts[1:]),
    ]
    for name, way, output, into in ways:
        command = [asglog, "correlate", "--quiet", "--format", name, log]
        command += ["--output", output] if output else []
        pairs = [[run(command, threads, into, output).wall for threads in (1, 2)] for _ in range(rounds)]
        one, two = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
        mark = "" if one >= 1.8 * two else "  missed (bar 1.8)"
        print(f"{way:<32}{one:8.3f}{two:8.3f}{one / two:8.2f}{mark}")


#: The eras of the simulator: which handles, prefixes and formats.
ERAS = (
    "warden", "chains", "garden-linux", "guardian-36", "guardian-28-glued", "guardian-28", "netman", "cf-networking",
    "silk", "silk-modern", "silk-ipv6",
)  # fmt: skip

#: About half a million lines of twenty cells, where most containers live for some minutes.
FOUNDATION = ["--cells", "20", "--containers", "500", "--minutes", "45", "--no-truth"]


def eras(asglog: str, rounds: int, folder: str) -> None:
    """Prints the least CPU seconds of the summary in each era, and their ratio to grep, with the bar of 2."""
    make = ["cargo", "run", "--quiet", "--release", "-p", "asg-benches", "--bin", "foundation", "--"]
    print(f"{'least of ' + str(rounds):<20}{'lines':>9}{'grep s':>8}{'CPU s':>8}{'x grep':>8}")
    for era in ERAS:
        made = Path(folder, era)
        subprocess.run([*make, "--era", era, *FOUNDATION, str(made)], check=True, cwd=ROOT, stderr=subprocess.DEVNULL)
        files = sorted(map(str, made.rglob("*.log")))
        commands = (["grep", "-c", "DST=", *files], [asglog, "correlate", "--quiet", "--format", "summary", *files])
        costs = [[run(command, 1).cpu for command in commands] for _ in range(rounds)]
        unit, cpu = (min(column) for column in zip(*costs, strict=True))
        lines = sum(Path(file).read_bytes().count(b"\n") for file in files)
        print(f"{era:<20}{lines:>9}{unit:8.3f}{cpu:8.3f}{cpu / unit:8.2f}{'  missed' if cpu > 2 * unit else ''}", flush=True)
        shutil.rmtree(made)


def main() -> None:
    """Measures a mixed log of a million lines, or the log that is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", help="a log; without one, a mixed log of a million lines is made")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each contender (5)")
    release = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    parser.add_argument("--asglog", default=str(release / "asglog"), help="the program (target/release/asglog)")
    parser.add_argument("--eras", action="store_true", help="measures the summary of each era of the simulator instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.eras:
            return eras(options.asglog, options.rounds, folder)
        log = options.log
        if log is None:
            log = os.path.join(folder, "mixed.log")
            with open(log, "wb") as out:
                make = ["cargo", "run", "--quiet", "--release", "-p", "asg-benches", "--bin", "mixed", "1000000"]
                subprocess.run(make, stdout=out, check=True, cwd=ROOT)
        least(options.asglog, log, options.rounds, folder)
        threads(options.asglog, log, options.rounds, folder)


if __name__ == "__main__":
    main()
