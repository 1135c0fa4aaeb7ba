#!/usr/bin/env python3
"""Checks the panels of `docs/dashboards` over a simulated foundation, and draws them.

usage: dashboard_pictures.py [--write] [ASGLOG [FOUNDATION]]

Needs Debian's `prometheus` and `faketime`; without them it ends with a reason. Fails if Prometheus refuses
a query, if a panel of either dashboard shows nothing, or if no event has a field that a panel asks for.
The pictures go to target/dashboards, and with `--write` to docs/dashboards. They need matplotlib;
without it the panels are only checked. ASGLOG and FOUNDATION are the programs of that name, in
target/debug if they are not given. It takes four minutes, and waits most of the time.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dashboards import DASHBOARDS, ROOT, Followed, Shown, Wrong, follow, grafana, kibana, missing, prometheus, simulate

WIDTH = 1400
#: Bytes; a larger picture gets fewer colours.
LARGEST = 150_000
INK, FAINT, EDGE, PAGE = "#24292e", "#6e7681", "#d8dce0", "#f4f5f5"
#: Colours by the names that the dashboards use, and then for series in their order.
NAMED = {
    "green": "#4a9c3f", "dark-green": "#2b6a24", "yellow": "#e0b400", "orange": "#e07b00", "red": "#d0342c",
    "blue": "#1f60c4",
}  # fmt: skip
ORDER = ["#4a9c3f", "#e0a800", "#3274d9", "#e07b00", "#d0342c", "#7c4dbd", "#0f9d9d", "#b5468b", "#8c6d46", "#66717d"]


class Page:
    """A page of panels on a grid, in pixels from the top."""

    def __init__(self, title: str, columns: int, row: int, rows: int) -> None:
        from matplotlib.figure import Figure

        self.top, self.gap = 44, 8
        self.column, self.row = (WIDTH - self.gap) / columns, row
        self.height = self.top + rows * row + self.gap
        self.figure = Figure(figsize=(WIDTH / 100, self.height / 100), dpi=100, facecolor=PAGE)
        self.text(14, 22, title, size=11.5, weight="bold", va="center")

    def text(self, x: float, y: float, text: str, size: float = 8.5, **more: Any) -> None:
        more = {"color": INK, "va": "center"} | more
        self.figure.text(x / WIDTH, 1 - y / self.height, text.replace("$", r"\$"), fontsize=size, **more)

    def panel(self, place: dict[str, int], title: str) -> tuple[float, float, float, float]:
        """A frame with a title; gives the room inside."""
        from matplotlib.patches import Rectangle

        x, y = place["x"] * self.column + self.gap, self.top + place["y"] * self.row
        width, height = place["w"] * self.column - self.gap, place["h"] * self.row - self.gap
        corner = (x / WIDTH, 1 - (y + height) / self.height)
        frame = Rectangle(corner, width / WIDTH, height / self.height, fc="white", ec=EDGE, lw=0.8, zorder=-1)
        frame.set_transform(self.figure.transFigure)
        self.figure.add_artist(frame)
        self.text(x + 10, y + 15, title, size=9, weight="bold")
        return x, y + 28, width, height - 28

    def axes(self, x: float, y: float, width: float, height: float) -> Any:
        axes = self.figure.add_axes((x / WIDTH, 1 - (y + height) / self.height, width / WIDTH, height / self.height))
        axes.set_facecolor("white")
        axes.tick_params(labelsize=7.5, colors=FAINT, length=0)
        axes.grid(color="#eceef0", lw=0.7)
        axes.set_axisbelow(True)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return axes

    def plot(self, room: tuple[float, float, float, float], legend: list[tuple[str, str]], left: int = 56) -> Any:
        """Axes with a legend below."""
        x, y, width, height = room
        at, places = 12.0, []
        for name, _ in legend:
            needed = 27 + 5.6 * len(name)
            if places and at + needed > width:
                at = 12.0
                places.append((at, places[-1][1] + 1))
            else:
                places.append((at, places[-1][1] if places else 0))
            at += needed
        lines = places[-1][1] + 1
        for (name, color), (at, line) in zip(legend, places, strict=True):
            base = y + height - 15 * (lines - line) + 5
            self.text(x + at, base, "▬", size=7, color=color)
            self.text(x + at + 13, base, name, size=7.5)
        return self.axes(x + left, y + 4, width - left - 14, height - 24 - 15 * lines)

    def table(self, room: tuple[float, float, float, float], columns: list[tuple[str, float]], rows: list[Any]) -> None:
        """Rows, as many as there is room for; the last column is of numbers."""
        x, y, width, height = room
        shown = int((height - 26) // 19)
        whole = sum(share for _, share in columns)
        starts = [x + 12 + sum(share for _, share in columns[:n]) / whole * (width - 24) for n in range(len(columns))]
        for n in range(min(shown, len(rows)) + 1):
            values = [name for name, _ in columns] if n == 0 else rows[n - 1]
            base = y + 8 + n * 19
            for at, value in zip(starts[:-1], values[:-1], strict=True):
                self.text(at, base, str(value), size=8, color=FAINT if n == 0 else INK)
            last = values[-1] if n == 0 else f"{values[-1]:,}"
            self.text(x + width - 14, base, last, size=8, ha="right", color=FAINT if n == 0 else INK)
        if len(rows) > shown:
            self.text(x + 12, y + height - 9, f"{len(rows) - shown} more rows below", size=7.5, color=FAINT)

    def save(self, path: Path) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from PIL import Image  # which matplotlib brings

        canvas = FigureCanvasAgg(self.figure)
        canvas.draw()
        size = canvas.get_width_height()
        picture = Image.frombytes("RGBA", size, bytes(canvas.buffer_rgba())).convert("RGB")
        picture.save(path, optimize=True)
        if path.stat().st_size > LARGEST:
            picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
        print(f"{path}: {path.stat().st_size // 1000} kB")


def times(axes: Any, begin: float, end: float) -> None:
    """Labels in UTC at whole half hours."""
    whole = list(range(int(begin // 1800 + 1) * 1800, int(end) + 1, 1800))
    axes.set_xlim(begin, end)
    kept = whole if axes.get_window_extent().width > 500 else whole[1::2]
    axes.set_xticks(kept, [datetime.fromtimestamp(at, timezone.utc).strftime("%H:%M") for at in kept])


def short(value: float, unit: str) -> str:
    """A number as Grafana shows it."""
    if unit == "s":
        return f"{value:.0f} s" if value < 120 else f"{value / 60:.1f} min"
    number = f"{value:,.3f}".rstrip("0").rstrip(".") if value < 10 else f"{value:,.0f}"
    return number + {"pps": " p/s", "short": ""}.get(unit, unit.removeprefix("suffix:"))


def draw_grafana(panels: list[tuple[dict[str, Any], list[Shown]]], run: Followed, path: Path) -> None:
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel, _ in panels)
    page = Page("Packets of Cloud Foundry's security groups", 24, 36, rows)
    for panel, shown in panels:
        room = page.panel(panel["gridPos"], panel["title"])
        kind: Callable[..., None] = {"timeseries": series, "stat": stat, "table": table}[panel["type"]]
        kind(page, room, panel, shown, run)
    page.save(path)


def colored(panel: dict[str, Any], shown: list[Shown]) -> list[str]:
    """The colour of each series."""
    fixed = {
        override["matcher"]["options"]: override["properties"][0]["value"]["fixedColor"]
        for override in panel["fieldConfig"]["overrides"]
    }
    return [NAMED.get(fixed.get(one.name, ""), ORDER[n % len(ORDER)]) for n, one in enumerate(shown)]


def series(page: Page, room: Any, panel: dict[str, Any], shown: list[Shown], run: Followed) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults.get("custom", {})
    colors = colored(panel, shown)
    legend = [(one.name, color) for one, color in zip(shown, colors, strict=True)]
    axes = page.plot(room, legend, left=72 if len(defaults["unit"]) > 12 else 56)
    below: dict[float, float] = {}
    for one, color in zip(shown, colors, strict=True):
        base = [below.get(at, 0.0) if "stacking" in custom else 0.0 for at in one.times]
        top = [value + under for value, under in zip(one.values, base, strict=True)]
        below.update(zip(one.times, top, strict=True))
        fill = {"color": color, "alpha": custom.get("fillOpacity", 0) / 100, "lw": 0}
        if custom.get("drawStyle") == "bars":
            axes.bar(one.times, one.values, 0.8 * (one.times[1] - one.times[0]), base, **fill)
        elif "stacking" in custom:
            axes.fill_between(one.times, base, top, **fill)
        axes.plot(one.times, top, color=color, lw=custom.get("lineWidth", 1))
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(5 if room[3] > 180 else 3))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value, defaults["unit"])))
    times(axes, run.begin, run.end)


def stat(page: Page, room: Any, panel: dict[str, Any], shown: list[Shown], run: Followed) -> None:
    x, y, width, height = room
    defaults, one = panel["fieldConfig"]["defaults"], shown[0]
    steps = defaults.get("thresholds", {}).get("steps", [])
    reached = [step["color"] for step in steps if step["value"] is None or one.values[-1] >= step["value"]]
    color = NAMED[reached[-1] if reached else defaults["color"]["fixedColor"]]
    if panel["options"]["graphMode"] == "area":
        axes = page.axes(x + 1, y + height * 0.55, width - 2, height * 0.45 - 1)
        axes.fill_between(one.times, one.values, color=color, alpha=0.15, lw=0)
        axes.plot(one.times, one.values, color=color, lw=0.8)
        axes.set(xlim=(run.begin, run.end), xticks=[], yticks=[])
        axes.set_ylim(bottom=0)
    value = short(round(one.values[-1]), defaults["unit"])
    page.text(x + width / 2, y + height * 0.38, value, size=22, ha="center", color=color, weight="bold")


def table(page: Page, room: Any, panel: dict[str, Any], shown: list[Shown], _: Followed) -> None:
    changes = panel["transformations"][0]["options"]
    columns = sorted(changes["indexByName"], key=changes["indexByName"].get)
    heads = [(changes["renameByName"].get(name, name), 1.0) for name in columns]
    rows = sorted(shown, key=lambda one: -one.values[-1])
    cells = [[*(one.labels.get(name, "") for name in columns[:-1]), round(one.values[-1])] for one in rows]
    page.table(room, heads, cells)


def draw_kibana(panels: list[Any], run: Followed, path: Path) -> None:
    rows = max(place["y"] + place["h"] for place, _, _ in panels)
    page = Page("Packets of Cloud Foundry's security groups", 48, 24, rows)
    for place, state, counted in panels:
        room = page.panel(place, state["title"])
        if state["type"] == "histogram":
            bars(page, room, state["colors"], counted, run)
        elif state["type"] == "pie":
            pie(page, room, counted)
        else:
            fields = [agg["params"]["field"] for agg in state["aggs"] if agg["type"] != "count"]
            heads = [(field, float(max(len(field), 13))) for field in fields]
            page.table(room, [*heads, ("Count", 7.0)], counted)
    page.save(path)


def bars(page: Page, room: Any, chosen: dict[str, str], counted: list[Any], run: Followed) -> None:
    names = list(dict.fromkeys(name for _, name, _ in sorted(counted, key=lambda row: -row[2])))
    colors = {name: chosen.get(name, ORDER[n % len(ORDER)]) for n, name in enumerate(names)}
    axes = page.plot(room, list(colors.items()))
    below: dict[float, float] = {}
    for name in names:
        of = {at: count for at, found, count in counted if found == name}
        axes.bar(list(of), list(of.values()), 260, [below.get(at, 0) for at in of], align="edge", color=colors[name])
        below.update({at: below.get(at, 0) + count for at, count in of.items()})
    times(axes, run.begin, run.end)


def pie(page: Page, room: Any, counted: list[Any]) -> None:
    x, y, width, height = room
    axes = page.axes(x + 20, y, width - 40, width - 40)
    axes.pie([count for _, count in counted], colors=ORDER[: len(counted)], startangle=90, counterclock=False)
    whole = sum(count for _, count in counted)
    for n, (name, count) in enumerate(counted):
        base = y + width - 22 + n * 19
        page.text(x + 24, base, "■", size=9, color=ORDER[n])
        share = f"{count / whole:.1%}" if count / whole >= 0.001 else "< 0.1%"
        page.text(x + 40, base, f"{name}  {share}", size=8)


def main(arguments: list[str]) -> int:
    """Checks and draws; returns the exit status."""
    if reason := missing():
        print(f"skipped: {reason}")
        return 0
    paths: Iterator[str] = (argument for argument in arguments if not argument.startswith("-"))
    asglog = Path(next(paths, ROOT / "target/debug/asglog")).resolve()
    foundation = Path(next(paths, ROOT / "target/debug/foundation")).resolve()
    try:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            run = follow(asglog, simulate(foundation, folder), folder)
            with prometheus(run.counts, folder) as base:
                for_grafana = grafana(base, run)
        for_kibana = kibana(run)
    except Wrong as wrong:
        print(wrong)
        return 1
    print(
        f"{len(for_grafana)} panels of Grafana and {len(for_kibana)} of Kibana show what {len(run.events)} packets tell"
    )
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        print("skipped: no pictures, because matplotlib is not installed")
        return 0
    out = DASHBOARDS if "--write" in arguments else ROOT / "target/dashboards"
    out.mkdir(parents=True, exist_ok=True)
    draw_grafana(for_grafana, run, out / "grafana.png")
    draw_kibana(for_kibana, run, out / "kibana.png")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
