"""The exceptions of this package. It also raises :class:`OSError` for files, and
:class:`ValueError` and :class:`TypeError` for arguments."""

from __future__ import annotations

__all__ = ["AsgError", "AsgWarning", "DirectoryError", "LedgerError", "ParseError"]


class AsgError(Exception):
    """The base of this package's exceptions."""


class AsgWarning(UserWarning):
    """Warns that logs were read to their end, and do not contain what was asked for."""


class ParseError(AsgError, ValueError):
    """A damaged line, where ``strict`` was asked for.

    >>> error = ParseError(7, 46, "the text ends where an IPv4 address was expected", "kern.log")
    >>> str(error)
    'kern.log: line 7: byte 46: the text ends where an IPv4 address was expected'
    """

    #: The line's number in its source, from 1.
    line_number: int
    #: The place in the line, in bytes from its start.
    offset: int
    #: The reason.
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
    """A directory could not answer. Nothing is known then; in particular, this does not mean that
    an app is gone."""


class LedgerError(AsgError, ValueError):
    """A file is not a saved ledger, or is damaged. No ledger is loaded in part."""
