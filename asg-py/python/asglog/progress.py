"""Progress of a reading, for people."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from .sources import Progress


def maker(progress: Progress, total: int | None) -> Callable[[], Callable[[int, bool], None]] | None:
    """Returns the function that the native module calls at the start of each reading. Its result is
    called with the number of new bytes, and whether the reading is complete."""
    if progress is None or progress is False:
        return None
    if progress is True:
        try:
            tqdm = import_module("tqdm.auto").tqdm
        except ImportError:
            return None
        return lambda: _Bar(tqdm(total=total, unit="B", unit_scale=True))
    if not callable(progress):
        raise TypeError(f"progress is a function of bytes, or True, not {type(progress).__name__}")

    def tell(new: int, _: bool) -> None:
        if new:
            progress(new)

    return lambda: tell


class _Bar:
    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def __call__(self, new: int, is_done: bool) -> None:
        self._bar.update(new)
        if is_done:
            self._bar.close()
