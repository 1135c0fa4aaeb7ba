"""The caller's names for networks, and verdicts for the log prefixes of other firewalls."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from . import _asglog, checks
from .sources import Path

__all__ = ["Labels", "LabelText", "fixed", "labelled"]


class LabelText(NamedTuple):
    """The text of a file of CSV or JSON, and its name."""

    name: str
    text: str


#: Networks and names, or patterns and verdicts: a mapping, a file of CSV or JSON, or several of
#: these.
Labels: TypeAlias = Mapping[str, str] | Path | Iterable[Mapping[str, str] | Path | LabelText]

_NETWORKS = ("network", "name")
_PREFIXES = ("pattern", "verdict")


def labelled(native: _asglog.Table, networks: Labels | None, prefixes: Labels | None) -> _asglog.Table:
    """Returns the table with these names and verdicts. Raises :class:`OSError` if a file cannot be
    read, and :class:`ValueError` for a malformed row."""
    if networks is None and prefixes is None:
        return native
    return native.labelled(_texts(networks, "networks", _NETWORKS), _texts(prefixes, "prefixes", _PREFIXES))


def fixed(networks: Labels | None, prefixes: Labels | None) -> tuple[list[LabelText], list[LabelText]]:
    """Reads both here, for other machines, which do not have the files."""
    return _texts(networks, "networks", _NETWORKS), _texts(prefixes, "prefixes", _PREFIXES)


def _texts(given: Any, what: str, heads: tuple[str, str]) -> list[LabelText]:
    if given is None:
        return []
    if isinstance(given, LabelText):
        return [given]
    one, other = heads
    if isinstance(given, Mapping):
        import json

        rows = [
            {one: checks.text(str(key), what), other: checks.text(value, f"{what}: the {other} of {str(key)!r}")}
            for key, value in given.items()
        ]
        return [LabelText(what, json.dumps(rows))] if rows else []
    if isinstance(given, (str, bytes, os.PathLike)):
        path = checks.path(given)
        with open(path, encoding="utf-8") as file:
            try:
                return [LabelText(path, file.read())]
            except UnicodeDecodeError:
                raise ValueError(f"{path}: this is no text of CSV or JSON") from None
    if isinstance(given, Iterable):
        return [text for part in given for text in _texts(part, what, heads)]
    raise TypeError(f"{what} is a mapping ({one} to {other}) or the path of a file of CSV or JSON, not {checks.kind(given)}")
