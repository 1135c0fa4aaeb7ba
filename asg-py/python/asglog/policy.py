"""Security groups: which rule allows or denies a packet, and which change would allow it."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

from . import _asglog, checks
from .sources import Path
from .times import nanos

if TYPE_CHECKING:
    from .records import Coverage, Evaluation

__all__ = ["Groups", "Policy", "PolicySettings"]

#: One file or folder, or several.
Groups: TypeAlias = Path | Sequence[Path]


class PolicySettings(TypedDict, total=False):
    """The keyword arguments of :class:`Policy`."""

    profile: Literal["silk_dynamic", "silk_static", "guardian"] | None
    settings: Mapping[str, Any] | Path | None
    group_order: Literal["unknown", "listed"] | None
    sync_tolerance: int | None
    taken_at: datetime.datetime | str | None


class Policy:
    """The security groups of a foundation at one time or several, and the settings of its cells.

    ``groups`` are files that ``asglog snapshot`` has written, pages that ``cf curl /v3/security_groups`` has printed, or
    folders of an export. Pages without a time have that of ``taken_at``, or of their file. ``settings`` is a mapping or a file
    of JSON; ``profile``, ``group_order`` and ``sync_tolerance`` (seconds) come before the settings of the same names.

    Raises :class:`OSError` if a file cannot be read, and :class:`ValueError` if it is something else.

    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp(), "groups.json")
    >>> _ = file.write_text(
    ...     '{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[{"guid":"g-1","name":"db","rules":['
    ...     '{"protocol":"tcp","destination":"10.0.11.0/24","ports":"5432"}],"globally_enabled":{"running":true}}]}')
    >>> policy = Policy(file)
    >>> policy.evaluate("tcp 10.0.11.7:5432", space="s-1").verdict
    'allow'
    >>> policy.evaluate("tcp 10.0.11.7:443", space="s-1").near[0].change
    {'ports': '5432,443'}
    """

    __slots__ = ("_native",)

    def __init__(
        self,
        groups: Groups,
        *,
        profile: Literal["silk_dynamic", "silk_static", "guardian"] | None = None,
        settings: Mapping[str, Any] | Path | None = None,
        group_order: Literal["unknown", "listed"] | None = None,
        sync_tolerance: int | None = None,
        taken_at: datetime.datetime | str | None = None,
    ) -> None:
        files = _files(groups)
        for name, text in (("profile", profile), ("group_order", group_order)):
            if text is not None:
                checks.text(text, name)
        if sync_tolerance is not None:
            sync_tolerance = checks.whole(sync_tolerance, "sync_tolerance, in seconds,")
        given = {"profile": profile, "group_order": group_order, "sync_tolerance": sync_tolerance}
        chosen = {name: value for name, value in given.items() if value is not None}
        at = None if taken_at is None else nanos(taken_at)
        self._native = _asglog.Policy(files, _json().dumps({**_read(settings), **chosen}), at)

    @property
    def notes(self) -> list[str]:
        """Sentences about what was assumed: the time of a file, or that it has all groups."""
        return self._native.notes

    def evaluate(
        self,
        packet: str | Mapping[str, Any],
        *,
        space: str | None = None,
        phase: Literal["running", "staging"] = "running",
        near: int | None = None,
    ) -> Evaluation:
        """Evaluates a packet by the latest snapshot: ``"tcp 10.0.11.7:443"``,
        ``"icmp 10.0.11.7 8/0"``, or a mapping as ``asglog explain --packets`` takes it
        (``{"proto": "tcp", "dst": "10.0.11.7", "dpt": 443}``), in which ``space`` and ``phase``
        come first.

        ``space`` is the GUID of the app's space. Without it only global groups are known, and
        nothing is certain. ``near`` is the maximum number of near misses in the answer.

        Raises :class:`ValueError` for anything but a packet.
        """
        if near is not None:
            near = checks.whole(near, "near")
        if not isinstance(packet, (str, Mapping)):
            raise TypeError(f"a packet is a text such as 'tcp 10.0.11.7:443', or a mapping, not {checks.kind(packet)}")
        if space is not None:
            checks.text(space, "space")
        checks.text(phase, "phase")
        if isinstance(packet, str):
            question = _asglog.question(packet, space, phase)
        else:
            try:
                question = _json().dumps({"space": space, "phase": phase, **packet})
            except TypeError as error:
                raise TypeError(f"a packet has texts and numbers, as in {_EXAMPLE}: {error}") from None
        from .records import Evaluation

        return Evaluation.from_dict(self._native.answer(question, near))

    def coverage(self, space: str, phase: Literal["running", "staging"] = "running") -> Coverage:
        """Returns which rules of a space leave lines in the logs, and which packets cannot leave
        any, by the last complete snapshot."""
        coverage = self._native.coverage(checks.text(space, "space"), checks.text(phase, "phase"))
        if coverage is None:
            raise ValueError("there is no snapshot")
        from .records import Coverage

        return Coverage.from_dict(coverage)


_EXAMPLE = '{"proto": "tcp", "dst": "10.0.11.7", "dpt": 443}'


def _json() -> Any:
    """Imports ``json`` on demand, because that takes longer than all of this package."""
    import json

    return json


def _read(settings: Mapping[str, Any] | Path | None) -> dict[str, Any]:
    if settings is None:
        return {}
    if isinstance(settings, Mapping):
        return dict(settings)
    path = checks.path(settings, "settings: a path")
    with open(path, encoding="utf-8") as file:
        try:
            read = _json().load(file)
        except ValueError:
            read = None
    if not isinstance(read, dict):
        raise ValueError(f"{path} has no JSON object")
    return read


def _files(groups: Any) -> list[str]:
    if isinstance(groups, (str, bytes, os.PathLike)):
        return [checks.path(groups)]
    if isinstance(groups, Mapping) or not isinstance(groups, Sequence):
        what = "groups are the paths of files that `asglog snapshot` or `cf curl /v3/security_groups` has written"
        raise TypeError(f"{what}, not {checks.kind(groups)}")
    if not groups:
        raise ValueError("there is no file of groups in the list")
    return [checks.path(one, "groups: each path") for one in groups]
