"""Lazy tables: logs as Arrow streams, read anew each time."""

from __future__ import annotations

import datetime
import html
import operator
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, Literal, TypedDict, TypeVar, Unpack

from . import _asglog, times
from .answers import Answer, span
from .consumers import arrow_to_pandas, module
from .errors import AsgError
from .plot import Plot
from .policy import Groups, Policy, PolicySettings
from .records import Explanation, Flow, Record
from .schema import ALL, Schema

__all__ = ["Counts", "Table"]

R = TypeVar("R", Record, Flow, Explanation)

_HEAD = 10

#: The largest number of any column.
_MOST = (1 << 63) - 1


class Counts(TypedDict):
    """The counts of one reading; see :meth:`Table.counts`."""

    lines: int
    packets: int
    damaged: int
    rows: int
    sources: dict[str, dict[str, int]]


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
        ``port`` those of either side. A protocol is a name, in capitals or not, or a number. A column whose name is a word of
        Python's has a line below at its end (``in_``).

        Raises :class:`ValueError` for a column that is not there, or a value that it cannot have, and :class:`TypeError` for
        what is no value of any column.
        """
        native = self._native
        for name, wanted in conditions.items():
            values = wanted if isinstance(wanted, (list, tuple, set, frozenset)) else [wanted]
            native = native.filter(name.removesuffix("_"), [_given(value) for value in values])
        return Table(native)

    def between(self, start: datetime.datetime | str | None, end: datetime.datetime | str | None) -> Table[R]:
        """The rows not before ``start`` and before ``end``: times with a zone, or their texts. A row without a time is not
        between any. pandas' and numpy's times will do too; numpy's have no zone, and are in UTC.

        Raises :class:`ValueError` for a time without a zone, or a start behind the end, and :class:`TypeError` for what is no
        time.
        """
        return Table(self._native.between(*times.bounds(start, end)))

    def columns(self, *names: str) -> Table[R]:
        """These columns only; what is not asked for is not built. ``raw``, the line itself, comes only if asked for.

        Raises :class:`ValueError` for a column that is not there.
        """
        return Table(self._native.select(list(names)))

    def explain(self, groups: Groups | Policy, **settings: Unpack[PolicySettings]) -> Table[Explanation]:
        """These flows, each with the reason why it was allowed or denied. Iteration gives :class:`Explanation`; the columns
        are :data:`EXPLAIN_SCHEMA`. ``groups`` and ``settings`` are those of :class:`Policy`.

        Only flows with names have a space (see ``directory`` of :func:`correlate`); of others only the global groups are
        known.

        Raises :class:`AsgError` for a table that is not made by :func:`correlate`, and what :class:`Policy` raises.
        """
        policy = groups if isinstance(groups, Policy) else Policy(groups, **settings)
        return Table(self._native.explained(policy._native))

    def limit(self, n: int) -> Table[R]:
        """The first ``n`` rows. Reading ends with the last of them; what follows, such as :meth:`filter`, sees these rows only.

        Raises :class:`ValueError` for a negative number.
        """
        if n < 0:
            raise ValueError(f"n is a number of rows, not {n}")
        return Table(self._native.slice(0, n))

    def head(self, n: int = 5) -> Table[R]:
        """The first ``n`` rows, as :meth:`limit` gives them, read and kept in memory: a notebook shows them."""
        return self.limit(n).cache()

    def cache(self) -> Table[R]:
        """This table with all rows read and kept in memory (about a kilobyte each), so that further questions do not read the
        logs again. A row keeps what its columns show: records of it have no candidates, and one line of evidence.

        Raises whatever reading raises.
        """
        return Table(self._native.cached())

    @classmethod
    def from_parquet(cls, path: str | os.PathLike[str]) -> Table[Any]:
        """The table in a Parquet file that :meth:`to_parquet` or the program has written. It is read anew each time. Columns
        that are not in the file have no values; columns of other names are ignored.

        Raises :class:`OSError` if it cannot be read, and :class:`ValueError` if it is not such a table.
        """
        return Table(_asglog.Table.from_parquet(os.fspath(path)))

    def __getitem__(self, rows: slice) -> Table[R]:
        """Consecutive rows: ``table[:5]``, ``table[10:20]``, ``table[10:]``. They are counted from the start, one by one.

        Raises :class:`TypeError` for anything but a slice, and :class:`ValueError` for negative bounds or a step.
        """
        if not isinstance(rows, slice):
            what = "for a column" if isinstance(rows, str) else "for one row"
            raise TypeError(f"a table has slices such as table[:5]; {what}, use columns() or iterate")
        start = 0 if rows.start is None else operator.index(rows.start)
        stop = None if rows.stop is None else operator.index(rows.stop)
        if start < 0 or (stop is not None and stop < 0) or rows.step not in (None, 1):
            raise ValueError("rows are counted from the start, one by one")
        return Table(self._native.slice(start, None if stop is None else max(stop - start, 0)))

    def counts(self) -> Counts | None:
        """Lines, packets (damaged ones included), damaged packets and rows of the last reading that came to its end;
        ``None`` before one. Of a table with a limit, they are those until the limit.

        ``sources`` has each source with the numbers of its lines in each class:

        * ``packet``, ``evidence`` (about a container), ``logger`` (of iptables-logger), ``other``, ``damaged``;
        * ``not_understood``: with a packet's or a container's text in a form that is not understood;
        * ``not_platform``: with such a text that an app, a user or a shipper printed;
        * ``header_not_understood``: a packet whose machine and time may be missing;
        * ``over_long``: its end was skipped;
        * ``passed_over``: it holds no packet for certain, and :func:`asglog.scan` asks for packets only.
        """
        counts = self._native.counts()
        if counts is None:
            return None
        lines, packets, damaged, rows = counts
        sources: dict[str, dict[str, int]] = {}
        for name, outcomes in self._native.outcomes():
            known = sources.setdefault(name, {})
            for word, number in outcomes:
                known[word] = known.get(word, 0) + number
        return {"lines": lines, "packets": packets, "damaged": damaged, "rows": rows, "sources": sources}

    def top(self, by: str | Iterable[str] = "app", n: int | None = 10, *, measure: str = "packets") -> Answer:
        """The ``n`` largest groups of rows, or all of them: packets, how many of them were allowed and denied, their bytes, and
        the times of the first and the last.

        ``by`` names columns, or ``app`` (columns ``app``, the path of names, and ``owner``, the GUID or handle that tells it
        from others), ``destination`` (``dst``, ``dpt``, ``proto``), ``container``, ``space`` or ``org``. ``measure`` is what
        the largest are told by: ``packets``, ``bytes``, ``allowed`` or ``denied``. Where nobody is known, ``owner`` is missing.

        All rows are read once, in the memory of the groups. Raises :class:`ValueError` for a column that is not there, and
        whatever reading raises.
        """
        if n is not None and n < 0:
            raise ValueError(f"n is how many groups there are at most, not {n}")
        return Answer(self._native.top(_names(by), n, measure))

    def summary(self) -> Answer:
        """What the rows are: counts for each verdict, plane, direction, subject and protocol, for how sure the answers are and
        why, for all rows and for those that are damaged. Raises whatever reading raises."""
        return Answer(self._native.summary())

    def timeline(self, freq: datetime.timedelta | str = "1h", *, by: str | Iterable[str] = ()) -> Answer:
        """Counts by time, in pieces of ``freq``: a ``timedelta``, or a text like ``10s``, ``5min``, ``1h``, ``1d``. They begin
        at multiples of it since 1970 in UTC; pieces without rows are left out. Rows without a time are together in one row.

        ``by`` divides each further, as in :meth:`top`. Raises :class:`ValueError` for what is no length of time or column, and
        whatever reading raises.
        """
        nanos = span(freq, "freq")
        if nanos <= 0:
            raise ValueError("freq is longer than nothing")
        return Answer(self._native.timeline(nanos, _names(by)))

    def new_destinations(self, baseline: Table[Any]) -> Answer:
        """Where apps send packets that they do not in ``baseline``, another table of flows: address, port and protocol for each
        app, the first that was seen first. Packets that policies log where they come in are no app's own, and left out.

        An app is known again by its GUID; where no directory tells it, by its process's, without the version. Both tables are
        read once. Raises whatever reading raises.
        """
        return Answer(self._native.new_destinations(baseline._native))

    def denied_episodes(self, gap: datetime.timedelta | str = "5min") -> Answer:
        """Runs of denials for each app and destination: the first, the last, and how many. A run ends where nothing is denied for
        longer than ``gap``. Denials without a time are one run without times. In what order the lines stand does not matter.

        Raises :class:`ValueError` for what is no length of time, and whatever reading raises.
        """
        nanos = span(gap, "gap")
        if nanos < 0:
            raise ValueError("gap is not shorter than nothing")
        return Answer(self._native.denied_episodes(nanos))

    @property
    def plot(self) -> Plot:
        """Pictures, with matplotlib: ``table.plot.timeline()``, ``table.plot.matrix()``."""
        return Plot(self)

    def to_arrow(self) -> Any:
        """A ``pyarrow.Table``. Raises :class:`ImportError` without pyarrow, and whatever reading raises."""
        return self._into(module("pyarrow").table)

    def to_polars(self) -> Any:
        """A ``polars.DataFrame``. Raises :class:`ImportError` without polars, and whatever reading raises."""
        return self._into(module("polars").DataFrame)

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame`` whose whole numbers and booleans stay what they are where values are missing.

        Raises :class:`ImportError` without pandas and pyarrow, and whatever reading raises.
        """
        return arrow_to_pandas(self.to_arrow())

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Writes a Parquet file, in constant memory and without pyarrow.

        It is written beside and moved into place, so that a half is never seen. Raises :class:`ValueError` for a table
        without columns, whose rows Parquet cannot keep, and whatever reading or writing raises.
        """
        if not self.column_names:
            raise ValueError("Parquet needs a column to keep rows in: name one in columns()")
        self._native.write_parquet(os.fspath(path))

    def to_csv(self, path: str | os.PathLike[str], *, safe: bool = False) -> None:
        """Writes a CSV file (RFC 4180, with line feeds alone), in constant memory. Missing values are empty.

        With ``safe``, texts that spreadsheets take for formulas begin with an apostrophe: those with ``=``, ``+``, ``-``,
        ``@``, a tab or a carriage return in front. Developers choose the names of apps. The values are changed by that.

        It is written beside and moved into place, so that a half is never seen. Raises whatever reading or writing raises.
        """
        self._native.write_csv(os.fspath(path), safe)

    def to_records(
        self, standard: Literal["ecs", "ocsf", "otlp", "cef", "cim"], *, read_at: datetime.datetime | str | None = None
    ) -> Iterator[dict[str, Any] | str]:
        """Flows as records of another standard, one by one: dictionaries as ``json.loads`` gives them, or lines of CEF.

        The standards are the Elastic Common Schema 9.4.0 (``ecs``), OCSF 1.8.0 (``ocsf``), requests of OpenTelemetry logs
        with one record each (``otlp``), the Common Event Format (``cef``), and Splunk's Common Information Model 8.5
        (``cim``). Packets without Cloud Foundry's prefix have no record. An identity that is only inferred is in fields of
        our own, and in none that searches join on. ``read_at`` is when the log was read, now if not given.

        Raises :class:`ValueError` for another standard or a table without flows, and whatever reading raises.

        >>> import asglog
        >>> log = (b"[  637.582907] DENY_f00dbabe-1234-4bcd-5def IN=s-010255073009 OUT=eth0 SRC=10.255.73.9 DST=192.0.2.99 "
        ...     b"LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 DF PROTO=TCP SPT=44321 DPT=25 WINDOW=64240 RES=0x00 SYN URGP=0 ")
        >>> [event["event"]["action"] for event in asglog.correlate(log).to_records("ecs")]
        ['asg-denied']
        """
        if not self._native.has_flows():
            raise ValueError("records are of flows: asglog.correlate gives them")
        when = datetime.datetime.now(datetime.timezone.utc) if read_at is None else read_at
        return iter(self._native.objects(standard, times.nanos(when) or 0))

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """Refuses: NumPy, and ``pandas.DataFrame(table)``, would lose the types of the columns. Raises :class:`TypeError`."""
        raise TypeError("use table.to_pandas() or pandas.DataFrame.from_arrow(table), which keep the columns and their types")

    def __iter__(self) -> Iterator[R]:
        made = Explanation if self._native.is_explained() else Flow if self._native.has_flows() else Record
        make: Any = made._from
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
            rows = self._native.preview(_HEAD)
        else:
            note = "<p>Rows are known once the logs were read: iterate, or ask for a data frame.</p>"
        cells = ("".join(f"<td>{'' if text is None else html.escape(_asglog.escape_text(text))}</td>" for text in row) for row in rows)
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"

    def __arrow_c_schema__(self) -> object:
        """Arrow's PyCapsule interface."""
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Arrow's PyCapsule interface: a fresh stream from the beginning at each call.

        The types of ``requested_schema`` are given if the columns are these and nothing is lost by it; the table's own if not.
        """
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


def _names(given: str | Iterable[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _given(value: Any) -> Any:
    if isinstance(value, range):
        if value.step != 1 or not value:
            raise ValueError(f"a range of numbers has a step of 1 and is not empty: {value}")
        # No column has numbers beyond.
        return (max(value.start, -_MOST), min(value.stop - 1, _MOST))
    # An address or network; whoever has one has imported the module already.
    if type(value).__module__ == "ipaddress":
        return str(value)
    return value
