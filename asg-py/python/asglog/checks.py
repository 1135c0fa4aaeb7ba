"""Checks of arguments: each error names the argument, the given value, and valid values."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable
from typing import Any

from . import _asglog

__all__ = ["directory", "hint", "kind", "names", "path", "text", "whole"]

#: A file's name, as callers give it.
_PATH = (str, bytes, os.PathLike)


def kind(value: object) -> str:
    """Returns the type of a value, as a word of a sentence."""
    return "None" if value is None else type(value).__name__


def path(value: Any, what: str = "a path") -> str:
    """Returns a path with the home folder instead of ``~``. Raises :class:`TypeError` for anything
    else."""
    if not isinstance(value, _PATH):
        raise TypeError(f"{what} is a text or a pathlib.Path, not {kind(value)}")
    return os.path.expanduser(os.fsdecode(value))


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
