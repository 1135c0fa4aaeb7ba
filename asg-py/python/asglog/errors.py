"""What this package raises, besides :class:`OSError` for files, :class:`ValueError` and :class:`TypeError` for arguments."""

from __future__ import annotations

__all__ = ["AsgError", "AsgWarning", "DirectoryError", "LedgerError", "ParseError"]


class AsgError(Exception):
    """The base of this package's exceptions."""


class AsgWarning(UserWarning):
    """Logs were read to their end, and hold nothing of what was asked for."""


class ParseError(AsgError, ValueError):
    """A line is damaged, and ``strict`` was asked for.

    >>> error = ParseError(7, 46, "the text ends where an IPv4 address was expected", "kern.log")
    >>> str(error)
    'kern.log: line 7: byte 46: the text ends where an IPv4 address was expected'
    """

    #: The line's number in its source, from 1.
    line_number: int
    #: Where in the line, in bytes from its start.
    offset: int
    #: What is wrong there.
    reason: str
    #: The line's source, if there are several.
    source: str | None

    def __init__(self, line_number: int, offset: int, reason: str, source: str | None = None) -> None:
        # The arguments are kept as they are, so that it pickles.
        super().__init__(line_number, offset, reason, source)
        self.line_number = line_number
        self.offset = offset
        self.reason = reason
        self.source = source

    def __str__(self) -> str:
        place = f"line {self.line_number}: byte {self.offset}: {self.reason}"
        return place if self.source is None else f"{self.source}: {place}"


class DirectoryError(AsgError):
    """A directory could not answer; then nothing is known, least of all that an app is gone."""


class LedgerError(AsgError, ValueError):
    """What should be a saved ledger is none, or is damaged. None is half-read."""
