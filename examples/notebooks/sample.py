"""Makes the folder ``sample`` of the notebooks: logs of simulated foundations, and what a Cloud Controller would list.

    python examples/notebooks/sample.py

The same bytes come out each time. ``afternoon`` has all lines of an hour in which people deploy, rename and delete.
``month`` has a month in which nobody does: one packet in fifty, and of the lines about containers the first of each day.
``shop`` has lists for the small foundation of the program's own demonstration, whose logs and security groups are in
``asg-cli/data``.
"""

from __future__ import annotations

import datetime
import gzip
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
API = "https://api.example.org/v3"
KEPT = 50


def main() -> None:
    shutil.rmtree(HERE / "sample", ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        simulate(Path(folder, "a"), "--cells 3 --containers 24 --minutes 60 --rate 3 --seed 11 --actions 1".split())
        for log in sorted(Path(folder, "a/cells").glob("*/*.log")):
            save(HERE / f"sample/afternoon/{log.parent.name}-{log.name}.gz", log.read_bytes())
        save_lists(json.loads(Path(folder, "a/cc.json").read_text()), HERE / "sample/afternoon")
        simulate(Path(folder, "m"), "--cells 2 --containers 8 --minutes 43200 --rate 1 --seed 5 --actions 0".split())
        for day, lines in sorted(by_day(sorted(Path(folder, "m/cells").glob("*/*.log"))).items()):
            save(HERE / f"sample/month/{day}.log.gz", b"".join(lines))
        save_lists(json.loads(Path(folder, "m/cc.json").read_text()), HERE / "sample/month")
    shop(HERE / "sample/shop")


def simulate(out: Path, options: list[str]) -> None:
    cargo = "cargo run -q --release -p asg-benches --bin foundation -- --no-truth".split()
    subprocess.run([*cargo, *options, str(out)], check=True, cwd=HERE)


def save(path: Path, log: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(log, 9, mtime=0))


def by_day(logs: list[Path]) -> dict[str, list[bytes]]:
    days: dict[str, list[bytes]] = {}
    seen = set()
    for log in logs:
        with log.open("rb") as lines:
            for number, line in enumerate(lines):
                day = line.split(b" ", 2)[1][:10].decode() if line.startswith(b"<") else time_of(line)
                at = line.find(b'"message"')
                # The subject of a line: its message and its container's handle.
                about = (log, day, line[at : at + 400].partition(b'"session"')[0])
                if (b" SRC=" in line and number % KEPT == 0) or (b" SRC=" not in line and about not in seen):
                    seen.add(about)
                    days.setdefault(day, []).append(line)
    return days


def time_of(line: bytes) -> str:
    seconds = json.loads(line)["timestamp"]
    return datetime.datetime.fromtimestamp(float(seconds), datetime.timezone.utc).date().isoformat()


def save_lists(changes: list[dict[str, Any]], out: Path) -> None:
    """The pages that ``cf curl`` would save at the end, as in the README."""
    live: dict[str, dict[str, dict[str, Any]]] = {"org": {}, "space": {}, "app": {}, "process": {}}
    deleted = []
    for change in changes:
        kind, _, what = change["change"].partition("_")
        if what == "created" and kind in live:
            live[kind][change["guid"]] = dict(change)
        elif what == "renamed":
            live[kind][change["guid"]]["name"] = change["name"]
        elif what == "deleted":
            gone = {change["guid"]}
            for within, of in (("space", "org"), ("app", "space")):
                gone |= {guid for guid, one in live[within].items() if one[of] in gone}
            deleted += [event(live, change["at"], guid) for guid in sorted(gone & set(live["app"]))]
            live = {name: {guid: one for guid, one in all_.items() if guid not in gone} for name, all_ in live.items()}
    apps = [
        {"guid": guid, "name": app["name"], "lifecycle": {}, **related("space", app["space"]), **link("apps", guid)}
        for guid, app in live["app"].items()
    ]
    spaces = [
        {"guid": guid, "name": one["name"], **related("organization", one["org"]), **link("spaces", guid)}
        for guid, one in live["space"].items()
    ]
    orgs = [{"guid": guid, "name": one["name"], **link("organizations", guid)} for guid, one in live["org"].items()]
    processes = [
        {"guid": guid, "type": one["process_type"], **related("app", one["app"]), **link("processes", guid)}
        for guid, one in live["process"].items()
        if one["app"] in live["app"]
    ]
    page(out / "apps.json", apps, {"included": {"spaces": spaces, "organizations": orgs}})
    page(out / "processes.json", processes, {})
    page(out / "deleted.json", deleted, {})


def event(live: dict[str, dict[str, dict[str, Any]]], at: int, guid: str) -> dict[str, Any]:
    app = live["app"][guid]
    time = datetime.datetime.fromtimestamp(at // 10**9, datetime.timezone.utc)
    return {
        "type": "audit.app.delete-request",
        "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "target": {"guid": guid, "type": "app", "name": app["name"]},
        "space": {"guid": app["space"]},
        "organization": {"guid": live["space"][app["space"]]["org"]},
    }


def shop(out: Path) -> None:
    """The pages that ``cf curl`` would save of the demonstration's foundation."""
    foundation = json.loads((HERE / "../../asg-cli/data/foundation.json").read_text())
    out.mkdir(parents=True, exist_ok=True)
    apps, processes, tasks, deleted, spaces, orgs = [], [], [], [], [], []
    for org in foundation["orgs"]:
        orgs.append({"guid": org["guid"], "name": org["name"], **link("organizations", org["guid"])})
        for space in org["spaces"]:
            spaces.append(
                {"guid": space["guid"], "name": space["name"], **related("organization", org["guid"]), **link("spaces", space["guid"])}
            )
            for app in space["apps"]:
                guid = app["guid"]
                if "deleted" in app:
                    deleted.append({
                        "type": "audit.app.delete-request", "created_at": app["deleted"],
                        "target": {"guid": guid, "type": "app", "name": app["name"]},
                        "space": {"guid": space["guid"]}, "organization": {"guid": org["guid"]},
                    })  # fmt: skip
                    continue
                apps.append(
                    {"guid": guid, "name": app["name"], "lifecycle": {}, **related("space", space["guid"]), **link("apps", guid)}
                )
                of_app = {"web": app.get("deployed", guid), "worker": app.get("worker")}
                processes += [
                    {"guid": process, "type": kind, **related("app", guid), **link("processes", process)}
                    for kind, process in of_app.items()
                    if process
                ]
                if "task" in app:
                    task = app["task"]
                    tasks.append({"guid": task, "name": "task", "sequence_id": 1, **related("app", guid), **link("tasks", task)})
    page(out / "apps.json", apps, {"included": {"spaces": spaces, "organizations": orgs}})
    page(out / "processes.json", processes, {})
    page(out / "tasks.json", tasks, {})
    decoder, text, at, snapshots = json.JSONDecoder(), (HERE / "../../asg-cli/data/groups.json").read_text(), 0, []
    while at < len(text.rstrip()):
        snapshot, at = decoder.raw_decode(text, at + len(text[at:]) - len(text[at:].lstrip()))
        snapshots.append(json.dumps(snapshot) + "\n")
    (out.parent / "shop-groups.ndjson").write_text("".join(snapshots))
    page(out / "deleted.json", deleted, {})


def related(kind: str, guid: str) -> dict[str, Any]:
    return {"relationships": {kind: {"data": {"guid": guid}}}}


def link(kind: str, guid: str) -> dict[str, Any]:
    return {"links": {"self": {"href": f"{API}/{kind}/{guid}"}}}


def page(path: Path, resources: list[dict[str, Any]], more: dict[str, Any]) -> None:
    path.write_text(json.dumps({"pagination": {"next": None}, "resources": resources, **more}, indent=1) + "\n")


if __name__ == "__main__":
    main()
