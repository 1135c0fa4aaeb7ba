"""Pictures of tables, with matplotlib."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from . import _asglog
from .consumers import module

if TYPE_CHECKING:
    from .table import Table

__all__ = ["Plot"]


class Plot:
    """``table.plot``: pictures of a table's rows. They need matplotlib: ``pip install 'asglog[plot]'``.

    Each gives the axes that it has drawn on: ``ax``, or new ones.
    """

    __slots__ = ("_table",)

    def __init__(self, table: Table[Any]) -> None:
        self._table = table

    def timeline(self, freq: datetime.timedelta | str = "1h", *, ax: Any = None) -> Any:
        """Packets by time: what was allowed, what was denied, and what no rule of Cloud Foundry's decided.

        ``freq`` is as in :meth:`Table.timeline`. Raises :class:`ImportError` without matplotlib, and whatever reading raises.
        """
        ax = _axes(ax)
        dates = module("matplotlib.dates", "plot")
        rows = [row for row in self._table.timeline(freq) if row["time"] is not None]
        times = [dates.date2num(row["time"]) for row in rows]
        width = min((b - a for a, b in zip(times, times[1:], strict=False)), default=1 / 24)
        below = [0] * len(rows)
        for what, colour in (("allowed", "tab:green"), ("denied", "tab:red"), ("other", "tab:gray")):
            heights = [row.get(what, row["packets"] - row["allowed"] - row["denied"]) for row in rows]
            if any(heights):
                ax.bar(times, heights, width=width, bottom=below, align="edge", color=colour, label=what)
            below = [a + b for a, b in zip(below, heights, strict=True)]
        ax.xaxis_date()
        ax.set_ylabel("packets")
        ax.set_xlabel("time (UTC)")
        if rows:
            ax.legend()
        return ax

    def matrix(
        self,
        rows: str | Iterable[str] = "app",
        columns: str | Iterable[str] = ("dst", "dpt"),
        *,
        n: int = 20,
        ax: Any = None,
    ) -> Any:
        """Who sent how many packets where: the ``n`` largest of ``rows`` and of ``columns``, each as in :meth:`Table.top`.

        Raises :class:`ImportError` without matplotlib, and whatever reading raises.
        """
        ax = _axes(ax)
        down, across = _names(rows), _names(columns)
        cells: dict[tuple[str, str], int] = {}
        for row in self._table.top(by=(*down, *across), n=None):
            keys = [name for name in row if name not in _SUMS]
            of = [name for name in keys if name in _shown(down)]
            at = (_label(row, of), _label(row, [name for name in keys if name not in of]))
            cells[at] = cells.get(at, 0) + row["packets"]
        ys, xs = _largest(cells, 0, n), _largest(cells, 1, n)
        shown = [[cells.get((y, x), 0) for x in xs] for y in ys]
        if shown:
            image = ax.imshow(shown, aspect="auto", norm="symlog", cmap="viridis")
            ax.figure.colorbar(image, ax=ax, label="packets")
        ax.set_yticks(range(len(ys)), labels=ys)
        ax.set_xticks(range(len(xs)), labels=xs, rotation=90)
        return ax


_SUMS = ("packets", "allowed", "denied", "bytes", "first", "last")


def _axes(ax: Any) -> Any:
    pyplot = module("matplotlib.pyplot", "plot")
    return pyplot.subplots(layout="constrained")[1] if ax is None else ax


def _names(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _shown(names: tuple[str, ...]) -> set[str]:
    """The columns that these names make."""
    made = {
        "app": ("app", "owner"),
        "destination": ("dst", "dpt", "proto"),
        "container": ("handle", "index", "process_guid"),
        "space": ("org_name", "space_name"),
        "org": ("org_name",),
    }
    return {column for name in names for column in made.get(name, (name,))}


def _label(row: dict[str, Any], names: list[str]) -> str:
    """The values of a key; an app by its GUID only if its name is not known."""
    if "owner" in names:
        names = [name for name in names if name != ("owner" if row["app"] else "app")]
    text = " ".join("-" if row[name] is None else str(row[name]) for name in names)
    # matplotlib takes text between dollars for a formula.
    return _asglog.escape_text(text).replace("$", r"\$")


def _largest(cells: dict[tuple[str, str], int], side: int, n: int) -> list[str]:
    sums: dict[str, int] = {}
    for key, packets in cells.items():
        sums[key[side]] = sums.get(key[side], 0) + packets
    return sorted(sums, key=lambda key: (-sums[key], key))[:n]
