"""Directories: what turns process, app and task GUIDs into names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from . import _asglog


@dataclass(frozen=True)
class CloudController:
    """A live Cloud Controller.

    ``token`` is a bearer token as ``cf oauth-token`` prints it; it never appears in ``repr`` or an error.
    """

    url: str
    token: str = field(repr=False)
    skip_ssl_validation: bool = False

    @classmethod
    def from_cf_cli(cls, path: str | os.PathLike[str] | None = None) -> CloudController:
        """The target and token of the cf CLI, from its ``config.json`` (by default the one in ``CF_HOME`` or home)."""
        url, token, skip = _asglog.cf_cli_config(None if path is None else os.fspath(path))
        return cls(url, token, skip)

    def _spec(self) -> _asglog.DirectorySpec:
        return ("cc", self.url, self.token, self.skip_ssl_validation)


@dataclass(frozen=True, init=False)
class Export:
    """Pages saved with ``cf curl /v3/apps`` and its like: a directory without a network."""

    paths: tuple[str, ...]

    def __init__(self, paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> None:
        one = isinstance(paths, str | os.PathLike)
        names = tuple(os.fspath(path) for path in ([paths] if one else paths))  # type: ignore[list-item, union-attr]
        object.__setattr__(self, "paths", names)

    def _spec(self) -> _asglog.DirectorySpec:
        return ("export", list(self.paths))


Directory: TypeAlias = CloudController | Export
