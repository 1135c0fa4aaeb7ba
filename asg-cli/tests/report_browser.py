"""The page of ``asglog report`` in headless Chromium: it loads nothing and complains about nothing, its tables can be sorted
and searched, names stay text, and it can be read on paper, in the dark, on a telephone and without a script.

    python3 asg-cli/tests/report_browser.py target/debug/asglog

Needs ``chromium`` and ``chromedriver`` (Debian: chromium, chromium-driver) and no package of Python. Without them it prints a
reason and ends."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SAMPLE = HERE.parent.parent / "examples/notebooks/sample/afternoon"
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1200,900"
).split()
HOSTILE = "<img src=x onerror=\"window.hostile=1\"><script>window.hostile=1</script>'\"\u202e\n&amp;"


class Browser:
    """A session of chromedriver, over its HTTP interface."""

    def __init__(self, port: int, profile: Path) -> None:
        self.base = f"http://127.0.0.1:{port}/session"
        chrome = {"binary": shutil.which("chromium"), "args": [*OPTIONS, f"--user-data-dir={profile}"]}
        logs = {"browser": "ALL", "performance": "ALL"}
        wanted = {"browserName": "chrome", "goog:chromeOptions": chrome, "goog:loggingPrefs": logs}
        session = self.post("", {"capabilities": {"alwaysMatch": wanted}})
        self.base += "/" + session["sessionId"]

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._ask("POST", path, json.dumps(body).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(self.base + path, body, {"Content-Type": "application/json"}, method=method)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def close(self) -> None:
        self._ask("DELETE", "", None)

    def open(self, page: Path) -> None:
        self.post("/url", {"url": page.as_uri()})

    def run(self, script: str, *args: Any) -> Any:
        return self.post("/execute/sync", {"script": script, "args": list(args)})

    def devtools(self, command: str, **params: Any) -> Any:
        return self.post("/goog/cdp/execute", {"cmd": command, "params": params})

    def log(self, kind: str) -> list[dict[str, Any]]:
        return self.post("/se/log", {"type": kind})

    def media(self, media: str = "", scheme: str = "light") -> None:
        self.devtools(
            "Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}]
        )

    def width(self, width: int) -> None:
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    with subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True) as driver:
        try:
            assert driver.stdout is not None
            ports = (re.search(r"started successfully on port (\d+)", line) for line in driver.stdout)
            found = next(filter(None, ports))
            session = Browser(int(found.group(1)), folder / "profile")
            try:
                yield session
            finally:
                session.close()
        finally:
            driver.terminate()


def pages(asglog: str, folder: Path) -> tuple[Path, Path]:
    """A report with a hostile name, and one of nothing."""
    apps = json.loads((SAMPLE / "apps.json").read_text())
    apps["resources"][0]["name"] = HOSTILE
    for app in apps["resources"][1:4]:
        app["name"] = "an-app-whose-name-is-very-long-" * 8
    (folder / "apps.json").write_text(json.dumps(apps))
    logs = folder / "logs"
    logs.mkdir()
    for log in SAMPLE.glob("*.log.gz"):
        (logs / log.stem).write_bytes(gzip.decompress(log.read_bytes()))
    names = ["--cc-export", folder / "apps.json", SAMPLE / "processes.json", SAMPLE / "deleted.json", "--"]
    page, empty = folder / "report.html", folder / "empty.html"
    subprocess.run([asglog, "report", "-o", page, *names, logs], check=True)
    (folder / "other.log").write_text("a line\n")
    subprocess.run([asglog, "report", "-q", "-o", empty, folder / "other.log"], check=True)
    return page, empty


def cells(at: Browser, table: str, column: int) -> list[Any]:
    """Returns the cells of a column in their order, numbers as numbers."""
    script = """var column = arguments[1];
        return Array.from(document.getElementById(arguments[0]).tBodies[0].rows, function (row) {
            var value = row.cells[column].getAttribute("data-v");
            return value === null ? row.cells[column].textContent : Number(value); });"""
    return at.run(script, table, column)


def click(at: Browser, table: str, column: int) -> str:
    """Clicks on a head, and returns how its column is sorted then."""
    return at.run(
        "var head = document.getElementById(arguments[0]).tHead.rows[0].cells[arguments[1]];"
        "head.querySelector('button').click(); return head.getAttribute('aria-sort');",
        table,
        column,
    )


def nothing_is_loaded_and_nothing_is_wrong(at: Browser, page: Path, empty: Path) -> None:
    for one in (page, empty):
        at.log("performance")
        at.open(one)
        events = [json.loads(entry["message"])["message"] for entry in at.log("performance")]
        sent = [it["params"] for it in events if it["method"] == "Network.requestWillBeSent"]
        # The browser's own first page may still be loading.
        asked = [it["request"]["url"] for it in sent if not it["documentURL"].startswith("chrome://")]
        assert asked == [one.as_uri()], asked
        assert at.log("browser") == []
        assert at.run("return performance.getEntriesByType('resource').length") == 0


def a_click_sorts(at: Browser, page: Path, _: Path) -> None:
    at.open(page)
    for table, column, first in (("pairs", 2, "descending"), ("senders", 5, "ascending"), ("senders", 1, "descending")):
        before = cells(at, table, column)
        assert len(set(before)) > 3, (table, before)
        assert click(at, table, column) == first
        assert cells(at, table, column) == sorted(before, reverse=first == "descending")
        click(at, table, column)
        assert cells(at, table, column) == sorted(before, reverse=first != "descending")
    assert click(at, "pairs", 1) == "ascending"
    text = cells(at, "pairs", 1)
    numbers = [[int(part) for part in re.findall(r"\d+", one)] for one in text]
    assert numbers == sorted(numbers), "numbers in texts count as numbers"


def words_are_searched(at: Browser, page: Path, _: Path) -> None:
    at.open(page)
    search = """var input = document.querySelector('[aria-label="Search the rows of pairs"]');
        input.value = arguments[0]; input.dispatchEvent(new Event('input'));
        var rows = Array.from(document.getElementById('pairs').tBodies[0].rows);
        var shown = rows.filter(function (row) { return row.getClientRects().length > 0; });
        return [shown.map(function (row) { return row.textContent; }), rows.length, input.parentNode.textContent];"""
    every, count, _said = at.run(search, "")
    assert len(every) == count > 20
    app = next(row.split()[0] for row in every if re.match(r"app-\d+ ", row))
    shown, _count, said = at.run(search, f"8080 {app.upper()}")
    assert 0 < len(shown) < count and all("8080" in row and app in row for row in shown), (app, shown)
    assert said == f"{len(shown)} of {count} rows", said
    assert at.run(search, "no such row")[0] == []
    assert at.run(search, " ")[0] == every


def a_hostile_name_stays_text(at: Browser, page: Path, _: Path) -> None:
    at.open(page)
    assert at.run("return [window.hostile === undefined, document.images.length, document.scripts.length]") == [True, 0, 1]
    text = HOSTILE.replace("\u202e", "\\u{202e}").replace("\n", "\\u{a}").replace("/", "\\u{2f}")
    names = at.run("return Array.from(document.querySelectorAll('td.app b'), function (it) { return it.textContent; })")
    assert text in names, names


def it_can_be_read_on_paper_in_the_dark_and_on_a_telephone(at: Browser, page: Path, _: Path) -> None:
    at.open(page)
    colours = """var style = getComputedStyle(document.documentElement);
        return ['paper', 'ink', 'dim', 'link', 'allowed', 'denied'].map(function (name) {
            return style.getPropertyValue('--' + name).trim(); });"""
    papers = {}
    for scheme in ("light", "dark"):
        at.media(scheme=scheme)
        paper, *inks = at.run(colours)
        papers[scheme] = paper
        least = [4.5, 4.5, 4.5, 3, 3]
        for ink, ratio in zip(inks, least, strict=True):
            assert contrast(paper, ink) >= ratio, (scheme, paper, ink)
    assert papers["light"] != papers["dark"]
    at.media("print", "dark")
    assert at.run(colours)[0] == papers["light"], "paper is white"
    hidden = "return Array.from(document.querySelectorAll('nav, .find'), function (it) { return it.getClientRects().length; })"
    assert set(at.run(hidden)) == {0}
    at.media()
    assert base64.b64decode(at.post("/print", {})).startswith(b"%PDF")
    overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    for width in (1200, 800, 390):
        at.width(width)
        assert at.run(overflow) <= 0, width
    at.devtools("Emulation.clearDeviceMetricsOverride")


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        digits = colour.lstrip("#")
        digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
        parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def labels_do_not_overlap(at: Browser, page: Path, _: Path) -> None:
    at.open(page)
    overlaps = """var found = [];
        document.querySelectorAll('svg').forEach(function (svg) {
            var texts = Array.from(svg.querySelectorAll('text')).filter(function (it) { return !it.hasAttribute('transform'); });
            var boxes = texts.map(function (it) { return it.getBoundingClientRect(); });
            var around = svg.getBoundingClientRect();
            boxes.forEach(function (a, n) {
                if (a.left < around.left - 1 || a.right > around.right + 1) { found.push(texts[n].textContent); }
                boxes.slice(0, n).forEach(function (b, m) {
                    if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 4 && b.top < a.bottom - 4) {
                        found.push(texts[n].textContent + ' / ' + texts[m].textContent);
                    }
                });
            });
        });
        return [found, document.querySelectorAll('svg text').length];"""
    found, count = at.run(overlaps)
    assert found == [] and count > 50, (found, count)


def it_can_be_read_without_a_script(at: Browser, page: Path, _: Path) -> None:
    at.devtools("Emulation.setScriptExecutionDisabled", value=True)
    at.open(page)
    root = at.devtools("DOM.getDocument")["root"]["nodeId"]
    html = at.devtools("DOM.getOuterHTML", nodeId=root)["outerHTML"]
    at.devtools("Emulation.setScriptExecutionDisabled", value=False)
    assert "<button" not in html and "<input" not in html and " hidden" not in html
    assert html.count("<tr>") == page.read_text().count("<tr>") > 100


TESTS: list[Callable[[Browser, Path, Path], None]] = [
    nothing_is_loaded_and_nothing_is_wrong,
    a_click_sorts,
    words_are_searched,
    a_hostile_name_stays_text,
    it_can_be_read_on_paper_in_the_dark_and_on_a_telephone,
    labels_do_not_overlap,
    it_can_be_read_without_a_script,
]


def main() -> None:
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    if missing:
        print(f"skipped: {' and '.join(missing)} not found (Debian: apt-get install chromium chromium-driver)")
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        page, empty = pages(sys.argv[1], folder)
        with browser(folder) as session:
            for test in TESTS:
                test(session, page, empty)
                print(f"{test.__name__}: ok")


if __name__ == "__main__":
    main()
