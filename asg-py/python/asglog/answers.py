"""Answers: small tables in memory, computed from a large one."""

from __future__ import annotations

import datetime
import html
import re
from collections.abc import Iterator
from typing import Any, overload

from . import _asglog
from .checks import hint, kind
from .consumers import arrow_to_pandas, module
from .times import Time

__all__ = ["Answer"]

_SHOWN = 20


class Answer:
    """The result of :meth:`Table.top` and similar methods: rows in memory, one for each key.

    Arrow libraries accept it (``polars.DataFrame(answer)``). Iteration yields a ``dict`` for each
    row, with ``datetime`` for times. ``answer[0]`` is a row, ``answer[:3]`` the first rows, and
    ``answer["dst"]`` a column. A notebook shows the first 20 rows.

    >>> import asglog
    >>> flows = asglog.correlate(
    ...     b"OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=2806 "
    ...     b"DF PROTO=UDP SPT=36556 DPT=53 LEN=41 ")
    >>> flows.top(by=("dst", "dpt"))
    dst      dpt  packets  allowed  denied  bytes  first  last
    8.8.8.8   53        1        1       0     61  -      -
    """

    __slots__ = ("_native", "_tz")

    def __init__(self, native: _asglog.Answer, tz: datetime.tzinfo | None = None) -> None:
        self._native = native
        self._tz = tz

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in order."""
        return self._native.column_names()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        names = self.column_names
        return (dict(zip(names, row, strict=True)) for row in self._rows())

    def __len__(self) -> int:
        return len(self._native)

    @overload
    def __getitem__(self, key: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, key: slice) -> list[dict[str, Any]]: ...
    @overload
    def __getitem__(self, key: str) -> list[Any]: ...
    def __getitem__(self, key: int | slice | str) -> dict[str, Any] | list[dict[str, Any]] | list[Any]:
        if isinstance(key, str):
            names = self.column_names
            if key not in names:
                raise KeyError(f"there is no column {key!r}{hint(key, names)}; there are {', '.join(names)}")
            at = names.index(key)
            return [row[at] for row in self._rows()]
        if not isinstance(key, (int, slice)):
            raise TypeError(f"an answer has rows by number and columns by name, not by {kind(key)}")
        try:
            return list(self)[key]
        except IndexError:
            raise IndexError(f"there are {len(self)} rows, and no row {key}") from None

    def to_arrow(self) -> Any:
        """Returns a ``pyarrow.Table``. Raises :class:`ImportError` without pyarrow."""
        return module("pyarrow").table(self)

    def to_polars(self) -> Any:
        """Returns a ``polars.DataFrame``. Times of a zone that is an offset only are in UTC. Raises
        :class:`ImportError` without polars."""
        polars = module("polars")
        frame = polars.DataFrame(self)
        # Polars has no zones but those with names.
        name = getattr(self._tz, "key", None)
        if name is None:
            return frame
        return frame.with_columns(polars.col(column).dt.convert_time_zone(name) for column in self._times())

    def to_pandas(self) -> Any:
        """Returns a ``pandas.DataFrame`` whose whole numbers stay whole where values are missing.

        Raises :class:`ImportError` without pandas and pyarrow.
        """
        frame = arrow_to_pandas(self.to_arrow())
        if self._tz is not None:
            for name in self._times():
                frame[name] = frame[name].dt.tz_convert(self._tz)
        return frame

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Implements Arrow's PyCapsule interface. Times are in UTC."""
        return self._native.stream(requested_schema)

    def __repr__(self) -> str:
        names, rows = self.column_names, self._rows()
        return text_table(names, [[_text(value) for value in row] for row in rows[:_SHOWN]], _numbers(rows), _more(len(rows)))

    def _repr_html_(self) -> str:
        names, rows = self.column_names, self._rows()
        return html_table(names, [[_text(value) for value in row] for row in rows[:_SHOWN]], _numbers(rows), _more(len(rows)))

    def _rows(self) -> list[list[Any]]:
        rows = self._native.rows()
        if self._tz is None:
            return rows
        return [[self._local(value) for value in row] for row in rows]

    def _local(self, value: Any) -> Any:
        if not isinstance(value, datetime.datetime):
            return value
        plain = datetime.datetime.fromtimestamp(0, datetime.timezone.utc) + (value - _EPOCH)
        return plain.astimezone(self._tz)

    def _times(self) -> list[str]:
        return [name for name in self.column_names if name in ("time", "first", "last")]


_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def _numbers(rows: list[list[Any]]) -> list[bool]:
    return [any(isinstance(value, int) for value in column) for column in zip(*rows, strict=True)]


def _more(rows: int) -> str:
    if rows == 0:
        return "no rows"
    return f"… and {rows - _SHOWN} more rows" if rows > _SHOWN else ""


def text_table(names: list[str], rows: list[list[str]], numbers: list[bool], note: str) -> str:
    """Formats rows as text for people. Numbers are aligned on the right."""
    cells = [names, *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    numbers = numbers or [False] * len(names)
    lines = [
        "  ".join(
            text.rjust(width) if is_number else text.ljust(width)
            for text, width, is_number in zip(row, widths, numbers, strict=True)
        ).rstrip()
        for row in cells
    ]
    return "\n".join([*lines, note] if note else lines)


def html_table(names: list[str], rows: list[list[str]], numbers: list[bool], note: str, caption: str = "") -> str:
    """Formats rows as HTML for people. All text is escaped."""
    align = [' style="text-align:right"' if is_number else ' style="text-align:left"' for is_number in numbers]
    align = align or [' style="text-align:left"'] * len(names)

    def row(cells: list[str], tag: str) -> str:
        inside = (f"<{tag}{at}>{html.escape(cell)}</{tag}>" for cell, at in zip(cells, align, strict=True))
        return f"<tr>{''.join(inside)}</tr>"

    head = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    body = "".join(row(cells, "td") for cells in rows)
    table = f"<table>{head}<thead>{row(names, 'th')}</thead><tbody>{body}</tbody></table>"
    return f"{table}<p>{html.escape(note)}</p>" if note else table


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime.datetime) and not isinstance(value, Time):
        return value.isoformat(" ", "seconds")
    return _asglog.escape_text(str(value))


#: About 292 years in microseconds; in nanoseconds, more does not fit 64 bits.
_LONGEST = (1 << 63) // 1000

_UNITS = {
    "ms": 1_000, "milliseconds": 1_000,
    "s": 1_000_000, "sec": 1_000_000, "second": 1_000_000, "seconds": 1_000_000,
    "m": 60_000_000, "min": 60_000_000, "t": 60_000_000, "minute": 60_000_000, "minutes": 60_000_000,
    "h": 3_600_000_000, "hour": 3_600_000_000, "hours": 3_600_000_000,
    "d": 86_400_000_000, "day": 86_400_000_000, "days": 86_400_000_000,
    "w": 604_800_000_000, "week": 604_800_000_000, "weeks": 604_800_000_000,
}  # fmt: skip

#: Spans of pandas without a fixed length.
_CALENDAR = {"M", "ME", "MS", "BM", "BME", "Q", "QE", "QS", "Y", "YE", "YS", "A", "AS", "B", "C", "SM", "SME"}


def span(length: datetime.timedelta | str, name: str) -> int:
    """Returns the nanoseconds of a length of time, or of a text like ``10s``, ``5min``, ``1h``,
    ``1D``. It accepts the spellings of pandas and of polars, and lengths of pandas and NumPy."""
    like = "such as '10s', '5min', '1h' or '1D'"
    given: Any = length
    if isinstance(given, str):
        found = re.fullmatch(r"(\d*)\s*([A-Za-z]+)(?:-[A-Z]{3})?", given.strip())
        if found is not None and found[2] in _CALENDAR:
            raise ValueError(f"{name} has one length, and {given!r} has not: months, quarters and years differ; take '1D' or '1W'")
        if found is None or found[2].lower() not in _UNITS:
            raise ValueError(f"{name} is a length of time {like}, not {length!r}")
        digits = found[1] or "1"
        micros = int(digits) * _UNITS[found[2].lower()] if len(digits) < 20 else _LONGEST
    elif isinstance(given, datetime.timedelta):
        micros = given // datetime.timedelta(microseconds=1)
    elif type(given).__module__ == "numpy" and type(given).__name__ == "timedelta64":
        whole = given.astype("timedelta64[us]").item()
        if not isinstance(whole, datetime.timedelta):
            raise ValueError(f"{name} is a length of time {like}, not {length!r}")
        micros = whole // datetime.timedelta(microseconds=1)
    elif isinstance(getattr(given, "nanos", None), int):
        # A span of pandas, such as pandas.offsets.Hour(2).
        micros = given.nanos // 1000
    else:
        raise TypeError(f"{name} is a timedelta, or a text {like}, not {kind(length)}")
    if micros >= _LONGEST:
        raise ValueError(f"{name} is longer than all logs: give less than 290 years")
    return micros * 1000
