"""Checks of arguments: each error names the argument, the given value, and valid values."""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Iterable
from typing import Any

from . import _asglog

__all__ = ["directory", "hint", "kind", "looks_like_a_line", "names", "path", "text", "whole"]

#: A file's name, as callers give it.
_PATH = (str, bytes, os.PathLike)


def kind(value: object) -> str:
    """Returns the type of a value, as a word of a sentence."""
    return "None" if value is None else type(value).__name__


def path(value: Any, what: str = "a path") -> str:
    """Returns a path with the home folder instead of ``~``. Raises :class:`TypeError` for anything
    else, and :class:`ValueError` for a text that is no path."""
    if not isinstance(value, _PATH):
        raise TypeError(f"{what} is a text or a pathlib.Path, not {kind(value)}{_instead(value)}")
    name = os.path.expanduser(os.fsdecode(value))
    if not name:
        raise ValueError(f"{what} is empty: give the name of a file")
    for mark, which in (("\0", "a zero byte"), ("\n", "a line feed")):
        if mark in name:
            raise ValueError(f"{what} has {which}: a text of lines is no path. Save it to a file, and give the name of that")
    if len(name) > _LONGEST:
        raise ValueError(f"{what} has {len(name)} characters: that is no path. Save the text to a file, and give the name of that")
    if looks_like_a_line(name) and not os.path.lexists(name):
        raise ValueError(f"{what} looks like a line of a log, and not like a path: save the lines to a file, and give the name of that")
    return name


def looks_like_a_line(text: str) -> bool:
    """Returns whether a text begins as lines of logs do, or has parts of a packet's line, as no usual path has."""
    return "\n" in text or _LINE.match(text) is not None


_LINE = re.compile(
    r"""<[0-9]{1,3}>|\{\s*"|\[ *[0-9]+\.[0-9]+\]|[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} |[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{8}"""
    r"""|.*\bIN=\S* OUT=|.*\bSRC=\S+ DST=""",
    re.DOTALL,
)


def _instead(value: Any) -> str:
    """Returns what to do with an object that holds what a file should."""
    if hasattr(value, "columns"):
        return ": save the table to a file, and give the name of that"
    if hasattr(value, "read") or hasattr(value, "write"):
        return f": give the name of the file{', ' + repr(value.name) if isinstance(getattr(value, 'name', None), str) else ''}"
    if isinstance(value, (dict, list, tuple)):
        return ": give one path"
    return ""


#: No usual system has longer paths.
_LONGEST = 4096


def text(value: Any, what: str) -> str:
    """Returns a text. Raises :class:`TypeError` for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"{what} is a text, not {kind(value)}")
    return value


def whole(value: Any, what: str) -> int:
    """Returns a number of things. Raises :class:`TypeError` for anything else, and
    :class:`ValueError` for a negative one."""
    if isinstance(value, bool):
        raise TypeError(f"{what} is a whole number, not {value}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{what} is a whole number, not {kind(value)}") from None
    if number < 0:
        raise ValueError(f"{what} is not negative, and not {number}")
    # No table has more rows.
    return min(number, (1 << 63) - 1)


def directory(value: Any) -> Any:
    """A directory; the path of an export, or a list of paths, is one. Raises what :class:`Export` raises."""
    if isinstance(value, _PATH):
        return _asglog.Export(path(value))
    if isinstance(value, (list, tuple)):
        return _asglog.Export([path(one) for one in value])
    return value


def names(value: Any, what: str) -> list[str]:
    """Returns one name or several as a list. Raises :class:`TypeError` for anything else."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, Iterable) or isinstance(value, (bytes, bytearray)):
        raise TypeError(f"{what} is the name of a column, or a list of names, not {kind(value)}")
    return [text(name, f"{what}: each name") for name in value]


def hint(word: str, among: Iterable[str]) -> str:
    """Returns ``; did you mean …?`` if one of these is near."""
    near = _asglog.nearest(word, list(among))
    return f"; did you mean {near!r}?" if near else ""
