"""The program ``asglog``. What it does is done by the native module; this hands over the arguments and looks after Ctrl-C."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Sequence

from . import _asglog

__all__ = ["main"]

#: What a shell makes of a program that Ctrl-C has ended.
_INTERRUPTED = 130


def main(args: Sequence[str] | None = None) -> int:
    """Runs the command line with these arguments, or the program's; gives the exit status: 0 if all is well, 1 if something was
    left out, 2 if nothing could be done. After Ctrl-C it ends the process with status 130."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if is_terminal else None
    colour = is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    progress = _bar if sys.stderr is not None and sys.stderr.isatty() else None
    given = list(sys.argv[1:] if args is None else args)
    status, done = [2], threading.Event()

    def work() -> None:
        try:
            status[0] = _asglog.command_line(given, width, colour, progress)
        finally:
            done.set()

    # The main thread is the one that Ctrl-C comes to, and it must not wait for anything else then. It waits for an event,
    # because a thread that was waited for and interrupted counts as ended.
    worker = threading.Thread(target=work, name="asglog", daemon=True)
    try:
        worker.start()
        done.wait()
    except KeyboardInterrupt:
        _asglog.stop_command_line()
        _end(done)
    return status[0]


def _end(done: threading.Event) -> None:
    """Ends the process. The worker may still clear up, but what waits for a pipe or a server is not waited for."""
    try:
        done.wait(timeout=0.5)
    except KeyboardInterrupt:
        pass
    finally:
        _asglog.remove_halves()
        os._exit(_INTERRUPTED)


def _bar(total: int | None) -> Callable[[], Callable[[int, bool], None]]:
    """How far a reading is, of so many bytes: a line on the terminal, after a moment."""

    def make() -> Callable[[int, bool], None]:
        read, shown = 0, time.monotonic()
        is_shown = False

        def tell(new: int, is_done: bool) -> None:
            nonlocal read, shown, is_shown
            read += new
            if is_done:
                if is_shown:
                    print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            elif time.monotonic() - shown >= 0.5:
                shown, is_shown = time.monotonic(), True
                part = f" of {total // 1_000_000} MB ({read * 100 // total} %)" if total and read <= total else " MB"
                print(f"\r\x1b[Kreading: {read // 1_000_000}{part}", end="", file=sys.stderr, flush=True)

        return tell

    return make
