"""Pictures can be read: no label lies on another, with no app, one, twenty, and three hundred."""

from __future__ import annotations

import datetime
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

import asglog

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

#: Where the README's pictures are; ``ASG_PICTURES=write`` draws them anew.
PICTURES = ROOT / "docs/pictures"

START = datetime.datetime(2024, 5, 6, 6, tzinfo=datetime.timezone.utc)


class Names:
    """Calls each process by its number, and some as people call theirs."""

    def resolve(self, guids: list[str], /) -> dict[str, asglog.Identity]:
        words = ("orders", "billing", "mailer", "search", "a$b$c", "a-very-long-name-of-an-app-that-somebody-made-by-hand")
        found = {}
        for guid in guids:
            n = int(guid[:8], 16)
            name = f"{words[n % len(words)]}-{n}"
            found[guid] = asglog.Identity.from_dict({
                "app": {"guid": guid, "name": name}, "space": {"guid": "s", "name": f"space-{n % 7}"},
                "org": {"guid": "o", "name": f"org-{n % 3}"},
            })  # fmt: skip
        return found


def foundation(apps: int, hours: float = 30, packets: int | None = None) -> asglog.Table[asglog.Flow]:
    """Flows of so many apps, from one packet of an app to thousands."""
    choose = random.Random(apps)
    lines = []
    for n in range(apps):
        handle, process = f"{n:08x}-1111-4222-8333", f"{n:08x}-0000-4000-8000-000000000000-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11"
        lines.append(
            '{"timestamp":"2024-05-06T05:00:00Z","level":"info","source":"rep","message":"rep.executing-container-operation.starting",'
            f'"data":{{"container-guid":"{handle}-{n:04x}","lrp-key":{{"process_guid":"{process}","index":0,"domain":"cf-apps"}}}}}}'
        )
        for _ in range(packets if packets is not None else max(1, int(400 / (n + 1)))):
            second = choose.triangular(0, hours * 3600, hours * 2400)
            time = (START + datetime.timedelta(seconds=second)).isoformat(timespec="microseconds")
            verdict = "DENY" if choose.random() < (0.4 if 20 < second / 3600 < 21 else 0.03) else "OK"
            dst, port = choose.choice([("10.0.11.7", 5432), ("10.0.11.9", 6379), ("192.0.2.10", 443), ("10.0.12.12", 8443)])
            if choose.random() < 0.2:
                dst, port = f"10.0.{choose.randrange(4)}.{choose.randrange(250)}", choose.choice([53, 80, 443])
            lines.append(
                f"{time} cell-{n % 3} kernel: [{second + 10:.6f}] {verdict}_{handle} IN= OUT=eth0 SRC=10.255.{n // 250}.{n % 250} "
                f"DST={dst} LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID={choose.randrange(1, 60000)} DF PROTO=TCP SPT=4000 DPT={port} "
                "WINDOW=64240 RES=0x00 SYN URGP=0 "
            )
    return asglog.correlate("\n".join(lines).encode() or b"\n", directory=Names())


TABLES: dict[int, asglog.Table[asglog.Flow]] = {}


def table(apps: int) -> asglog.Table[asglog.Flow]:
    if apps not in TABLES:
        TABLES[apps] = foundation(apps) if apps else foundation(1).cache().filter(dpt=1)
        TABLES[apps] = TABLES[apps].cache()
    return TABLES[apps]


PLOTS: dict[str, Callable[[asglog.Table[Any], int], Any]] = {
    "timeline": lambda flows, n: flows.plot.timeline("1h", tz="Europe/Berlin"),
    "timeline of minutes": lambda flows, n: flows.plot.timeline("5min"),
    "timeline of days": lambda flows, n: flows.plot.timeline("1D"),
    "top": lambda flows, n: flows.plot.top(),
    "top of all": lambda flows, n: flows.plot.top(n=n),
    "top of destinations": lambda flows, n: flows.plot.top("destination", n=40),
    "matrix": lambda flows, n: flows.plot.matrix(),
    "matrix of all": lambda flows, n: flows.plot.matrix("app", "destination", n=n),
    "matrix of denials": lambda flows, n: flows.plot.matrix(measure="denied"),
}


def texts(figure: Any) -> list[tuple[str, Any]]:
    """All visible texts but numbers in cells, with their boxes."""
    found = []
    renderer = figure.canvas.get_renderer()
    for axes in figure.axes + [child for axes in figure.axes for child in axes.child_axes]:
        if not axes.axison:
            continue
        labels = [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label, axes.xaxis.offsetText, axes.yaxis.offsetText]
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            low, high = sorted(limits)
            labels += [tick.label1 for tick in axis.get_major_ticks() if tick.label1.get_visible() and low <= tick.get_loc() <= high]
        legend = axes.get_legend()
        labels += legend.get_texts() if legend else []
        for label in labels:
            if label.get_visible() and label.get_text().strip():
                found.append((label.get_text(), label.get_window_extent(renderer)))
    return found


def collisions(figure: Any) -> list[tuple[str, str]]:
    """Pairs of texts that lie on each other, and texts that stick out of the figure."""
    figure.canvas.draw()
    found = texts(figure)
    assert found
    wrong = []
    for n, (text, box) in enumerate(found):
        for other, its in found[:n]:
            if min(box.x1, its.x1) - max(box.x0, its.x0) > 1 and min(box.y1, its.y1) - max(box.y0, its.y0) > 1:
                wrong.append((text, other))
        if box.x0 < -1 or box.y0 < -1 or box.x1 > figure.bbox.x1 + 1 or box.y1 > figure.bbox.y1 + 1:
            wrong.append((text, "the edge of the figure"))
    return wrong


@pytest.mark.parametrize("apps", [0, 1, 20, 300])
@pytest.mark.parametrize("plot", PLOTS)
def test_no_label_lies_on_another(plot: str, apps: int, tmp_path: Path) -> None:
    axes = PLOTS[plot](table(apps), apps or 20)
    figure = axes.figure
    try:
        assert collisions(figure) == []
        assert figure.axes[0].get_title() or figure.axes[0]._left_title.get_text()
        for one in figure.axes:
            assert one.get_xlabel() or one.get_ylabel(), "each axis says what it shows"
        said = " ".join(text.get_text() for one in figure.axes for text in one.texts)
        if apps == 0:
            assert "no packets" in said or "none denied" in said
        folder = os.environ.get("ASG_LOOK")
        if folder:
            figure.savefig(Path(folder, f"{plot.replace(' ', '-')}-{apps}.png"), dpi=70)
    finally:
        pyplot.close(figure)
