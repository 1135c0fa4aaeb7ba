"""Answers to the panels of `docs/dashboards`, over a simulated foundation.

Six hours of a foundation are simulated, and `asglog correlate --follow` follows their log, with a
clock that runs 120 times as fast (libfaketime). Its counts are noted once a minute and put into a
Prometheus, which is asked as Grafana would ask. Its events of ECS are counted as Elasticsearch would
count them. Nothing here needs a package of Python.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
DASHBOARDS = ROOT / "docs/dashboards"

#: Apps forge lines of rep and of iptables-logger, so that not all owners are certain.
FOUNDATION = "--cells 3 --containers 40 --minutes 360 --rate 3 --actions 1 --damage forged --layout one --no-truth"
SPEED = 120
#: How often a Prometheus would scrape.
SCRAPE = 60
#: Between these minutes a relay cuts lines, as syslog over UDP does.
CUT, LENGTH = (200, 230), 1024
STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?")
#: Labels that Prometheus puts to what it scrapes.
SCRAPED = 'instance="log-host:9100",job="node"'


class Wrong(Exception):
    """A panel that shows nothing, or asks for what is not there."""


class Followed(NamedTuple):
    """The counts and the events of a follower."""

    begin: float
    end: float
    counts: str
    events: list[dict[str, Any]]


def missing() -> str | None:
    """The first program that is not installed."""
    needed = {"prometheus": "prometheus", "promtool": "prometheus", "faketime": "faketime"}
    for name, package in needed.items():
        if shutil.which(name) is None:
            return f"{name} is not installed (Debian: {package})"
    return None


def due(path: Path) -> Iterator[tuple[float, str, bytes]]:
    """The lines of a log, when each was written and to which file."""
    at = 0.0
    with path.open("rb") as lines:
        for line in lines:
            if stamp := STAMP.search(line, 0, 300):
                stamped = datetime.fromisoformat(stamp[0].decode() + "+00:00").timestamp()
                # Forged lines have times of their own.
                if not at or at < stamped < at + 3600:
                    at = stamped
            yield at, path.name, line


def simulate(foundation: Path, folder: Path) -> list[tuple[float, str, bytes]]:
    """The lines of a foundation in their order, and the pages of its Cloud Controller."""
    subprocess.run([foundation, *FOUNDATION.split(), folder / "made"], check=True, stderr=subprocess.DEVNULL)
    spec = importlib.util.spec_from_file_location("sample", ROOT / "examples/notebooks/sample.py")
    assert spec and spec.loader
    sample = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sample)
    (folder / "saved").mkdir()
    save_lists(json.loads((folder / "made/cc.json").read_text()), sample, folder / "saved")
    lines = sorted((line for log in (folder / "made").glob("*.log") for line in due(log)), key=lambda line: line[0])
    cut_from, cut_until = (lines[0][0] + minute * 60 for minute in CUT)
    return [
        (at, name, line[:LENGTH].rstrip() + b"\n" if cut_from < at < cut_until else line) for at, name, line in lines
    ]


def save_lists(changes: list[dict[str, Any]], sample: Any, out: Path) -> None:
    """Pages of a Cloud Controller that forgets nothing: a follower asks while an app is there."""
    made: dict[str, dict[str, dict[str, Any]]] = {}
    for change in changes:
        kind, _, what = change["change"].partition("_")
        if what == "created":
            made.setdefault(kind, {})[change["guid"]] = dict(change)
        elif what == "renamed":
            made[kind][change["guid"]]["name"] = change["name"]
        elif kind == "deployed":
            made["process"][change["new_process"]] = {"process_type": "web", "app": change["app"]}

    def listed(kind: str, name: str, within: tuple[str, str] | None) -> list[dict[str, Any]]:
        rows = []
        for guid, one in made.get(kind, {}).items():
            row = {"guid": guid, **sample.link(name, guid)}
            row |= {"name": one["name"]} if "name" in one else {"type": one.get("process_type"), "name": "task"}
            rows.append(row | sample.related(within[0], one[within[1]]) if within else row)
        return rows

    orgs, spaces = listed("org", "organizations", None), listed("space", "spaces", ("organization", "org"))
    included = {"included": {"spaces": spaces, "organizations": orgs}}
    apps = [app | {"lifecycle": {}} for app in listed("app", "apps", ("space", "space"))]
    sample.page(out / "apps.json", apps, included)
    sample.page(out / "processes.json", listed("process", "processes", ("app", "app")), {})
    tasks = [task | {"sequence_id": 1} for task in listed("task", "tasks", ("app", "app"))]
    sample.page(out / "tasks.json", tasks, {})


def follow(asglog: Path, lines: list[tuple[float, str, bytes]], folder: Path) -> Followed:
    """Writes the logs as time goes by, and notes the counts of a program that follows them."""
    begin, end = lines[0][0], lines[-1][0]
    # A thread waits until a time of the fast clock, which the kernel's own clock reaches late. So
    # the first line is written when the program waits for its logs.
    names = sorted({name for _, name, _ in lines})
    logs: dict[str, BinaryIO] = {}
    clock = datetime.fromtimestamp(begin, timezone.utc).strftime(f"@%Y-%m-%d %H:%M:%S x{SPEED}")
    command = [asglog, *"correlate --follow --format ecs --metrics counts.prom".split(), *names]
    out = (folder / "events").open("wb")
    program = subprocess.Popen(
        # The first line on standard error is the clock's time.
        ["faketime", "-m", "-f", clock, "sh", "-c", 'date +%s.%N >&2; exec "$@"', "sh", *command, "--cc-export", "saved", "--"],
        cwd=folder, stdout=out, stderr=subprocess.PIPE, env={"TZ": "UTC", "PATH": "/usr/bin:/bin"},
        start_new_session=True,
    )  # fmt: skip
    counts = Counts()
    try:
        assert program.stderr
        ahead = float(program.stderr.readline()) - time.monotonic() * SPEED
        for name in names:
            if b"waiting for it" not in program.stderr.readline():
                raise Wrong(f"asglog does not wait for {name}")
        written, next_scrape = 0, begin + SCRAPE
        while next_scrape <= end:
            now = time.monotonic() * SPEED + ahead
            batch: dict[str, list[bytes]] = {}
            while written < len(lines) and lines[written][0] <= now:
                batch.setdefault(lines[written][1], []).append(lines[written][2])
                written += 1
            for name, some in batch.items():
                if name not in logs:
                    logs[name] = (folder / name).open("ab", buffering=0)
                logs[name].write(b"".join(some))
            if now >= next_scrape and (folder / "counts.prom").exists():
                counts.add(now, (folder / "counts.prom").read_text())
                next_scrape += SCRAPE * (1 + (now - next_scrape) // SCRAPE)
            time.sleep(0.01)
            if program.poll() is not None:
                raise Wrong(f"asglog ended: {program.stderr.read().decode()}")
    finally:
        # faketime is the parent of the program. Below it, SIGTERM does not end the program in time.
        os.killpg(program.pid, signal.SIGKILL)
        program.wait()
        out.close()
        for log in logs.values():
            log.close()
    if not counts.families:
        raise Wrong("asglog wrote no counts")
    # The last line may not be finished.
    events = [json.loads(line) for line in (folder / "events").read_text().split("\n")[:-1]]
    return Followed(begin, end, counts.text(), events)


class Counts:
    """Counts of several times, as OpenMetrics with time stamps."""

    def __init__(self) -> None:
        self.families: dict[str, tuple[str, dict[str, list[str]]]] = {}

    def add(self, at: float, text: str) -> None:
        series: dict[str, list[str]] = {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                name = line.split()[2]
                series = self.families.setdefault(name, (line, {}))[1]
            elif not line.startswith("#"):
                key, value = line.rsplit(" ", 1)
                name, _, labels = key.partition("{")
                labels = ",".join(filter(None, [labels.removesuffix("}"), SCRAPED]))
                key = f"{name}{{{labels}}}"
                series.setdefault(key, []).append(f"{key} {value} {at:.3f}")

    def text(self) -> str:
        lines = []
        for head, series in self.families.values():
            lines.append(head)
            for samples in series.values():
                lines += samples
        return "\n".join([*lines, "# EOF\n"])


@contextmanager
def prometheus(counts: str, folder: Path) -> Iterator[str]:
    """A Prometheus with these counts; gives its address."""
    (folder / "counts.txt").write_text(counts)
    (folder / "prometheus.yml").write_text("global: {}\n")
    load = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "counts.txt", "data"]
    subprocess.run(load, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server = subprocess.Popen(
        ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error",
         "--storage.tsdb.retention.time=100y", f"--web.listen-address={address}"],
        cwd=folder,
    )  # fmt: skip
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://{address}/-/ready", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://{address}/api/v1"
    finally:
        server.terminate()
        server.wait()


def ask(base: str, path: str, **asked: Any) -> Any:
    """An answer of Prometheus."""
    try:
        with urllib.request.urlopen(f"{base}/{path}?{urllib.parse.urlencode(asked)}", timeout=60) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as refused:
        raise Wrong(f"{asked}: {refused.read().decode()}") from None


class Shown(NamedTuple):
    """A series of a panel, or a row of a table."""

    name: str
    labels: dict[str, str]
    times: list[float]
    values: list[float]


def grafana(base: str, run: Followed) -> list[tuple[dict[str, Any], list[Shown]]]:
    """The panels of Grafana with what each shows of the whole run."""
    dashboard = json.loads((DASHBOARDS / "grafana.json").read_text())
    variables = {"__range": f"{run.end - run.begin:.0f}s", "__rate_interval": f"{4 * SCRAPE}s"}
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()
            if not ask(base, f"label/{label}/values", **{"match[]": metric}):
                raise Wrong(f"variable {variable['name']}: no values")
            variables[variable["name"]] = variable["allValue"]
    panels = []
    for panel in dashboard["panels"]:
        shown = [series for target in panel["targets"] for series in answers(base, run, panel, target, variables)]
        panels.append((panel, shown))
    return panels


def answers(base: str, run: Followed, panel: Any, target: Any, variables: dict[str, str]) -> list[Shown]:
    step = max(SCRAPE, int(panel.get("interval", "0m").removesuffix("m")) * 60)
    variables = variables | {"__interval": f"{step}s"}
    expression = re.sub(r"\$(\w+)", lambda match: variables[match[1]], target["expr"])
    if target.get("instant"):
        found = ask(base, "query", query=expression, time=run.end)["result"]
    else:
        # As Grafana does: at whole steps.
        whole = {"start": (run.begin // step + 1) * step, "end": run.end // step * step, "step": step}
        found = ask(base, "query_range", query=expression, **whole)["result"]
    shown = []
    for one in found:
        points = one.get("values") or [one["value"]]
        labels = one["metric"]
        name = re.sub(r"{{(\w+)}}", lambda match, labels=labels: labels.get(match[1], ""), target["legendFormat"])
        shown.append(Shown(name, labels, [float(at) for at, _ in points], [float(value) for _, value in points]))
    if not shown:
        raise Wrong(f"panel `{panel['title']}`: no data for {expression}")
    return shown


def value_of(event: Any, field: str) -> Any:
    """The value of a field with dots in its name."""
    for name in field.split("."):
        event = event.get(name) if isinstance(event, dict) else None
    return event


def kibana(run: Followed) -> list[tuple[dict[str, Any], dict[str, Any], list[tuple[Any, ...]]]]:
    """The panels of Kibana: the place, the state, and rows of keys with a count behind them."""
    objects = [json.loads(line) for line in (DASHBOARDS / "kibana.ndjson").read_text().splitlines()][:-1]
    dashboard = next(one for one in objects if one["type"] == "dashboard")
    of = {reference["name"]: reference["id"] for reference in dashboard["references"]}
    panels = []
    for panel in json.loads(dashboard["attributes"]["panelsJSON"]):
        attributes = next(one for one in objects if one["id"] == of[panel["panelRefName"]])["attributes"]
        state = json.loads(attributes["visState"])
        state["colors"] = json.loads(attributes["uiStateJSON"]).get("vis", {}).get("colors", {})
        asked = json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])["query"]["query"]
        events = [event for event in run.events if fits(event, asked)]
        buckets = [agg for agg in state["aggs"] if agg["type"] != "count"]
        for agg in buckets:
            if all(value_of(event, agg["params"]["field"]) is None for event in events):
                raise Wrong(f"panel `{state['title']}`: no event has {agg['params']['field']}")
        panels.append((panel["gridData"], state, list(rows(events, buckets))))
    return panels


def fits(event: Any, asked: str) -> bool:
    if not asked:
        return True
    field, value = asked.split(" : ")
    found = value_of(event, field)
    return value in found if isinstance(found, list) else value == found


def rows(events: list[Any], buckets: list[Any]) -> Iterator[tuple[Any, ...]]:
    """Counts by the values of one field within those of another, the largest first."""
    if not buckets:
        yield (len(events),)
        return
    first, *others = buckets
    of: dict[Any, list[Any]] = {}
    for event in events:
        key = value_of(event, first["params"]["field"])
        if first["type"] == "date_histogram":
            key = datetime.fromisoformat(key.replace("Z", "+00:00")).timestamp() // 300 * 300
        if key is not None:
            of.setdefault(key, []).append(event)
    if first["type"] == "date_histogram":
        kept = sorted(of)
    else:
        sizes = Counter({key: len(inside) for key, inside in of.items()})
        kept = [key for key, _ in sizes.most_common(first["params"]["size"])]
    for key in kept:
        for row in rows(of[key], others):
            yield (key, *row)
    rest = [event for key, inside in of.items() if key not in kept for event in inside]
    if rest and first["params"].get("otherBucket"):
        for row in rows(rest, others):
            yield (first["params"]["otherBucketLabel"], *row)
