"""Evidence that outlives the logs."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from . import _asglog, checks
from .answers import Answer
from .clocks import Clocks
from .progress import maker
from .sources import Path, Progress, Source, items, size
from .times import nanos

if TYPE_CHECKING:
    from .api import Directory
    from .records import Owner

__all__ = ["Ledger"]


class Ledger:
    """All evidence so far about the owners of containers: some dozens of bytes for each container,
    which outlive the logs.

    >>> ledger = Ledger()
    >>> ledger.add(
    ...     b'{"timestamp":"1498136872.889604807","source":"rep","message":"rep.executing-container-operation.starting",'
    ...     b'"log_level":1,"data":{"container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4","lrp-key":{"process_guid":'
    ...     b'"4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11","index":0,"domain":"cf-apps"}}}')
    {'lines': 1, 'evidence': 1}
    >>> owner = ledger.who("d08bb414-cdba-4381-412a-e9ecc")
    >>> owner.attribution.certainty, owner.index
    ('unique_prefix', 0)
    """

    __slots__ = ("_native",)

    def __init__(self) -> None:
        self._native = _asglog.Ledger()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Loads a ledger that was saved. Evidence about its containers cites lines of this file.

        Raises :class:`OSError` if it cannot be read, and :class:`LedgerError` if it is not a
        ledger, or is damaged.
        """
        return cls._of(_asglog.Ledger.load(checks.path(path, "the path of a ledger")))

    def save(self, path: Path) -> None:
        """Writes the ledger to a file; a crash leaves the old file or the new one. Raises
        :class:`OSError`."""
        self._native.save(checks.path(path, "the path of a ledger"))

    def add(self, source: Source, *, progress: Progress = None, clocks: Clocks | None = None) -> dict[str, int]:
        """Adds the evidence of all lines of these logs, in any order. Returns the number of lines,
        and how many of them were evidence. With ``clocks``, what the lines show about clocks is
        added to these in the same reading.

        Raises :class:`OSError` if a log cannot be read; then none of its evidence is added.
        """
        given = items(source, again=False)
        lines, evidence, _ = self._native.add(given, maker(progress, size(given)), None if clocks is None else clocks._native)
        return {"lines": lines, "evidence": evidence}

    def merge(self, other: Ledger) -> None:
        """Adds all evidence of the other ledger. The order of merging does not matter. Raises
        :class:`TypeError` for anything but a ledger."""
        if not isinstance(other, Ledger):
            raise TypeError(f"merge takes an asglog.Ledger, such as Ledger.load('x.ledger'), not {checks.kind(other)}")
        self._native.merge(other._native)

    def who(
        self,
        what: str,
        cell: str | None = None,
        at: datetime.datetime | str | None = None,
        *,
        address: str | None = None,
        directory: Directory | Path | Sequence[Path] | None = None,
    ) -> Owner:
        """Returns the owner of a handle or the beginning of one, a log prefix
        (``DENY_d08bb414-…``), an address, the GUID of an app or a process or its beginning, or the
        name of an app.

        ``cell`` and ``at`` are where and when a packet of it was seen, and ``address`` is its
        address; an argument that is not given rules no container out. A time has a zone. An address
        needs a time to mean one container only: see :meth:`at`. Names of apps come from a
        ``directory``, and from lines that show them.

        If several containers fit, the answer is ``ambiguous``, and they are its candidates;
        :meth:`containers` returns them as a table.

        Raises :class:`ValueError` for a time without a zone or a malformed address, and whatever
        the directory raises.
        """
        checks.text(what, "what is asked for")
        if cell is not None:
            checks.text(cell, "cell")
        if address is not None:
            checks.text(address, "address")
        from .records import Owner

        return Owner._from(self._native.who(what.strip(), cell, nanos(at), address, checks.directory(directory)))

    def at(
        self,
        address: str,
        time: datetime.datetime | str,
        cell: str | None = None,
        *,
        directory: Directory | Path | Sequence[Path] | None = None,
    ) -> Owner:
        """Returns the owner of an address at a time. With the ``cell`` the answer is surer, because
        clocks of cells differ, and addresses are reused.

        Raises :class:`ValueError` for a malformed address, or a time without a zone.

        >>> Ledger().at("10.255.73.3", "2024-05-06T07:09:10Z").attribution.reason
        'no_address_lease'
        """
        import ipaddress

        address = str(address)
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise ValueError(f"an address is like 10.255.73.3, and not {address!r}") from None
        if time is None:
            raise TypeError("time is a datetime with a zone, or its text, not None: containers() has all that had an address")
        return self.who(address, cell, time, directory=directory)

    def containers(
        self,
        what: str | None = None,
        cell: str | None = None,
        at: datetime.datetime | str | None = None,
        *,
        directory: Directory | Path | Sequence[Path] | None = None,
    ) -> Answer:
        """Returns containers as a table: all of them, or those that fit the arguments, which are
        those of :meth:`who`. It shows when each began and ended, when it was seen, its app, cell,
        addresses and GUIDs. The oldest is first.

        >>> ledger = Ledger()
        >>> _ = ledger.add(
        ...     b'{"timestamp":"1498136872.889604807","source":"rep","message":"rep.executing-container-operation.starting",'
        ...     b'"log_level":1,"data":{"container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4","lrp-key":{"process_guid":'
        ...     b'"4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11","index":0,"domain":"cf-apps"}}}')
        >>> ledger.containers("4ccbb24c-268e-421a-9d1b-3678b6eb40d0")["index"]
        [0]

        Raises :class:`ValueError` for a time without a zone, and whatever the directory raises.
        """
        if what is not None:
            what = checks.text(what, "what is asked for").strip()
        if cell is not None:
            checks.text(cell, "cell")
        return Answer(self._native.containers(what, cell, nanos(at), checks.directory(directory)))

    def __len__(self) -> int:
        """Returns the number of known containers."""
        return len(self._native)

    def __bool__(self) -> bool:
        return len(self._native) > 0

    def __repr__(self) -> str:
        return f"<asglog.Ledger of {len(self)} containers>"

    def __reduce__(self) -> tuple[object, tuple[bytes]]:
        return _from_bytes, (self._native.to_bytes(),)

    @classmethod
    def _of(cls, native: _asglog.Ledger) -> Self:
        made = cls()
        made._native = native
        return made


def _from_bytes(saved: bytes) -> Ledger:
    return Ledger._of(_asglog.Ledger.from_bytes(saved, "<ledger>"))
