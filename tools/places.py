#!/usr/bin/env python3
"""Checks the places that DESIGN.md names: `path:line` with a text of that line in brackets.

usage: places.py [--write]

A place is written as `asg-core/src/error.rs:20` (`pub struct Error`). The line must be the first of
the file that contains the text. With `--write` the numbers are set to that.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = re.compile(r"`(?P<path>[\w./-]+):(?P<line>\d+)` \(`(?P<text>[^`]+)`\)")
BARE = re.compile(r"`[\w./-]+\.\w+:\d+`(?! \(`)")


def line_of(path: str, text: str) -> int | None:
    """The number of the first line of a file that contains a text."""
    file = ROOT / path
    if not file.is_file():
        return None
    lines = enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
    return next((number for number, line in lines if text in line), None)


def main(arguments: list[str]) -> int:
    """Prints the places that are wrong, or sets their numbers; returns the exit status."""
    page = ROOT / "DESIGN.md"
    design = page.read_text(encoding="utf-8")
    wrong = [f"{place}: say in brackets what is there" for place in BARE.findall(design)]
    moved = []

    def place(match: re.Match[str]) -> str:
        found = line_of(match["path"], match["text"])
        if found is None:
            wrong.append(f"{match['path']}: no line with `{match['text']}`")
            return match[0]
        if found != int(match["line"]):
            moved.append(f"{match['path']}:{match['line']}: `{match['text']}` is in line {found}")
        return f"`{match['path']}:{found}` (`{match['text']}`)"

    correct, count = PLACE.subn(place, design)
    if "--write" in arguments:
        page.write_text(correct, encoding="utf-8")
        moved.clear()
    print(*wrong, *moved, sep="\n", end="\n" if wrong or moved else "")
    if moved:
        print("Set the numbers with `python3 tools/places.py --write`.")
    return int(bool(wrong or moved) or count == 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
