"""Times: those of records, and conversions of callers' times for the native module."""

from __future__ import annotations

import datetime
import math
import operator
import re
from typing import Any, Self, SupportsIndex

__all__ = ["Time"]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

#: The limits of the native module's nanoseconds; times beyond are cut to them.
_FIRST, _LAST = -(1 << 63), (1 << 63) - 1


class Time(datetime.datetime):
    """A time in UTC, as a line shows it: a ``datetime`` with nanoseconds. ``str`` formats it by RFC
    3339.

    >>> time = Time.parse("2017-06-22T13:07:52.889604807Z")
    >>> time.year, time.microsecond, time.nanosecond
    (2017, 889604, 807)
    >>> str(time)
    '2017-06-22T13:07:52.889604807Z'
    """

    #: Nanoseconds beyond the microseconds, from 0 to 999.
    nanosecond: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses a time in RFC 3339. Raises :class:`ValueError` for any other text, and for one
        without a zone."""
        try:
            time = cls.fromisoformat(text)
        except ValueError:
            raise ValueError(f"a time is written like 2024-05-06T07:09:10Z, not {text!r}") from None
        if time.tzinfo is None:
            raise ValueError(f"the time has no zone: {text!r}")
        time = time.astimezone(datetime.timezone.utc)
        fine = re.search(r"\.\d{6}(\d{1,3})", text)
        if fine is not None:
            time.nanosecond = int(fine[1].ljust(3, "0"))
        return time

    def __str__(self) -> str:
        text = self.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        fraction = f"{self.microsecond:06}{self.nanosecond:03}".rstrip("0")
        return f"{text}.{fraction}Z" if fraction else f"{text}Z"

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[object, tuple[str]]:
        return Time.parse, (str(self),)


def nanos(time: Any) -> int | None:
    """Returns the nanoseconds since 1970 in UTC of a time with a zone, or of its text
    (``2024-05-06T07:09:10Z``). A ``numpy.datetime64`` cannot have a zone, and is in UTC."""
    if time is None:
        return None
    given = time
    if isinstance(time, str):
        try:
            time = datetime.datetime.fromisoformat(time)
        except ValueError:
            raise ValueError(f"a time is written like 2024-05-06T07:09:10Z, not {given!r}") from None
    elif type(time).__module__ == "numpy" and type(time).__name__ == "datetime64":
        return _of_numpy(time)
    elif isinstance(getattr(time, "datetime", None), datetime.datetime):
        # A time of the library ``arrow``.
        time = time.datetime
    if not isinstance(time, datetime.datetime):
        raise TypeError(f"a time is a datetime with a zone, or its text, not {type(time).__name__}")
    # NaT of pandas differs from itself.
    if time != time:
        raise ValueError("NaT is no time: give None if there is no bound")
    if time.tzinfo is None:
        if isinstance(given, str):
            text = time.isoformat(timespec="seconds" if time.second else "minutes")
            raise ValueError(f"the time {given!r} has no zone: write {text}Z for UTC, or {text}+02:00")
        raise ValueError("the time has no zone: give it one, such as datetime.timezone.utc")
    # Times of pandas have nanoseconds too.
    return _of(time, getattr(time, "nanosecond", 0))


def bounds(start: Any, end: Any) -> tuple[int | None, int | None]:
    """Returns both in nanoseconds since 1970, and checks that the first is not after the second."""
    first, last = nanos(start), nanos(end)
    if first is not None and last is not None and first > last:
        raise ValueError(f"the start is behind the end: {start} and {end}")
    return first, last


def zone(tz: Any) -> tuple[str, datetime.tzinfo]:
    """Returns a zone for the native module and for Python. It may be a name (``Europe/Berlin``), an
    offset (``+02:00``), a ``tzinfo``, or ``None`` for UTC."""
    if tz is None:
        return "UTC", datetime.timezone.utc
    # pytz has `zone`, zoneinfo has `key`.
    name = tz if isinstance(tz, str) else getattr(tz, "key", None) or getattr(tz, "zone", None)
    if isinstance(name, str):
        if name.upper() in ("UTC", "Z"):
            return "UTC", datetime.timezone.utc
        hours = _hours(name)
        if hours is not None:
            tz = datetime.timezone(datetime.timedelta(hours=hours))
        else:
            return name, _named(name)
    if not isinstance(tz, datetime.tzinfo):
        raise TypeError(f"tz is a zone such as 'Europe/Berlin' or '+02:00', or a tzinfo, not {type(tz).__name__}")
    now = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    offset = tz.utcoffset(now.replace(tzinfo=tz))
    if not isinstance(tz, datetime.timezone) or offset is None or offset % datetime.timedelta(minutes=1):
        raise ValueError(f"tz has no name that is known elsewhere: give zoneinfo.ZoneInfo('Europe/Berlin'), and not {tz!r}")
    minutes = offset // datetime.timedelta(minutes=1)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}", tz


def _named(name: str) -> datetime.tzinfo:
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        from .checks import hint

        near = hint(name, sorted(zoneinfo.available_timezones()))
        raise ValueError(f"there is no zone {name!r} on this machine{near}") from None


def _hours(offset: str) -> float | None:
    """Converts ``+02:00``, ``-0330`` or ``-5`` to hours."""
    found = re.fullmatch(r"([+-]?)(\d{1,2})(?::?(\d{2}))?", offset)
    if found is None or int(found[2]) > 23 or int(found[3] or 0) > 59:
        return None
    hours = int(found[2]) + int(found[3] or 0) / 60
    return -hours if found[1] == "-" else hours


def policy(year: SupportsIndex | None, utc_offset: float | str) -> tuple[int | None, float]:
    """Checks the year and the offset that complete time stamps, and returns them."""
    if isinstance(utc_offset, str):
        hours = 0.0 if utc_offset.upper() in ("Z", "UTC") else _hours(utc_offset)
        if hours is None:
            raise ValueError(f"utc_offset takes hours, or an offset such as '+02:00', and not {utc_offset!r}")
        utc_offset = hours
    try:
        is_offset = math.fabs(utc_offset) < 24 and not isinstance(utc_offset, bool)
    except TypeError:
        raise TypeError(f"utc_offset takes hours, or an offset such as '+02:00', not {type(utc_offset).__name__}") from None
    if not is_offset:
        raise ValueError(f"utc_offset takes hours, such as 2 or -3.5, of less than a day, and not {utc_offset!r}")
    if year is None:
        return None, utc_offset
    try:
        number = operator.index(year)
    except TypeError:
        raise TypeError(f"year takes a whole number, not {type(year).__name__}") from None
    if isinstance(year, bool) or not 1970 <= number <= 2261:
        raise ValueError(f"year takes a year from 1970 to 2261, and not {year!r}")
    return number, utc_offset


def _of_numpy(time: Any) -> int:
    whole = time.astype("datetime64[us]").item()
    if whole is None:
        raise ValueError("NaT is no time: give None if there is no bound")
    if isinstance(whole, int):
        # Beyond the range of a datetime.
        return _LAST if whole > 0 else _FIRST
    fine = int(time.astype("int64")) % 1000 if time.dtype == "datetime64[ns]" else 0
    return _of(whole.replace(tzinfo=datetime.timezone.utc), fine)


def _of(time: datetime.datetime, fine: int) -> int:
    count = (time - _EPOCH) // datetime.timedelta(microseconds=1) * 1000 + fine
    return min(max(count, _FIRST), _LAST)
