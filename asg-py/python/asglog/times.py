"""Times of callers as the native module has them."""

from __future__ import annotations

import datetime

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def nanos(time: datetime.datetime | str | None) -> int | None:
    """Nanoseconds since 1970 in UTC, of a time with a zone or its text (``2024-05-06T07:09:10Z``)."""
    if time is None:
        return None
    if isinstance(time, str):
        time = datetime.datetime.fromisoformat(time)
    if time.tzinfo is None:
        raise ValueError("the time has no zone: give it one, such as datetime.timezone.utc")
    return (time - _EPOCH) // datetime.timedelta(microseconds=1) * 1000
