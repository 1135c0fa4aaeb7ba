"""Selects the few lines that show how late stamps are.

A line with the kernel's uptime and a time shows when its machine booted, up to the delay of its stamp. So it bounds the error
of the times of the lines near it, and gives the time of lines that show only an uptime. Among the lines of a minute, three
are enough: the one with the least difference of time and uptime, the one with the greatest, and the last.
"""

from __future__ import annotations

from typing import Any

from .consumers import module

__all__ = ["clock_lines"]

#: A minute, in microseconds, as a power of two: the resolution of spans of uptime, and of boots.
_SPAN = 26

#: The kernel's uptime; and the uptime with the text behind it.
_UPTIME = r"\[ *[0-9]+\.[0-9]+\]"
_AFTER = rf"({_UPTIME} ?).*"


def clock_lines(lines: Any) -> Any:
    """Returns the lines that calibrate the machines' clocks, for :class:`asglog.batches.Flows` of a part.

    The lines come without the kernel's messages, and have the columns of the given ``pyarrow.Table``. The function can be
    applied to the joined results of parts: the result is that of the whole. Lines in journald's JSON are left out.

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
    # A stamp of whole seconds hides the fraction.
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
    """Returns the machine in the line's header; ``None`` for ``localhost``, the name of every machine."""
    name = record.instance or (f"{record.job}/{record.index}" if record.job and record.index else record.host)
    return None if name == "localhost" else name


def micros(texts: Any) -> Any:
    """Converts times from texts."""
    arrow, compute = module("pyarrow"), module("pyarrow.compute")
    return compute.cast(compute.cast(texts, arrow.timestamp("ns", "UTC")), arrow.timestamp("us", "UTC"), safe=False)


def _told(lines: Any) -> Any:
    """Returns machine, time and uptime of each line that shows the latter two, in microseconds, and its row."""
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
    # A machine without a name is identified by its source, and a source's name may equal a
    # machine's name: each keeps lines of its own.
    given = lines.take(told.column("row"))
    told = told.append_column("source", given.column("source") if "source" in given.column_names else told.column("machine"))
    # The choice between two equal lines must not depend on their order here.
    return told.append_column("tie", given.column("line" if "line" in given.column_names else "value"))


def _read(value: Any, rows: Any) -> Any:
    from .api import parse

    arrow = module("pyarrow")
    records = list(parse(value.take(rows)))
    return arrow.table({
        "row": rows.take(arrow.array([record.line - 1 for record in records], arrow.int64())),
        "machine": arrow.array([machine_of(record) for record in records], arrow.string()),
        "time": micros(arrow.array([record.time and str(record.time) for record in records], arrow.string())).cast("int64"),
        # It is printed in seconds, with six decimals.
        "uptime": arrow.array([record.uptime and int(record.uptime.replace(".", "")) for record in records], arrow.int64()),
    })  # fmt: skip


def _multiple(column: Any, of: int) -> Any:
    """Returns the greatest multiple that is not greater."""
    compute = module("pyarrow.compute")
    towards_zero = compute.multiply(compute.divide(column, of), of)
    return compute.if_else(compute.greater(towards_zero, column), compute.subtract(towards_zero, of), towards_zero)


def _first(told: Any, by: str, order: str) -> Any:
    """Returns the first line of each machine's minute in this order, by its number."""
    arrow = module("pyarrow")
    keys = ["source", "machine", "span", "boot"]
    told = told.append_column("n", arrow.array(range(told.num_rows), arrow.int64()))
    told = told.sort_by([*((key, "ascending") for key in keys), (by, order), ("tie", "ascending")])
    return told.group_by(keys, use_threads=False).aggregate([("n", "first")]).column("n_first").combine_chunks()
