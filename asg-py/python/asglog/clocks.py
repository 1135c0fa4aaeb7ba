"""Of many lines, the few that tell how late stamps are.

A line that shows the kernel's uptime and a time says when its machine booted, but for how late it was stamped. So it tells how
far the times of the lines about it can be out, and when a line was written that shows nothing but an uptime. Of all lines
of a minute, three tell as much as all: that with the least difference of the two, that with the greatest, and the last.
"""

from __future__ import annotations

from typing import Any

from .consumers import module

__all__ = ["clock_lines"]

#: A minute, in microseconds, as a power of two: as fine as spans of uptime are kept. Boots are told apart as finely.
_SPAN = 26

#: What a line without a kernel's uptime does not have, and all before it.
_UPTIME = r"\[ *[0-9]+\.[0-9]+\]"
_AFTER = rf"({_UPTIME} ?).*"


def clock_lines(lines: Any) -> Any:
    """Those of a ``pyarrow.Table`` of lines that tell most about the machines' clocks, without what the kernel says in them, for
    :class:`asglog.batches.Flows` of a part. Their columns are those given.

    Parts can be joined: the lines of the whole are those of the parts' lines. What comes from journald as JSON is left out.

    >>> import pyarrow
    >>> clock_lines(pyarrow.table({"value": ["2024-05-06T07:09:10.58Z cell-1 kernel: [  637.581122] eth0: link up"] * 9}))[
    ...     "value"].to_pylist()
    [b'2024-05-06T07:09:10.58Z cell-1 kernel: [  637.581122] ']
    """
    arrow, compute = module("pyarrow"), module("pyarrow.compute")
    if lines.schema.field("value").type != arrow.binary():
        at = lines.schema.get_field_index("value")
        lines = lines.set_column(at, "value", lines.column("value").cast(arrow.binary()))
    told = _told(lines)
    minute = 1 << _SPAN
    offset = compute.subtract(told.column("time"), told.column("uptime"))
    is_whole = compute.equal(compute.subtract(told.column("time"), _multiple(told.column("time"), 1_000_000)), 0)
    # A stamp of whole seconds hides the rest of one.
    late = compute.add(offset, compute.multiply(compute.cast(is_whole, "int64"), 999_999))
    told = told.append_column("offset", offset).append_column("late", late)
    told = told.append_column("span", _multiple(told.column("uptime"), minute))
    told = told.append_column("boot", _multiple(offset, minute))
    rows = [_first(told, "offset", "ascending"), _first(told, "late", "descending"), _first(told, "time", "descending")]
    rows = compute.unique(arrow.concat_arrays(rows)).sort()
    heads = lines.take(told.column("row").take(rows))
    at = heads.schema.get_field_index("value")
    cut = compute.replace_substring_regex(heads.column("value"), _AFTER, r"\1")
    return heads.set_column(at, "value", cut)


def machine_of(record: Any) -> str | None:
    """The machine by the line's header; what every machine is called tells nothing."""
    name = record.instance or (f"{record.job}/{record.index}" if record.job and record.index else record.host)
    return None if name == "localhost" else name


def micros(texts: Any) -> Any:
    """Times as texts, as times."""
    arrow, compute = module("pyarrow"), module("pyarrow.compute")
    return compute.cast(compute.cast(texts, arrow.timestamp("ns", "UTC")), arrow.timestamp("us", "UTC"), safe=False)


def _told(lines: Any) -> Any:
    """Machine, time and uptime of each line that shows the latter two, in microseconds, and its row."""
    from .batches import Packets

    arrow, compute = module("pyarrow"), module("pyarrow.compute")
    value = lines.column("value")
    may_tell = compute.fill_null(compute.match_substring_regex(value, _UPTIME), False)
    is_json = compute.fill_null(compute.match_substring_regex(value, r"^\s*\{"), False)
    rows = compute.indices_nonzero(compute.and_not(may_tell, is_json)).cast("int64")
    packets = Packets(("line", "cell", "time", "uptime_us"))(lines.select(["value"]).take(rows))
    numbers = compute.subtract(packets.column("line"), 1)
    of_packets = arrow.table({
        "row": rows.take(numbers.combine_chunks()),
        "machine": compute.if_else(compute.equal(packets.column("cell"), "localhost"), None, packets.column("cell")),
        "time": packets.column("time").cast("int64"),
        "uptime": packets.column("uptime_us"),
    })  # fmt: skip
    rest = rows.filter(compute.invert(compute.is_in(rows, of_packets.column("row").combine_chunks())))
    of_others = _read(value, rest)
    told = arrow.concat_tables([of_packets, of_others])
    told = told.filter(compute.and_(told.column("time").is_valid(), told.column("uptime").is_valid()))
    # A machine without a name is its source's, and a source's name may be that of its machine: each has lines of its own.
    given = lines.take(told.column("row"))
    told = told.append_column("source", given.column("source") if "source" in given.column_names else told.column("machine"))
    # Of two that tell the same, which is taken must not depend on where they stand here.
    return told.append_column("tie", given.column("line" if "line" in given.column_names else "value"))


def _read(value: Any, rows: Any) -> Any:
    from .api import parse

    arrow = module("pyarrow")
    records = list(parse(value.take(rows)))
    return arrow.table({
        "row": rows.take(arrow.array([record.line - 1 for record in records], arrow.int64())),
        "machine": arrow.array([machine_of(record) for record in records], arrow.string()),
        "time": micros(arrow.array([record.time and str(record.time) for record in records], arrow.string())).cast("int64"),
        # It is told in seconds, with six decimals.
        "uptime": arrow.array([record.uptime and int(record.uptime.replace(".", "")) for record in records], arrow.int64()),
    })  # fmt: skip


def _multiple(column: Any, of: int) -> Any:
    """The greatest multiple that is not greater."""
    compute = module("pyarrow.compute")
    towards_zero = compute.multiply(compute.divide(column, of), of)
    return compute.if_else(compute.greater(towards_zero, column), compute.subtract(towards_zero, of), towards_zero)


def _first(told: Any, by: str, order: str) -> Any:
    """The first of each machine's minute in this order, by its number."""
    arrow = module("pyarrow")
    keys = ["source", "machine", "span", "boot"]
    told = told.append_column("n", arrow.array(range(told.num_rows), arrow.int64()))
    told = told.sort_by([*((key, "ascending") for key in keys), (by, order), ("tie", "ascending")])
    return told.group_by(keys, use_threads=False).aggregate([("n", "first")]).column("n_first").combine_chunks()
