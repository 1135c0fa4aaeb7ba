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
    """Names each process by its number, and some by usual names."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words

    def resolve(self, guids: list[str], /) -> dict[str, asglog.Identity]:
        words = self.words
        found = {}
        for guid in guids:
            n = int(guid[:8], 16)
            name = words[n] if n < len(words) > 6 else f"{words[n % len(words)]}-{n}"
            found[guid] = asglog.Identity.from_dict({
                "app": {"guid": guid, "name": name}, "space": {"guid": "s", "name": f"space-{n % 7}"},
                "org": {"guid": "o", "name": f"org-{n % 3}"},
            })  # fmt: skip
        return found


ODD = ("orders", "billing", "mailer", "search", "a$b$c", "a-very-long-name-of-an-app-that-somebody-made-by-hand")

USUAL = (
    "storefront", "orders", "billing", "search", "mailer", "catalog", "payments", "accounts", "inventory", "shipping",
    "reports", "gateway", "sessions", "reviews", "images", "pricing", "audit", "import", "export", "cron",
)  # fmt: skip

#: Names of destinations.
NETWORKS = {
    "10.0.11.7": "orders-db", "10.0.11.9": "cache", "192.0.2.10": "payment-provider", "10.0.12.12": "identity",
    "10.0.0.0/24": "office", "10.0.1.0/24": "backup", "10.0.2.0/24": "monitoring", "10.0.3.0/24": "legacy",
}  # fmt: skip


def foundation(
    apps: int, words: tuple[str, ...] = ODD, networks: dict[str, str] | None = None, hours: float = 30
) -> asglog.Table[asglog.Flow]:
    """Returns flows of so many apps, from one packet of an app to thousands."""
    choose = random.Random(apps)
    lines = []
    for n in range(apps):
        handle, process = f"{n:08x}-1111-4222-8333", f"{n:08x}-0000-4000-8000-000000000000-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11"
        lines.append(
            '{"timestamp":"2024-05-06T05:00:00Z","level":"info","source":"rep","message":"rep.executing-container-operation.starting",'
            f'"data":{{"container-guid":"{handle}-{n:04x}","lrp-key":{{"process_guid":"{process}","index":0,"domain":"cf-apps"}}}}}}'
        )
        for _ in range(max(1, 400 // (n + 1))):
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
    return asglog.correlate("\n".join(lines).encode(), directory=Names(words), networks=networks)


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
    "matrix of all": lambda flows, n: flows.plot.matrix("app", "dpt", n=n),
    "matrix of destinations": lambda flows, n: flows.plot.matrix("app", "destination", n=50),
    "matrix of denials": lambda flows, n: flows.plot.matrix(measure="denied"),
}


def texts(figure: Any) -> list[tuple[str, Any]]:
    """Returns all visible texts except numbers in cells, with their boxes."""
    found = []
    renderer = figure.canvas.get_renderer()
    for axes in figure.axes + [child for parent in figure.axes for child in parent.child_axes]:
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
    """Returns pairs of texts that overlap, and texts that extend beyond the figure."""
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


def test_pictures_fit_into_axes_of_the_callers() -> None:
    figure, axes = pyplot.subplots(2, 2, figsize=(15, 11), layout="constrained")
    flows = table(300)
    flows.plot.timeline(ax=axes[0][0])
    flows.plot.top(ax=axes[0][1], n=300)
    flows.plot.matrix(ax=axes[1][0], n=300)
    table(0).plot.matrix(ax=axes[1][1])
    try:
        assert [pair for pair in collisions(figure) if pair[1] != "the edge of the figure"] == []
    finally:
        pyplot.close(figure)


def test_one_packet_is_seen_beside_many() -> None:
    flows = table(20)
    axes = flows.plot.matrix("app", "dst", n=300)
    image = axes.images[0]
    alone = image.cmap(image.norm(1))
    assert alone[:3] != (1, 1, 1) and alone != image.cmap(image.norm(2))
    assert image.get_array().mask.any(), "no packet has no colour"
    pyplot.close(axes.figure)
    axes = flows.plot.timeline("1h")
    for panel in axes.figure.axes:
        low, _high = panel.get_ylim()
        for bar in panel.patches:
            shown = panel.transData.transform([(0, max(bar.get_height(), low)), (0, low)])[:, 1]
            assert not bar.get_height() or shown[0] - shown[1] > 5, "a bar of one packet has some height"
    pyplot.close(axes.figure)


def test_what_is_not_shown_is_counted() -> None:
    flows = table(300)
    axes = flows.plot.matrix("app", "dpt", n=13)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) == 14 and labels[-1] == "… and 287 more"
    assert int(axes.images[0].get_array().compressed().sum()) == len(list(flows))
    pyplot.close(axes.figure)
    axes = flows.plot.top(n=13)
    assert [label.get_text() for label in axes.get_yticklabels()][-1] == "… and 287 more"
    assert sum(bar.get_width() for panel in axes.figure.axes for bar in panel.patches) == len(list(flows))
    pyplot.close(axes.figure)


@pytest.mark.parametrize("name", ["timeline", "matrix"])
def test_the_pictures_of_the_readme_are_there(name: str) -> None:
    path = PICTURES / f"{name}.png"
    if os.environ.get("ASG_PICTURES") == "write":
        flows = foundation(20, USUAL, NETWORKS)
        axes = flows.plot.timeline() if name == "timeline" else flows.plot.matrix("app", ("dst_name", "dpt"))
        PICTURES.mkdir(parents=True, exist_ok=True)
        axes.figure.savefig(path, dpi=100, metadata={"Software": None})
        pyplot.close(axes.figure)
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG") and len(content) < 200_000
