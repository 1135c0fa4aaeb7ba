"""The report of logs as one page of HTML: that of ``asglog report``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from . import checks
from .consumers import module
from .errors import AsgError, AsgWarning
from .labels import Labels, LabelText, fixed
from .sources import Path, Source, items

__all__ = ["report"]


def report(
    logs: Source,
    *,
    output: Path,
    directory: Path | Sequence[Path] | None = None,
    groups: Path | Sequence[Path] | None = None,
    ledger: Path | None = None,
    networks: Labels | None = None,
    prefixes: Labels | None = None,
    year: int | None = None,
    tz: str | None = None,
    title: str | None = None,
    limit: int | None = None,
) -> None:
    """Writes a page of HTML about these logs to ``output``: what they cover and what not, who talks to what, what was denied and
    when, whose owners are unknown and why. The page is that of ``asglog report``; it loads nothing, and can be sent to others.

    ``directory``, ``groups`` and ``ledger`` are the paths of an export, of saved security groups, and of a saved ledger; ``tz`` is
    the zone of times, ``title`` the page's, and ``limit`` the most rows of a table. The other arguments are as with
    :func:`asglog.correlate`.

    Raises :class:`OSError` for a log that is not there, and :class:`AsgError` with the program's own words if no page could be
    written. What the program has to say about a page that it wrote is an :class:`AsgWarning`.
    """
    path = checks.path(output, "output")
    # Imported here, because few programs write reports.
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory(prefix="asglog-") as folder:
        options = ["--output", path, "--quiet"]
        options += _listed("cc-export", directory, "directory") + _listed("groups", groups, "groups")
        options += [] if ledger is None else ["--ledger", checks.path(ledger, "ledger")]
        for option, value in (("year", year), ("limit", limit)):
            options += [] if value is None else [f"--{option}", str(checks.whole(value, option))]
        for option, text in (("tz", tz), ("title", title)):
            options += [] if text is None else [f"--{option}", checks.text(text, option)]
        for option, labels in zip(("networks", "prefixes"), fixed(networks, prefixes), strict=True):
            options += [word for n, one in enumerate(labels) for word in (f"--{option}", _labels(one, folder, f"{option}-{n}"))]
        names = [_name(kind, name, value, folder, n) for n, (kind, name, value, _) in enumerate(items(logs, again=True))]
        command = [sys.executable, "-m", "asglog", "report", *options, "--", *names]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL)
    said = done.stderr.strip().removeprefix("asglog: ")
    if done.returncode > 1 or not os.path.exists(path):
        raise AsgError(said or f"the report ended with status {done.returncode}")
    if done.returncode == 1:
        import warnings

        warnings.warn(said, AsgWarning, stacklevel=2)


def _listed(option: str, given: Any, what: str) -> list[str]:
    if given is None:
        return []
    if hasattr(given, "resolve") and hasattr(given, "paths"):
        given = given.paths
    paths = [given] if isinstance(given, (str, bytes, os.PathLike)) else given
    if not isinstance(paths, (list, tuple)):
        raise TypeError(f"{what}: a report is made by the program, which takes paths, not {checks.kind(given)}")
    return [word for one in paths for word in (f"--{option}", checks.path(one, what))]


def _labels(one: LabelText, folder: str, name: str) -> str:
    ending = "json" if one.text.lstrip()[:1] in ("[", "{") else "csv"
    return _saved(os.path.join(folder, f"{name}.{ending}"), one.text.encode())


def _name(kind: str, name: str, value: Any, folder: str, number: int) -> str:
    """Returns the path of a log; what is none is saved to a file."""
    if kind == "path":
        return name
    content = value if isinstance(value, bytes) else b"\n".join(line or b"" for line in value) if kind == "lines" else None
    if content is None and kind == "column":
        arrow = module("pyarrow")
        column = arrow.chunked_array(arrow.table([value], ["x"]).column(0)).cast("binary")
        content = b"\n".join(one or b"" for one in column.to_pylist())
    if content is None:
        content = value.read()
        content = content if isinstance(content, bytes) else content.encode()
    return _saved(os.path.join(folder, f"log-{number}.log"), content)


def _saved(path: str, content: bytes) -> str:
    with open(path, "wb") as file:
        file.write(content)
    return path
