"""Lazy tables: logs as Arrow streams, read anew each time."""

from __future__ import annotations

import datetime
import operator
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Literal, TypedDict, TypeVar, Unpack

from . import _asglog, checks, times
from .answers import Answer, html_table, span, text_table
from .consumers import arrow_to_pandas, module
from .errors import AsgError, AsgWarning
from .plot import Plot
from .policy import Groups, Policy, PolicySettings
from .schema import ALL, Schema

if TYPE_CHECKING:
    from .records import Explanation, Flow, Record

__all__ = ["Counts", "Table"]

R = TypeVar("R", "Record", "Flow", "Explanation")

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

    Nothing is read until rows are needed. Then the logs are read from the beginning each time, in
    batches, and filters apply before a row is built. A notebook shows the first rows, for which at
    most the beginning is read.

    Arrow libraries accept a table: ``polars.DataFrame(table)``, ``pyarrow.table(table)``,
    ``duckdb.sql("select … from table")``; for pandas, use :meth:`to_pandas`. Iteration yields
    records (of flows, if it is correlated), whatever columns are chosen.

    >>> import asglog
    >>> table = asglog.scan(
    ...     b"OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=2806 "
    ...     b"DF PROTO=UDP SPT=36556 DPT=53 LEN=41 ")
    >>> [record.packet.dst for record in table.filter(dpt=53)]
    ['8.8.8.8']
    """

    __slots__ = ("_hints", "_is_kept", "_native")

    def __init__(self, native: _asglog.Table, *, hints: bool = False, is_kept: bool = False) -> None:
        self._native = native
        #: Whether to warn of logs without packets. Parts of logs may have none.
        self._hints = hints
        #: Whether its rows are in memory.
        self._is_kept = is_kept

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in order."""
        return self._native.column_names()

    @property
    def schema(self) -> Schema:
        """The columns, in order."""
        return Schema([ALL[name] for name in self.column_names])

    def filter(self, **conditions: Any) -> Table[R]:
        """Returns the rows in which each named column has the value, or one of a list of values.

        Addresses may be networks (``dst="10.0.0.0/8"``), numbers may be ranges
        (``dpt=range(1024, 65536)``), and a handle may be its beginning only. ``None`` means a
        missing value. ``app``, ``space`` and ``org`` take a name or a GUID; ``address`` and
        ``port`` are those of either side. A protocol is a name, in capitals or not, or a number. A
        column whose name is a Python keyword has a trailing underscore (``in_``).

        Raises :class:`ValueError` for a column that does not exist, or a value that it cannot have,
        and :class:`TypeError` for a type that no column has.
        """
        native = self._native
        for name, wanted in conditions.items():
            if not isinstance(wanted, (list, tuple, set, frozenset)) and hasattr(wanted, "dtype") and hasattr(wanted, "tolist"):
                # A column of another frame, or an array.
                wanted = wanted.tolist()
            values = wanted if isinstance(wanted, (list, tuple, set, frozenset)) else [wanted]
            if not values:
                raise ValueError(f"{name} has no value to be compared with: the list is empty")
            try:
                native = native.filter(name.removesuffix("_"), [_given(value) for value in values])
            except ValueError as error:
                raise ValueError(self._with_columns(str(error))) from None
        return self._of(native)

    def between(self, start: datetime.datetime | str | None, end: datetime.datetime | str | None) -> Table[R]:
        """Returns the rows from ``start`` up to, not including, ``end``: times with a zone, or
        their texts. Rows without a time are left out. Times of pandas and NumPy are accepted too;
        those of NumPy have no zone, and are in UTC.

        Raises :class:`ValueError` for a time without a zone, or a start after the end, and
        :class:`TypeError` for anything but a time.
        """
        return self._of(self._native.between(*times.bounds(start, end)))

    def columns(self, *names: str | Iterable[str]) -> Table[R]:
        """Returns a table of these columns only, in this order; other columns are not built.
        ``raw``, the line itself, is only present if it is named here. Names of several columns are
        accepted as in :meth:`top` (``destination``, ``space``), and so are lists of names.
        ``column_names`` has the columns that exist.

        Raises :class:`ValueError` for a column that does not exist.
        """
        wanted = [name for given in names for name in checks.names(given, "columns")]
        try:
            return self._of(self._native.select(wanted))
        except ValueError as error:
            raise ValueError(self._with_columns(str(error))) from None

    def explain(self, groups: Groups | Policy, **settings: Unpack[PolicySettings]) -> Table[Explanation]:
        """Returns these flows, each with the reason why it was allowed or denied. Iteration yields
        :class:`Explanation`; the columns are :data:`EXPLAIN_SCHEMA`. ``groups`` and ``settings``
        are those of :class:`Policy`.

        Only flows with names have a space (see ``directory`` of :func:`correlate`); for others only
        the global groups are known.

        Raises :class:`AsgError` for a table that :func:`correlate` did not make, and whatever
        :class:`Policy` raises.
        """
        if isinstance(groups, Policy) and settings:
            raise TypeError(f"the policy has its settings already: give {', '.join(settings)} to asglog.Policy")
        policy = groups if isinstance(groups, Policy) else Policy(groups, **settings)
        return Table(self._native.explained(policy._native), hints=self._hints)

    def limit(self, n: int) -> Table[R]:
        """Returns the first ``n`` rows. Reading ends with the last of them; methods of the result,
        such as :meth:`filter`, see these rows only.

        Raises :class:`ValueError` for a negative number.
        """
        return Table(self._native.slice(0, checks.whole(n, "n, a number of rows,")), is_kept=self._is_kept)

    def head(self, n: int = 5) -> Table[R]:
        """Reads the first ``n`` rows, as in :meth:`limit`, and keeps them in memory: a notebook
        shows them."""
        return self.limit(n).cache()

    def cache(self) -> Table[R]:
        """Reads all rows and keeps them in memory (about a kilobyte each), so that further
        questions do not read the logs again. A row keeps the values of its columns: records of it
        have no candidates, and one line of evidence.

        Raises whatever reading raises.
        """
        kept = self._native.cached()
        self._look()
        return Table(kept, is_kept=True)

    @classmethod
    def from_parquet(cls, path: str | os.PathLike[str]) -> Table[Any]:
        """Returns the table in a Parquet file that :meth:`to_parquet` or the program has written.
        The file is read each time. Columns that are not in the file have no values; columns of
        other names are ignored.

        Raises :class:`OSError` if the file cannot be read, and :class:`ValueError` if it is not
        such a table.
        """
        return Table(_asglog.Table.from_parquet(checks.path(path)))

    def __getitem__(self, rows: slice) -> Table[R]:
        """Returns consecutive rows: ``table[:5]``, ``table[10:20]``, ``table[10:]``. They are
        counted from the start, one by one.

        Raises :class:`TypeError` for anything but a slice, and :class:`ValueError` for negative bounds or a step.
        """
        if not isinstance(rows, slice):
            what = "for a column" if isinstance(rows, str) else "for one row"
            raise TypeError(f"a table has slices such as table[:5]; {what}, use columns() or iterate")
        try:
            start = 0 if rows.start is None else operator.index(rows.start)
            stop = None if rows.stop is None else operator.index(rows.stop)
        except TypeError:
            raise TypeError(f"rows are counted: table[:5], and not table[{rows.start!r}:{rows.stop!r}]; for times, use between()") from None
        if start < 0 or (stop is not None and stop < 0) or rows.step not in (None, 1):
            raise ValueError("rows are counted from the start, one by one")
        most = None if stop is None else min(max(stop - start, 0), _MOST)
        return Table(self._native.slice(min(start, _MOST), most), is_kept=self._is_kept)

    def counts(self) -> Counts | None:
        """Returns the numbers of lines, packets (damaged ones included), damaged packets and rows
        of the last complete reading; ``None`` before one. With a limit, they are those up to the
        limit.

        ``sources`` has the number of lines in each class, for each source:

        * ``packet``, ``evidence`` (about a container), ``logger`` (of iptables-logger), ``other``, ``damaged``;
        * ``encoded``: with a text in base64, as a store passes lines on, which is not read;
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
        """Returns the ``n`` largest groups of rows, or all of them: packets, how many of them were
        allowed and denied, their bytes, and the times of the first and the last.

        ``by`` names columns, or ``app`` (columns ``app``, the path of names, and ``owner``, its
        GUID or handle), ``destination`` (``dst``, ``dpt``, ``proto``), ``container``, ``space`` or
        ``org``. ``measure`` orders the groups: ``packets``, ``bytes``, ``allowed`` or ``denied``.
        ``owner`` is missing if no owner is known. The bytes are those of the logged packets, which
        begin connections: they do not measure traffic.

        All rows are read once; memory grows with the groups. Raises :class:`ValueError` for a
        column that does not exist, and whatever reading raises.
        """
        most = None if n is None else checks.whole(n, "n, the number of groups,")
        by, measure = checks.names(by, "by"), checks.text(measure, "measure")
        return self._answer(lambda: self._native.top(by, most, measure))

    def summary(self) -> Answer:
        """Counts the rows by verdict, plane, direction, subject and protocol, by certainty and
        reason, all of them and the damaged ones. Raises whatever reading raises."""
        return self._answer(self._native.summary)

    def timeline(
        self,
        freq: datetime.timedelta | str = "1h",
        *,
        by: str | Iterable[str] = (),
        tz: datetime.tzinfo | str | None = None,
    ) -> Answer:
        """Counts packets by time, in intervals of ``freq``: a ``timedelta``, or a text like
        ``10s``, ``5min``, ``1h``, ``1D``, ``1W``. They begin at multiples of it since 1970, weeks
        on Mondays; intervals without rows are left out. Packets without a time share one row.

        ``tz`` is the zone in which days begin and times are shown: a name (``Europe/Berlin``), an
        offset (``+02:00``) or a ``tzinfo``; UTC if not given.

        ``by`` divides each interval further, as in :meth:`top`. Raises :class:`ValueError` for a
        malformed length of time or zone, or a column that does not exist, and whatever reading
        raises.
        """
        nanos = span(freq, "freq")
        if nanos <= 0:
            raise ValueError("freq is longer than nothing")
        zone, shown = times.zone(tz)
        names = checks.names(by, "by")
        return self._answer(lambda: self._native.timeline(nanos, names, zone), None if tz is None else shown)

    def new_destinations(self, baseline: Table[Any]) -> Answer:
        """Returns the destinations of each app that it does not have in ``baseline``, another table
        of flows: address, port and protocol, in the order in which they were first seen. Packets
        that policies log on arrival are left out, because the app did not send them.

        Apps are compared by their GUIDs; an app whose GUID is unknown is compared by that of its
        process, without the version. Both tables are read once. Raises whatever reading raises.
        """
        if not isinstance(baseline, Table):
            raise TypeError(f"baseline is a table, such as flows.between(None, '2024-05-06T00:00Z'), not {checks.kind(baseline)}")
        return self._answer(lambda: self._native.new_destinations(baseline._native))

    def denied_episodes(self, gap: datetime.timedelta | str = "5min") -> Answer:
        """Returns the runs of denials for each app and destination: the times of the first and the
        last, and their number. A run ends if nothing is denied for longer than ``gap``. Denials
        without a time are one run without times. The order of the lines does not matter.

        Raises :class:`ValueError` for a malformed length of time, and whatever reading raises.
        """
        nanos = span(gap, "gap")
        if nanos < 0:
            raise ValueError("gap is not shorter than nothing")
        return self._answer(lambda: self._native.denied_episodes(nanos))

    @property
    def plot(self) -> Plot:
        """Draws pictures with matplotlib: ``table.plot.timeline()``, ``table.plot.matrix()``."""
        return Plot(self)

    def to_arrow(self) -> Any:
        """Returns a ``pyarrow.Table``. Raises :class:`ImportError` without pyarrow, and whatever
        reading raises."""
        # `pyarrow.table` would import pandas, to see whether it was given a frame.
        reader = module("pyarrow").RecordBatchReader
        return self._into(lambda stream: reader.from_stream(stream).read_all())

    def to_polars(self) -> Any:
        """Returns a ``polars.DataFrame``. Raises :class:`ImportError` without polars, and whatever
        reading raises."""
        return self._into(module("polars").DataFrame)

    def to_pandas(self, *, categories: bool = False) -> Any:
        """Returns a ``pandas.DataFrame`` whose whole numbers and booleans keep their types where
        values are missing. (The frame of ``pandas.DataFrame.from_arrow(table)`` has floats there.)

        With ``categories``, columns of text in which values repeat are categories, which takes a tenth of the memory.

        Raises :class:`ImportError` without pandas and pyarrow, and whatever reading raises.
        """
        return arrow_to_pandas(self.to_arrow(), categories)

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Writes a Parquet file, in constant memory and without pyarrow.

        It is written to a temporary file and moved into place, so that an incomplete file is never
        visible. Raises :class:`ValueError` for a table without columns, whose rows Parquet cannot
        store, and whatever reading or writing raises.
        """
        if not self.column_names:
            raise ValueError("Parquet needs a column to keep rows in: name one in columns()")
        self._native.write_parquet(checks.path(path))
        self._look()

    def to_csv(self, path: str | os.PathLike[str], *, safe: bool = False) -> None:
        """Writes a CSV file (RFC 4180, with line feeds alone), in constant memory. Missing values are empty.

        With ``safe``, texts that spreadsheets would evaluate as formulas get an apostrophe in
        front: those that begin with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return. Use it
        because developers choose the names of apps. It changes the values.

        It is written to a temporary file and moved into place, so that an incomplete file is never
        visible. Raises whatever reading or writing raises.
        """
        self._native.write_csv(checks.path(path), bool(safe))
        self._look()

    def to_records(
        self, standard: Literal["ecs", "ocsf", "otlp", "cef", "cim"], *, read_at: datetime.datetime | str | None = None
    ) -> Iterator[dict[str, Any] | str]:
        """Yields flows as records of another standard: dictionaries as from ``json.loads``, or
        lines of CEF.

        The standards are the Elastic Common Schema 9.4.0 (``ecs``), OCSF 1.8.0 (``ocsf``), requests
        of OpenTelemetry logs with one record each (``otlp``), the Common Event Format (``cef``),
        and Splunk's Common Information Model 8.5 (``cim``). Packets without Cloud Foundry's prefix
        have no record. An identity that is only inferred is in separate fields of ours, not in
        fields that searches join on. ``read_at`` is the time when the log was read, now by default.
        Explained flows (:meth:`explain`) name the rule that decided, where one rule alone can have.

        Raises :class:`ValueError` for another standard or a table without flows, and whatever reading raises.

        >>> import asglog
        >>> log = (b"[  637.582907] DENY_f00dbabe-1234-4bcd-5def IN=s-010255073009 OUT=eth0 SRC=10.255.73.9 DST=192.0.2.99 "
        ...     b"LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 DF PROTO=TCP SPT=44321 DPT=25 WINDOW=64240 RES=0x00 SYN URGP=0 ")
        >>> [event["event"]["action"] for event in asglog.correlate(log).to_records("ecs")]
        ['asg-denied']
        """
        if not self._native.has_flows():
            raise ValueError("records are of flows: asglog.correlate gives them")
        checks.text(standard, "standard")
        when = datetime.datetime.now(datetime.timezone.utc) if read_at is None else read_at
        return iter(self._native.objects(standard, times.nanos(when) or 0))

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """Always raises :class:`TypeError`, because NumPy, and ``pandas.DataFrame(table)``, would
        lose the types of the columns."""
        raise TypeError("use table.to_pandas() or pandas.DataFrame.from_arrow(table), which keep the columns and their types")

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Refuses to pickle or to copy: a table reads logs where it is. Raises :class:`TypeError`."""
        raise TypeError("a table reads logs where it is, and does not pickle: send the paths, or to_arrow() of it")

    def __iter__(self) -> Iterator[R]:
        from .records import Explanation, Flow, Record

        made = Explanation if self._native.is_explained() else Flow if self._native.has_flows() else Record
        make: Any = made._from
        is_empty = True
        for row in self._native.objects():
            is_empty = False
            yield make(row)
        self._look()
        counts = self._native.counts() if is_empty and self._hints else None
        if counts is not None and counts[1]:
            # A loop over no rows shows nothing; a data frame or an answer shows that it is empty.
            self._hints = False
            what = f"none of the {counts[1]} packets that were read is as the conditions say: a loop over them does nothing"
            warnings.warn(f"{what}; top(by=…) shows which values there are", AsgWarning, stacklevel=_outside())

    def __len__(self) -> int:
        counts = self._native.counts()
        if counts is None:
            # Callers that only want a hint, such as list(), work without it.
            raise TypeError("the number of rows is known once they were read")
        return counts[3]

    def __bool__(self) -> bool:
        raise TypeError("whether a table has rows is known once they were read: see counts()")

    def __repr__(self) -> str:
        counts = self._native.counts()
        unread = "rows in memory" if self._is_kept else "not read yet"
        rows = unread if counts is None else f"{counts[3]} rows"
        kind = "flows" if self._native.has_flows() else "packets"
        return f"<asglog.Table of {kind}: {len(self.column_names)} columns, {rows}>"

    def __str__(self) -> str:
        names, rows, note = self._peek()
        return "\n".join([repr(self), text_table(names, rows, [], note)])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Shows the table in IPython without HTML."""
        printer.text(repr(self) if cycle else str(self))

    def _repr_html_(self) -> str:
        names, rows, note = self._peek()
        return html_table(names, rows, [], note, repr(self))

    def _peek(self) -> tuple[list[str], list[list[str]], str]:
        """Returns the names of the columns to show, the first rows, and a note about the rest."""
        names, is_wide = self.column_names, len(self.column_names) > _WIDE
        if is_wide:
            main = _MAIN if self._native.has_flows() else _MAIN_OF_PACKETS
            names = [name for name in main if name in names]
        if not names:
            return [], [], "no columns"
        rows: list[list[str | None]] = []
        try:
            how, rows = self._native.select(names).preview(_HEAD)
            note = _HOW.get(how, "" if rows else "no rows")
        except Exception as error:
            note = f"the rows cannot be shown: {error}"
        if is_wide:
            # Columns of unknown names are hidden, and the GUID of a process with a name too.
            known = {name for n, name in enumerate(names) if any(row[n] is not None for row in rows)}
            idle = {"dst_name", "org_name", "space_name", "app_name", "cc_process_guid", "error"} - known
            idle |= {"cc_process_guid"} & known if "app_name" in known else set()
            kept = [n for n, name in enumerate(names) if name not in idle]
            names, rows = [names[n] for n in kept], [[row[n] for n in kept] for row in rows]
            more = f"{len(self.column_names) - len(names)} more columns: see column_names, and choose with columns()"
            note = f"{note}; {more}" if note else more
        cells = [["" if text is None else _asglog.escape_text(text) for text in row] for row in rows]
        return names, cells, note

    def _of(self, native: _asglog.Table) -> Table[R]:
        return Table(native, hints=self._hints, is_kept=self._is_kept)

    def _answer(self, ask: Callable[[], _asglog.Answer], tz: datetime.tzinfo | None = None) -> Answer:
        try:
            found = Answer(ask(), tz)
        except ValueError as error:
            raise ValueError(self._with_columns(str(error))) from None
        self._look()
        return found

    def _with_columns(self, message: str) -> str:
        """Returns the message, and for a wrong column the way to the right ones."""
        if not message.startswith("there is no column"):
            return message
        return f"{message}{'' if 'did you mean' in message else '; column_names lists them'}"

    def _look(self) -> None:
        """Warns, once for a table, if the logs contained no packet."""
        counts = self._native.counts() if self._hints else None
        if counts is None or counts[1]:
            return
        self._hints = False
        if counts[0] == 0:
            what = "the logs are empty:"
        else:
            what = f"none of the {counts[0]} lines that were read tells a packet: is the kernel's log (kern.log) among these?"
        warnings.warn(f"{what} `asglog check LOG…` tells more", AsgWarning, stacklevel=_outside())

    def __arrow_c_schema__(self) -> object:
        """Implements Arrow's PyCapsule interface."""
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Implements Arrow's PyCapsule interface: each call returns a new stream from the
        beginning.

        The stream has the types of ``requested_schema`` if that has the same columns and no value
        is lost; otherwise it has the table's own.
        """
        return self._native.stream(requested_schema)

    def _into(self, consume: Callable[[Any], Any]) -> Any:
        """Passes a stream to a consumer; exceptions of the reading reach the caller unchanged."""
        once = _Once(self._native)
        try:
            taken = consume(once)
            self._look()
            return taken
        except AsgWarning:
            raise
        except Exception as error:
            if once.failures:
                raise once.failures[0] from None
            raise AsgError(f"the stream was not taken: {error}") from error

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            cure = _HABITS.get(name)
            if cure is None:
                near = checks.hint(name, [known for known in dir(type(self)) if not known.startswith("_")])
                raise AttributeError(f"a table has no {name!r}{near}", name=name, obj=self)
            raise AttributeError(f"a table has no {name!r}: {cure}", name=name, obj=self)


class _Once:
    """One stream that keeps its failures."""

    def __init__(self, native: _asglog.Table) -> None:
        self.native = native
        self.failures: list[BaseException] = []

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.native.stream(requested_schema, self.failures)


#: Tables with more columns show some of them.
_WIDE = 16

_MAIN = (
    "time", "verdict", "proto", "src", "spt", "dst", "dpt", "dst_name", "org_name", "space_name", "app_name",
    "cc_process_guid", "index", "certainty", "reason", "configured", "by", "because",
)  # fmt: skip

_MAIN_OF_PACKETS = ("time", "cell", "verdict", "proto", "src", "spt", "dst", "dpt", "dst_name", "handle_prefix", "error")

#: Notes about first rows, by how they were found.
_HOW = {
    "packets": "owners are known once all logs were read: iterate, ask for a data frame, or head()",
    "part": "only the beginning was looked at: iterate, ask for a data frame, or head()",
    "never": "the rows are known once the logs were read: iterate, ask for a data frame, or head()",
}

#: Habits of pandas, polars and DuckDB, and our names for them.
_HABITS = {
    **dict.fromkeys(("groupby", "group_by", "value_counts", "agg", "count"), "use top(by=…) or timeline(by=…), or to_pandas()"),
    **dict.fromkeys(("select", "drop", "loc", "iloc"), "choose columns with columns(…), and rows with table[:5] or filter(…)"),
    **dict.fromkeys(("query", "where"), "use filter(verdict='denied', dpt=443)"),
    **dict.fromkeys(("sort", "sort_values", "sort_by", "order", "order_by"), "top(…) sorts groups; for rows, use to_pandas()"),
    **dict.fromkeys(("shape", "size", "height"), "counts() has the number of rows after a reading"),
    **dict.fromkeys(("dtypes", "info"), "schema has the columns with their types and meanings"),
    **dict.fromkeys(("describe", "stats"), "summary() has counts for verdicts, protocols and certainties"),
    **dict.fromkeys(("tail", "sample", "merge", "join", "apply", "map", "assign", "pivot_table", "index"), "use to_pandas() or to_polars()"),
    **dict.fromkeys(("collect", "fetch", "compute", "persist"), "head() and cache() read rows and keep them"),
    **dict.fromkeys(("show", "print", "display"), "print(table) shows the first rows, and head(20) keeps some"),
    **dict.fromkeys(("df", "pl", "arrow", "fetchall", "fetchdf", "to_df"), "use to_pandas(), to_polars(), to_arrow() or list(table)"),
    "write_csv": "use to_csv(path)",
    "write_parquet": "use to_parquet(path)",
}


def _outside() -> int:
    """Returns how far up the stack the caller of this package is, as :func:`warnings.warn`
    counts."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "asglog":
        frame, level = frame.f_back, level + 1
    return level


def _given(value: Any) -> Any:
    if isinstance(value, range):
        if value.step != 1 or not value:
            raise ValueError(f"a range of numbers has a step of 1 and is not empty: {value}")
        # No column has larger numbers.
        return (max(value.start, -_MOST), min(value.stop - 1, _MOST))
    # An address or network. If there is one, its module was imported already.
    if type(value).__module__ == "ipaddress":
        return str(value)
    return value
