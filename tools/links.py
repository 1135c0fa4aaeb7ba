#!/usr/bin/env python3
"""Checks that links between the repository's pages lead to files and headings that exist.

usage: links.py        one line for each broken link; exit status 1 if there is one

Links to the network are not followed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """The Markdown files that git knows or would add."""
    command = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z", "*.md"]
    try:
        names = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        found = (path for path in ROOT.rglob("*.md") if "target" not in path.parts)
        return sorted(found)
    return sorted(ROOT / name for name in set(names) if name and (ROOT / name).exists())


def slug(heading: str) -> str:
    """The anchor of a heading, as forges and MkDocs make it.

    >>> slug("6. When the answer is \\"unknown\\"")
    '6-when-the-answer-is-unknown'
    """
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", plain))


@cache
def anchors(page: Path) -> frozenset[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return frozenset(slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE))


def broken() -> Iterator[str]:
    """A sentence for each link that leads nowhere."""
    for page in pages():
        text = FENCE.sub("", page.read_text(encoding="utf-8"))
        for target in LINK.findall(text):
            # Links to the network, and paths of items in pages that rustdoc includes.
            if re.match(r"[a-z][a-z0-9+.-]*:", target) or "::" in target:
                continue
            name, _, anchor = target.partition("#")
            file = (page.parent / name).resolve() if name else page
            where = page.relative_to(ROOT)
            if not file.exists():
                yield f"{where}: {target}: there is no such file"
            elif anchor and file.suffix == ".md" and anchor not in anchors(file):
                yield f"{where}: {target}: there is no such heading"


def main() -> int:
    found = list(broken())
    print(*found, sep="\n" if found else "", end="\n" if found else "")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
