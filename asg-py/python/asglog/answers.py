"""Answers: small tables, in memory, that a large one was asked for."""

from __future__ import annotations

import datetime
import html
import re
from collections.abc import Iterator
from typing import Any

from . import _asglog
from .consumers import arrow_to_pandas, module

__all__ = ["Answer"]

_SHOWN = 20


class Answer:
    """What :meth:`Table.top` and its like give: rows in memory, of which there are as many as there are different keys.

    It goes wherever Arrow does (``polars.DataFrame(answer)``); iterating gives a ``dict`` for each row, with
    ``datetime`` for times.

    >>> import asglog
    >>> flows = asglog.correlate(
    ...     b"OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=2806 "
    ...     b"DF PROTO=UDP SPT=36556 DPT=53 LEN=41 ")
    >>> flows.top(by=("dst", "dpt"))
    dst      dpt  packets  allowed  denied  bytes  first  last
    8.8.8.8   53        1        1       0     61  -      -
    """

    __slots__ = ("_native",)

    def __init__(self, native: _asglog.Answer) -> None:
        self._native = native

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in their order."""
        return self._native.column_names()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        names = self.column_names
        return (dict(zip(names, row, strict=True)) for row in self._native.rows())

    def __len__(self) -> int:
        return len(self._native)

    def to_arrow(self) -> Any:
        """A ``pyarrow.Table``. Raises :class:`ImportError` without pyarrow."""
        return module("pyarrow").table(self)

    def to_polars(self) -> Any:
        """A ``polars.DataFrame``. Raises :class:`ImportError` without polars."""
        return module("polars").DataFrame(self)

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame`` whose whole numbers stay what they are where values are missing.

        Raises :class:`ImportError` without pandas and pyarrow.
        """
        return arrow_to_pandas(self.to_arrow())

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Arrow's PyCapsule interface."""
        return self._native.stream(requested_schema)

    def __repr__(self) -> str:
        names, rows = self.column_names, self._native.rows()
        numbers = [any(isinstance(row[n], int) for row in rows) for n in range(len(names))]
        cells = [names, *([_text(value) for value in row] for row in rows[:_SHOWN])]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(
                text.rjust(width) if is_number else text.ljust(width)
                for text, width, is_number in zip(row, widths, numbers, strict=True)
            ).rstrip()
            for row in cells
        ]
        if len(rows) > _SHOWN:
            lines.append(f"… and {len(rows) - _SHOWN} rows more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.column_names)
        rows = self._native.rows()
        cells = ("".join(f"<td>{html.escape(_text(value))}</td>" for value in row) for row in rows[:_SHOWN])
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        more = f"<p>… and {len(rows) - _SHOWN} rows more</p>" if len(rows) > _SHOWN else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _text(value: object) -> str:
    return "-" if value is None else _asglog.escape_text(str(value))


#: About 292 years in microseconds; more nanoseconds are not counted.
_LONGEST = (1 << 63) // 1000

_UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def span(length: datetime.timedelta | str, name: str) -> int:
    """Nanoseconds of a length of time, or of a text like ``10s``, ``5min``, ``1h``, ``1d``."""
    if isinstance(length, str):
        found = re.fullmatch(r"(\d*)\s*([a-z]+)", length.strip())
        if found is None or found[2] not in _UNITS:
            raise ValueError(f"{name} is a length of time such as '10s', '5min', '1h' or '1d', not {length!r}")
        digits = found[1] or "1"
        micros = int(digits) * _UNITS[found[2]] * 1_000_000 if len(digits) < 20 else _LONGEST
    elif isinstance(length, datetime.timedelta):
        micros = length // datetime.timedelta(microseconds=1)
    else:
        raise TypeError(f"{name} is a timedelta, or a text such as '10s', '5min', '1h' or '1d', not {type(length).__name__}")
    if micros >= _LONGEST:
        raise ValueError(f"{name} is longer than all logs: give less than 290 years")
    return micros * 1000
