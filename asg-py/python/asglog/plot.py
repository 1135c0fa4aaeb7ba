"""Pictures of tables, with matplotlib.

Colours are those of Okabe and Ito, which colour-blind people can distinguish too, and cividis.
Scales are logarithmic, so that one packet is visible beside a million. A figure grows with its
rows; a last row counts everything that is not shown.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from . import _asglog, checks, times
from .answers import span
from .consumers import module

if TYPE_CHECKING:
    from .table import Table

__all__ = ["Plot"]

_COLOURS = {"allowed": "#0072B2", "denied": "#D55E00", "other": "#767676"}

#: The titles of the panels.
_PANELS = {"allowed": "allowed", "denied": "denied", "other": "no verdict"}

#: The height of a row and the width of a column of a picture, in inches.
_ROW, _COLUMN = 0.26, 0.36

#: Characters of a label.
_LABEL = 40

#: Inches of a character of a label.
_LETTER = 0.085

_SUMS = ("packets", "allowed", "denied", "bytes", "first", "last")


class Plot:
    """``table.plot``: pictures of a table's rows. They need matplotlib.

    Each method returns the axes that it has drawn on: ``ax``, or those of a new figure
    (``axes.figure.savefig("a.png")``).
    """

    __slots__ = ("_table",)

    def __init__(self, table: Table[Any]) -> None:
        self._table = table

    def timeline(
        self, freq: datetime.timedelta | str = "1h", *, tz: datetime.tzinfo | str | None = None, ax: Any = None
    ) -> Any:
        """Draws packets by time: a panel for allowed packets, one for denied packets, and one for
        any that no rule of Cloud Foundry decided. Returns the uppermost axes.

        ``freq`` and ``tz`` are as in :meth:`Table.timeline`. Raises :class:`ImportError` without matplotlib, and whatever
        reading raises.
        """
        pyplot, dates = module("matplotlib.pyplot"), module("matplotlib.dates")
        length, (name, zone) = span(freq, "freq"), times.zone(tz)
        rows = list(self._table.timeline(freq, tz=tz))
        timed = [row for row in rows if row["time"] is not None]
        untimed = sum(row["packets"] for row in rows if row["time"] is None)
        counts = {
            "allowed": [row["allowed"] for row in timed],
            "denied": [row["denied"] for row in timed],
            "other": [row["packets"] - row["allowed"] - row["denied"] for row in timed],
        }
        kinds = [kind for kind in counts if kind != "other" or any(counts[kind])]
        if ax is None:
            size = (9, 1.2 + 1.6 * len(kinds))
            panels = pyplot.subplots(len(kinds), 1, sharex=True, squeeze=False, figsize=size, layout="constrained")[1][:, 0]
        else:
            panels = _inset(ax, len(kinds))
        width = length / 86_400e9
        starts = [dates.date2num(row["time"]) for row in timed]
        for panel, kind in zip(panels, kinds, strict=True):
            heights = counts[kind]
            if any(heights):
                colour = _COLOURS[kind]
                # The edge keeps a bar visible that is narrower than a dot.
                panel.bar(starts, heights, width=width, align="edge", color=colour, edgecolor=colour, linewidth=1.2)
                _logarithmic(panel.yaxis, heights)
            else:
                _empty(panel, "no packets" if not timed else f"no packets with {_PANELS[kind]}" if kind == "other" else f"none {kind}")
            panel.set_ylabel(f"{_PANELS[kind]}\npackets")
            panel.spines[["top", "right"]].set_visible(False)
        last = panels[-1]
        if timed:
            locator = dates.AutoDateLocator(tz=zone, minticks=3, maxticks=7)
            last.xaxis.set_major_locator(locator)
            last.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=zone, show_offset=False))
            room = width if len(starts) == 1 else (starts[-1] + width - starts[0]) / 50
            last.set_xlim(starts[0] - room, starts[-1] + width + room)
        else:
            last.set_xticks([])
        for panel in panels[:-1]:
            panel.tick_params(axis="x", labelbottom=False)
        words = f"time ({_plain(name)})"
        if timed:
            # The ticks do not show all days and years.
            words += f" from {timed[0]['first']:%Y-%m-%d %H:%M} to {timed[-1]['last']:%Y-%m-%d %H:%M}"
        last.set_xlabel(f"{words}; {untimed} packets more have no time" if untimed else words)
        panels[0].set_title(f"Packets per {_length(length)}")
        return panels[0]

    def top(self, by: str | Iterable[str] = "app", n: int = 20, *, ax: Any = None) -> Any:
        """Draws the ``n`` largest groups, as in :meth:`Table.top`: how many packets of each were
        allowed, and how many denied. All others are one last row.

        Raises :class:`ValueError` for a column that does not exist, :class:`ImportError` without
        matplotlib, and whatever reading raises.
        """
        pyplot = module("matplotlib.pyplot")
        names, n = checks.names(by, "by"), checks.whole(n, "n, the number of groups,")
        rows = list(self._table.top(by=names, n=None))
        if ax is not None:
            n = _fitting(ax, n, 0)
        keys = [key for key in (rows[0] if rows else {}) if key not in _SUMS]
        bars = [(_label(row, keys), row) for row in rows[:n]]
        rest = rows[n:]
        if rest:
            sums = {what: sum(row[what] for row in rest) for what in ("packets", "allowed", "denied")}
            bars.append((f"… and {len(rest)} more", sums))
        if ax is None:
            longest = max((len(label) for label, _ in bars), default=0)
            size = (6 + _LETTER * longest, 1.4 + _ROW * max(len(bars), 6))
            left, right = pyplot.subplots(1, 2, sharey=True, figsize=size, layout="constrained")[1]
        else:
            left, right = _inset(ax, 2, is_side_by_side=True)
        for panel, kind in ((left, "allowed"), (right, "denied")):
            lengths = [row[kind] for _, row in bars]
            places = range(len(bars))
            if any(lengths):
                panel.barh(places, lengths, color=_COLOURS[kind], height=0.7)
                _logarithmic(panel.xaxis, lengths)
            else:
                _empty(panel, f"none {kind}" if bars else "no packets")
            panel.set_xlabel(f"{kind} packets")
            panel.spines[["top", "right"]].set_visible(False)
        left.set_yticks(range(len(bars)), labels=[label for label, _ in bars], fontsize=9)
        right.tick_params(axis="y", left=False, labelleft=False)
        left.set_ylim(max(len(bars), 1) - 0.5, -0.5)
        right.set_ylim(left.get_ylim())
        left.set_ylabel(_called(names))
        left.set_title(f"Packets by {_called(names)}", loc="left")
        return left

    def matrix(
        self,
        rows: str | Iterable[str] = "app",
        columns: str | Iterable[str] = ("dst", "dpt"),
        *,
        n: int = 20,
        measure: Literal["packets", "allowed", "denied"] = "packets",
        ax: Any = None,
    ) -> Any:
        """Draws a matrix of packet counts, by default of apps by destinations: the ``n`` largest of
        ``rows`` and of ``columns``, each as in :meth:`Table.top`, and all others together in a last
        row and a last column.

        Raises :class:`ImportError` without matplotlib, and whatever reading raises.
        """
        pyplot, colors = module("matplotlib.pyplot"), module("matplotlib.colors")
        down, across = checks.names(rows, "rows"), checks.names(columns, "columns")
        n = checks.whole(n, "n, the number of rows,")
        if measure not in ("packets", "allowed", "denied"):
            raise ValueError(f"the measure is packets, allowed or denied, not {measure!r}{checks.hint(str(measure), _SUMS)}")
        n_down, n_across = (n, n) if ax is None else (_fitting(ax, n, 0), _fitting(ax, n, 1))
        cells: dict[tuple[tuple[Any, ...], tuple[Any, ...]], int] = {}
        shown: dict[tuple[Any, ...], str] = {}
        for row in self._table.top(by=(*down, *across), n=None):
            if not row[measure]:
                continue
            keys = [name for name in row if name not in _SUMS]
            of = [name for name in keys if name in _shown(down)]
            sides = (of, [name for name in keys if name not in of])
            at = tuple((side, *(row[name] for name in names)) for side, names in enumerate(sides))
            shown |= {key: _label(row, names) for key, names in zip(at, sides, strict=True)}
            cells[at[0], at[1]] = cells.get((at[0], at[1]), 0) + row[measure]
        ys, y_of = _largest(cells, 0, n_down, shown)
        xs, x_of = _largest(cells, 1, n_across, shown)
        counts = [[0] * len(xs) for _ in ys]
        for (y, x), packets in cells.items():
            counts[y_of[y]][x_of[x]] += packets
        if ax is None:
            wide, high = _COLUMN * max(len(xs), 6), _ROW * max(len(ys), 6)
            size = (
                2.6 + wide + _LETTER * max(map(len, ys), default=0),
                1.6 + high + _LETTER * max(map(len, xs), default=0),
            )
            ax = pyplot.subplots(figsize=size, layout="constrained")[1]
        else:
            high = _inches(ax, 0)
        most = max((max(row) for row in counts), default=0)
        what = {"packets": "Packets"}.get(measure, f"{measure.capitalize()} packets")
        if most:
            norm = colors.LogNorm(1, max(most, 10))
            seen = [[count or float("nan") for count in row] for row in counts]
            image = ax.imshow(seen, aspect="auto", norm=norm, cmap="cividis_r")
            _write(ax, counts, norm)
            bar = ax.figure.colorbar(image, ax=ax, label=f"{what.lower()} (logarithmic)", shrink=min(1, 3 / high), anchor=(0, 1))
            bar.ax.yaxis.set_major_formatter(_plain_number)
            bar.ax.minorticks_off()
            ax.set_xticks(range(len(xs)), labels=xs, rotation=90, fontsize=9)
            ax.set_yticks(range(len(ys)), labels=ys, fontsize=9)
            ax.set_xticks([x + 0.5 for x in range(len(xs) - 1)], minor=True)
            ax.set_yticks([y + 0.5 for y in range(len(ys) - 1)], minor=True)
            ax.grid(which="minor", color="#dddddd", linewidth=0.5)
            ax.tick_params(which="minor", length=0)
        else:
            _empty(ax, "no packets" if measure == "packets" else f"none {measure}")
            ax.set_xticks([])
        ax.set_xlabel(_called(across))
        ax.set_ylabel(_called(down))
        ax.set_title(f"{what} of each {_called(down)} by {_called(across)}", loc="left", fontsize=11)
        return ax


def _inches(ax: Any, side: int) -> float:
    """Returns the height or the width of the caller's axes."""
    box = ax.get_window_extent().transformed(ax.figure.dpi_scale_trans.inverted())
    return float(box.width if side else box.height)


def _fitting(ax: Any, n: int, side: int) -> int:
    """Returns how many rows or columns are readable in the caller's axes. Labels take about a half
    of them."""
    return max(1, min(n, int(_inches(ax, side) * 0.5 / 0.16) - 1))


def _inset(ax: Any, n: int, is_side_by_side: bool = False) -> list[Any]:
    """Returns panels inside the caller's axes."""
    ax.set_axis_off()
    part = 1 / n
    if is_side_by_side:
        return [ax.inset_axes((k * part + 0.02 * k, 0, part - 0.04, 1)) for k in range(n)]
    places = [(0, 1 - (k + 1) * part + 0.03, 1, part - 0.06) for k in range(n)]
    first = ax.inset_axes(places[0])
    return [first, *(ax.inset_axes(place, sharex=first) for place in places[1:])]


def _logarithmic(axis: Any, counts: list[int]) -> None:
    """Sets a scale from one packet to the most, on which one packet is a bar."""
    ticker = module("matplotlib.ticker")
    ax, name = axis.axes, axis.axis_name
    most = max(counts)
    if most > 20:
        getattr(ax, f"set_{name}scale")("log")
        getattr(ax, f"set_{name}lim")(0.5, most * 1.6)
        axis.set_major_locator(ticker.LogLocator(numticks=5))
        axis.set_minor_locator(ticker.NullLocator())
    else:
        getattr(ax, f"set_{name}lim")(0, most * 1.1)
        axis.set_major_locator(ticker.MaxNLocator(nbins=4, integer=True))
    axis.set_major_formatter(_plain_number)


def _plain_number(number: float, _: object = None) -> str:
    """``20``, ``3 k``, ``1.5 M``."""
    for size, letter in ((10**9, " G"), (10**6, " M"), (10**3, " k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"


def _write(ax: Any, counts: list[list[int]], norm: Any) -> None:
    """Writes numbers into cells, unless there are too many to be readable."""
    if len(counts) * len(counts[0]) > 2500 or _inches(ax, 1) / len(counts[0]) < 0.25:
        return
    for y, row in enumerate(counts):
        for x, count in enumerate(row):
            if count:
                colour = "white" if norm(count) > 0.55 else "black"
                ax.text(x, y, _plain_number(count).replace(" ", ""), ha="center", va="center", fontsize=6.5, color=colour)


def _empty(ax: Any, sentence: str) -> None:
    ax.text(0.5, 0.5, sentence, transform=ax.transAxes, ha="center", va="center", color="#555555")
    ax.set_yticks([])


def _length(nanos: int) -> str:
    """``5 minutes``, ``hour``, ``2 days``."""
    seconds = nanos / 1e9
    for unit, size in (("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return unit if count == 1 else f"{count} {unit}s"
    return "second" if seconds == 1 else f"{seconds:g} seconds"


def _called(names: list[str]) -> str:
    words = {
        "app": "app", "dst": "destination", "dpt": "port", "src": "source", "spt": "source port", "proto": "protocol",
        "destination": "destination, port and protocol", "org_name": "org", "space_name": "space", "app_name": "app",
        "dst_name": "destination", "space": "org and space",
    }  # fmt: skip
    called = [words.get(name, name) for name in names]
    return called[0] if len(called) == 1 else f"{', '.join(called[:-1])} and {called[-1]}" if called else "all"


def _shown(names: list[str]) -> set[str]:
    """Returns the columns that these names mean."""
    made = {
        "app": ("app", "owner"),
        "destination": ("dst", "dst_name", "dpt", "proto"),
        "container": ("handle", "index", "process_guid"),
        "space": ("org_name", "space_name"),
        "org": ("org_name",),
    }
    return {column for name in names for column in made.get(name, (name,))}


def _label(row: dict[str, Any], names: list[str]) -> str:
    """Returns the values of a key; an app is shown by its GUID only if its name is unknown."""
    if "owner" in names:
        names = [name for name in names if name != ("owner" if row["app"] else "app")]
        if row["app"] is None and row["owner"] is None:
            return "nobody who is known"
    text = " ".join(str(row[name]) for name in names if row[name] is not None) or "-"
    where = [name for name in ("dst_name", "dst") if name in names]
    if where and "dpt" in names:
        # As people write it, by the caller's name if there is one.
        dst = next((str(row[name]) for name in where if row[name] is not None), "-")
        port = "" if row["dpt"] is None else f":{row['dpt']}"
        dst = f"[{dst}]" if port and ":" in dst else dst
        text = " ".join([f"{dst}{port}", *(str(row[name]) for name in names if name not in (*where, "dpt") and row[name] is not None)])
    text = _asglog.escape_text(text)
    if len(text) > _LABEL:
        # The end of a path is the app's own name.
        text = f"{text[: _LABEL // 3]}…{text[-(_LABEL - _LABEL // 3 - 1) :]}"
    return _plain(text)


def _plain(text: str) -> str:
    """Escapes dollars, because matplotlib would take them for the ends of a formula."""
    return text.replace("$", r"\$")


def _largest(
    cells: dict[tuple[tuple[Any, ...], tuple[Any, ...]], int], side: int, n: int, shown: dict[tuple[Any, ...], str]
) -> tuple[list[str], dict[tuple[Any, ...], int]]:
    """Returns the labels of the largest keys of a side, one label for all others, and the place of
    each key."""
    sums: dict[tuple[Any, ...], int] = {}
    for key, packets in cells.items():
        sums[key[side]] = sums.get(key[side], 0) + packets
    order = sorted(sums, key=lambda key: (-sums[key], shown[key], str(key)))
    labels = [shown[key] for key in order[:n]]
    if len(order) > n:
        labels.append(f"… and {len(order) - n} more")
    return labels, {key: min(place, n) for place, key in enumerate(order)}
