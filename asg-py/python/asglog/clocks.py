"""The clocks of all machines, for parts of logs."""

from __future__ import annotations

from typing import Self

from . import _asglog, checks
from .progress import maker
from .sources import Path, Progress, Source, items, size

__all__ = ["Clocks"]


class Clocks:
    """What lines show about the clocks of all machines: how late their stamps are, and the year and the zone of stamps
    that lack them.

    :func:`asglog.correlate` learns this by itself. A part of a log does not show it, so parts are given the clocks of the
    whole (:class:`asglog.batches.Flows`, :func:`asglog.spark.correlate`). A machine takes some kilobytes, however many lines
    it writes.

    >>> clocks = Clocks()
    >>> clocks.add(b"2018-04-03T17:05:02.358719Z cell-1 kernel: [  637.581122] eth0: link up")
    1
    >>> clocks
    <asglog.Clocks of 1 boots>
    """

    __slots__ = ("_native",)

    def __init__(self) -> None:
        self._native = _asglog.Clocks()

    def part(self) -> Self:
        """Returns empty clocks for another worker; they can be merged into these."""
        return self._of(self._native.part())

    def add(self, source: Source, *, progress: Progress = None) -> int:
        """Adds what these logs show; returns the number of lines. Raises :class:`OSError` if a log
        cannot be read; then nothing is added."""
        given = items(source, again=False)
        return self._native.add(given, maker(progress, size(given)))

    def merge(self, other: Clocks) -> None:
        """Adds what another part shows, in any order of parts.

        Raises :class:`ValueError` for clocks that did not begin as a :meth:`part` of these, or of the
        same as these: they number machines in another way.
        """
        if not isinstance(other, Clocks):
            raise TypeError(f"merge takes asglog.Clocks, not {checks.kind(other)}")
        if not self._native.merge(other._native):
            raise ValueError("these clocks number machines in another way: begin the others with part() of the first")

    def save(self, path: Path) -> None:
        """Writes the clocks to a file. Raises :class:`OSError`."""
        with open(checks.path(path, "the path of clocks"), "wb") as file:
            file.write(self._native.to_bytes())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Loads clocks that were saved. Raises :class:`OSError`, and :class:`ValueError` if the file is
        something else, or damaged."""
        name = checks.path(path, "the path of clocks")
        with open(name, "rb") as file:
            return cls._of(_asglog.Clocks.from_bytes(file.read(), name))

    def __len__(self) -> int:
        """Returns the number of known boots of machines."""
        return len(self._native)

    def __bool__(self) -> bool:
        return len(self._native) > 0

    def __repr__(self) -> str:
        return f"<asglog.Clocks of {len(self)} boots>"

    def __reduce__(self) -> tuple[object, tuple[bytes]]:
        return _from_bytes, (self._native.to_bytes(),)

    @classmethod
    def _of(cls, native: _asglog.Clocks) -> Self:
        made = cls()
        made._native = native
        return made


def _from_bytes(saved: bytes) -> Clocks:
    return Clocks._of(_asglog.Clocks.from_bytes(saved, "<clocks>"))
