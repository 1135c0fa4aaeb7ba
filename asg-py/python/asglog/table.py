"""Lazy tables: logs as Arrow streams, read anew each time."""

from __future__ import annotations

import datetime
import os
from importlib import import_module
from typing import Any

from . import _asglog

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class Table:
    """Packets of logs. Nothing is read before rows are asked for; each stream reads from the beginning."""

    __slots__ = ("_native",)

    def __init__(self, native: _asglog.Table) -> None:
        self._native = native

    @property
    def column_names(self) -> list[str]:
        """The columns, in their order."""
        return self._native.column_names()

    def filter(self, **conditions: Any) -> Table:
        """The rows in which each named column has the value, or one of a list of values.

        Addresses may be networks (``dst="10.0.0.0/8"``), and ``None`` stands for a missing value.
        """
        native = self._native
        for name, wanted in conditions.items():
            native = native.filter(name, list(wanted) if isinstance(wanted, (list, set, frozenset)) else [wanted])
        return Table(native)

    def between(self, start: datetime.datetime | None, end: datetime.datetime | None) -> Table:
        """The rows not before ``start`` and before ``end``; both must have a time zone."""
        return Table(self._native.between(_nanos(start), _nanos(end)))

    def columns(self, *names: str) -> Table:
        """These columns only; what is not asked for is not built. ``raw``, the line itself, comes only if asked for."""
        return Table(self._native.select(list(names)))

    def counts(self) -> dict[str, int] | None:
        """Lines, packets, damaged packets and rows of the last reading that came to its end; ``None`` before one."""
        counts = self._native.counts()
        return None if counts is None else dict(zip(("lines", "packets", "damaged", "rows"), counts, strict=True))

    def __arrow_c_schema__(self) -> object:
        return self._native.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._native.__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> Any:
        """A pyarrow table."""
        return import_module("pyarrow").table(self)

    def to_polars(self) -> Any:
        """A polars data frame."""
        return import_module("polars").DataFrame(self)

    def to_pandas(self) -> Any:
        """A pandas data frame."""
        return import_module("pandas").DataFrame.from_arrow(self)

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Writes a Parquet file, in constant memory and without pyarrow."""
        self._native.write_parquet(os.fspath(path))


def _nanos(time: datetime.datetime | None) -> int | None:
    if time is None:
        return None
    if time.tzinfo is None:
        raise ValueError("the time has no zone: give it one, such as datetime.timezone.utc")
    return (time - _EPOCH) // datetime.timedelta(microseconds=1) * 1000
