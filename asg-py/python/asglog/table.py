"""Lazy tables: logs as Arrow streams, read anew each time."""

from __future__ import annotations

import datetime
import html
import os
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Generic, TypeVar

from . import _asglog
from .errors import AsgError
from .records import Flow, Record
from .schema import ALL, Schema
from .times import nanos

__all__ = ["Table"]

R = TypeVar("R", Record, Flow)

_HEAD = 10


class Table(Generic[R]):
    """Packets of logs, one a row. :func:`asglog.scan` and :func:`asglog.correlate` make them.

    Nothing is read before rows are asked for, and each time they are, the logs are read from the beginning, in batches,
    with filters applied before a row is built. A table goes wherever Arrow does: ``polars.DataFrame(table)``,
    ``pyarrow.table(table)``, ``duckdb.sql("select … from table")``, ``pandas.DataFrame.from_arrow(table)``. To iterate over
    it gives records (of flows, if it is correlated), whatever columns are chosen.

    >>> import asglog
    >>> table = asglog.scan(
    ...     b"OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=2806 "
    ...     b"DF PROTO=UDP SPT=36556 DPT=53 LEN=41 ")
    >>> [record.packet.dst for record in table.filter(dpt=53)]
    ['8.8.8.8']
    """

    __slots__ = ("_native",)

    def __init__(self, native: _asglog.Table) -> None:
        self._native = native

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in their order."""
        return self._native.column_names()

    @property
    def schema(self) -> Schema:
        """The columns, in their order."""
        return Schema([ALL[name] for name in self.column_names])

    def filter(self, **conditions: Any) -> Table[R]:
        """The rows in which each named column has the value, or one of a list of values.

        Addresses may be networks (``dst="10.0.0.0/8"``), numbers ranges (``dpt=range(1024, 65536)``), handles the beginning
        of one, and ``None`` stands for a missing value. ``app``, ``space`` and ``org`` are a name or a GUID, ``address`` and
        ``port`` those of either side. A column whose name is a word of Python's has a line below at its end (``in_``).

        Raises :class:`ValueError` for a column that is not there, or a value that it cannot have.
        """
        native = self._native
        for name, wanted in conditions.items():
            values = wanted if isinstance(wanted, (list, tuple, set, frozenset)) else [wanted]
            native = native.filter(name.removesuffix("_"), [_given(value) for value in values])
        return Table(native)

    def between(self, start: datetime.datetime | str | None, end: datetime.datetime | str | None) -> Table[R]:
        """The rows not before ``start`` and before ``end``: times with a zone, or their texts. A row without a time is not
        between any.

        Raises :class:`ValueError` for a time without a zone.
        """
        return Table(self._native.between(nanos(start), nanos(end)))

    def columns(self, *names: str) -> Table[R]:
        """These columns only; what is not asked for is not built. ``raw``, the line itself, comes only if asked for.

        Raises :class:`ValueError` for a column that is not there.
        """
        return Table(self._native.select(list(names)))

    def counts(self) -> dict[str, int] | None:
        """Lines, packets (damaged ones included), damaged packets and rows of the last reading that came to its end;
        ``None`` before one."""
        counts = self._native.counts()
        return None if counts is None else dict(zip(("lines", "packets", "damaged", "rows"), counts, strict=True))

    def to_arrow(self) -> Any:
        """A ``pyarrow.Table``. Raises :class:`ImportError` without pyarrow, and whatever reading raises."""
        return self._into(_module("pyarrow").table)

    def to_polars(self) -> Any:
        """A ``polars.DataFrame``. Raises :class:`ImportError` without polars, and whatever reading raises."""
        return self._into(_module("polars").DataFrame)

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame`` whose whole numbers and booleans stay what they are where values are missing.

        Raises :class:`ImportError` without pandas and pyarrow, and whatever reading raises.
        """
        pandas, arrow = _module("pandas"), _module("pyarrow")
        types = {
            arrow.int32(): pandas.Int32Dtype(),
            arrow.int64(): pandas.Int64Dtype(),
            arrow.bool_(): pandas.BooleanDtype(),
        }
        return self.to_arrow().to_pandas(types_mapper=types.get)

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Writes a Parquet file, in constant memory and without pyarrow.

        It is written beside and moved into place, so that a half is never seen. Raises whatever reading or writing raises.
        """
        self._native.write_parquet(os.fspath(path))

    def __iter__(self) -> Iterator[R]:
        make: Any = (Flow if self._native.has_flows() else Record)._from
        for row in self._native.objects():
            yield make(row)

    def __len__(self) -> int:
        counts = self._native.counts()
        if counts is None:
            # What asks for a hint, such as list(), does without.
            raise TypeError("the number of rows is known once they were read")
        return counts[3]

    def __bool__(self) -> bool:
        raise TypeError("whether a table has rows is known once they were read: see counts()")

    def __repr__(self) -> str:
        counts = self._native.counts()
        rows = "not read yet" if counts is None else f"{counts[3]} rows"
        kind = "flows" if self._native.has_flows() else "packets"
        return f"<asglog.Table of {kind}: {len(self.column_names)} columns, {rows}>"

    def _repr_html_(self) -> str:
        caption = f"<caption>{html.escape(repr(self))}</caption>"
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.column_names)
        rows: list[list[str | None]] = []
        note = ""
        if self._native.is_ready():
            rows = self._native.head(_HEAD)
        else:
            note = "<p>Rows are known once the logs were read: iterate, or ask for a data frame.</p>"
        cells = ("".join(f"<td>{'' if text is None else html.escape(text)}</td>" for text in row) for row in rows)
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"

    def __arrow_c_schema__(self) -> object:
        """Arrow's PyCapsule interface."""
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Arrow's PyCapsule interface: a fresh stream from the beginning at each call."""
        return self._native.stream(requested_schema)

    def _into(self, consume: Callable[[Any], Any]) -> Any:
        """Hands a stream to a consumer; what reading raises comes out as it was raised."""
        once = _Once(self._native)
        try:
            return consume(once)
        except Exception as error:
            if once.failures:
                raise once.failures[0] from None
            raise AsgError(f"the stream was not taken: {error}") from error


class _Once:
    """One stream that remembers what went wrong."""

    def __init__(self, native: _asglog.Table) -> None:
        self.native = native
        self.failures: list[BaseException] = []

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.native.stream(requested_schema, self.failures)


def _given(value: Any) -> Any:
    if isinstance(value, range):
        if value.step != 1 or not value:
            raise ValueError(f"a range of numbers has a step of 1 and is not empty: {value}")
        return (value.start, value.stop - 1)
    # An address or network; whoever has one has imported the module already.
    if type(value).__module__ == "ipaddress":
        return str(value)
    return value


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(f"this needs {name}: pip install 'asglog[{name}]'", name=name) from error
