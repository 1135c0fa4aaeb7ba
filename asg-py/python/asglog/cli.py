"""The console script ``asglog``. The native module runs the program; this file connects it with the signals of the process."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from . import _asglog

__all__ = ["main"]


def main(args: Sequence[str] | None = None) -> int:
    """Runs the program with these arguments, or the process's, and returns its exit status: 0 if everything was done, 1 if
    something was left out, 2 if nothing could be done. Ctrl-C, SIGTERM and SIGHUP end the process with 128 and the number of
    the signal."""
    given = list(sys.argv[1:] if args is None else args)
    with _ending_signals():
        status = _asglog.command_line(given)
        if status > 128:
            # A thread may still wait for a pipe or a server.
            os._exit(status)
    return status


@contextmanager
def _ending_signals() -> Iterator[None]:
    """Has SIGTERM and SIGHUP raise :class:`SystemExit`, as far as this thread may decide that."""
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before: list[tuple[int, Callable[[int, FrameType | None], Any] | int | None]] = []
    if threading.current_thread() is threading.main_thread():
        # A signal that is ignored, as under nohup, stays ignored.
        before = [(n, signal.signal(n, _exit)) for n in numbers if signal.getsignal(n) is signal.SIG_DFL]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _exit(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
