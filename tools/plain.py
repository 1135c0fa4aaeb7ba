#!/usr/bin/env python3
"""Keeps the prose of this repository plain.

usage: plain.py              a row for each folder: turns of phrase per 1,000 words, and long comments
       plain.py --check      fail if a folder has more than two such turns per 1,000 words, or more
                             long comments than tools/plain.json allows
       plain.py --lower      write the counts of long comments into tools/plain.json where they fell
       plain.py --since REV  the sentences in lines that were added since REV

Two things are counted in each folder of the top level: turns of phrase that make comments, docs and
Markdown hard to read, and comment lines that are longer than 100 columns. Only the files and the
table are compared, so a clone without history gives the same answer.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = Path(__file__).with_name("plain.json")
COLUMNS = 100
PHRASES = "phrases per 1,000 words"
LONG = "comment lines over 100 columns"
SHOWN = 25
#: The turns of phrase that a folder may have in 1,000 words.
MOST_PHRASES = 2.0

PATTERNS = {
    "the same": re.compile(r"(?:^|[.:] )(?:The same|As above|As in)\b"),
    "what/who": re.compile(
        r"(?:^|[.] )(?:What|Who|Whose|Whoever|Whichever|Of what|Of whom)\b(?![^.?]*\?)"
    ),
    "tell": re.compile(r"\b(?:tells?|told)\b"),
    "say": re.compile(r"\b(?:says?|said)\b"),
    "of which": re.compile(r"\bof (?:which|whose|whom)\b"),
    "is no": re.compile(r"\b(?:is|are|was|were) no(?:ne|body)?\b(?! longer)"),
    "stands": re.compile(r"\bstands?\b"),
}
PROSE = (".rs", ".py", ".pyi", ".md")
COMMENT = re.compile(r"^\s*(?:///|//!|//|#)\s?(.*)$")
MARKS = {".rs": "//", ".py": "#", ".pyi": "#", ".sh": "#", ".toml": "#"}


def pieces(path: str, text: str) -> list[str]:
    """The prose of a file: one item for each paragraph of a comment, a docstring or Markdown."""
    if path.endswith(".md"):
        text = re.sub(r"```.*?```", "", text, flags=re.S)
        return [p for p in re.split(r"\n\s*\n", text) if not p.lstrip().startswith("|")]
    found: list[str] = []
    paragraph: list[str] = []

    def end() -> None:
        if paragraph:
            found.append(" ".join(paragraph))
            paragraph.clear()

    is_code = False
    for line in text.split("\n"):
        comment = COMMENT.match(line)
        if comment is None or line.lstrip().startswith(("#!", "#[")):
            end()
            continue
        words = comment[1].strip()
        if words.startswith("```"):
            is_code = not is_code
        elif is_code:
            continue
        elif words:
            paragraph.append(words)
        else:
            end()
    end()
    if path.endswith((".py", ".pyi")):
        found += [" ".join(doc.split()) for doc in re.findall(r'"""(.*?)"""', text, flags=re.S)]
    return found


def hits(path: str, text: str) -> list[tuple[str, str]]:
    """Each turn of phrase, with the sentence around it."""
    found = []
    for piece in pieces(path, text):
        for name, pattern in PATTERNS.items():
            for match in pattern.finditer(piece):
                before = piece.rfind(". ", 0, match.start() + 1)
                start = before + 2 if before >= 0 else 0
                after = piece.find(". ", match.end())
                sentence = piece[start : after + 1 if after >= 0 else len(piece)]
                found.append((name, " ".join(sentence.split())))
    return found


def long_comments(path: str, text: str) -> list[tuple[int, str]]:
    """Comment lines that are too long, with their numbers; table rows and single words may be."""
    mark = MARKS.get(Path(path).suffix)
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        comment = COMMENT.match(line)
        if mark is None or len(line) <= COLUMNS or comment is None:
            continue
        words = comment[1].strip()
        is_row = words.startswith("|")
        if line.lstrip().startswith(mark) and not is_row and " " in words:
            found.append((number, line.strip()))
    return found


def listed() -> list[str]:
    """Paths of the files that git knows or would add; of all files where git cannot answer."""
    command = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z"]
    try:
        answer = subprocess.run(command, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        paths = [path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file()]
        return sorted(path.as_posix() for path in paths if "target" not in path.parts)
    return sorted(set(os.fsdecode(answer).split("\0")))


def files() -> Iterator[tuple[str, str, str]]:
    """Folder, path and text of each file."""
    for path in listed():
        if not path.endswith(tuple(MARKS) + PROSE):
            continue
        try:
            text = (ROOT / path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue  # deleted, or not text
        yield (path.split("/")[0] if "/" in path else "."), path, text


class Folder:
    """Counts of one folder, and where they come from."""

    def __init__(self) -> None:
        self.words = 0
        self.by_name = dict.fromkeys(PATTERNS, 0)
        self.sentences: list[str] = []
        self.long: list[str] = []

    def add(self, path: str, text: str) -> None:
        if path.endswith(PROSE):
            self.words += sum(len(piece.split()) for piece in pieces(path, text))
            for name, sentence in hits(path, text):
                self.by_name[name] += 1
                self.sentences.append(f"{path}: {name}: {sentence}")
        self.long += [f"{path}:{number}: {line}" for number, line in long_comments(path, text)]

    def counts(self) -> dict[str, float]:
        rate = 1000 * len(self.sentences) / self.words if self.words else 0.0
        return {PHRASES: math.ceil(rate * 100) / 100, LONG: len(self.long)}


def measure() -> dict[str, Folder]:
    folders: dict[str, Folder] = {}
    for name, path, text in files():
        folders.setdefault(name, Folder()).add(path, text)
    return dict(sorted(folders.items()))


def added(revision: str) -> dict[str, list[str]]:
    """Lines that were added since a revision, by path; empty if git does not know."""
    command = ["git", "-C", str(ROOT), "diff", "-U0", "--no-ext-diff", revision, "--"]
    diff = subprocess.run(command, capture_output=True).stdout.decode(errors="replace")
    lines: dict[str, list[str]] = {}
    path = ""
    for line in diff.split("\n"):
        if line.startswith("+++ "):
            path = line[6:]
        elif line.startswith("+"):
            lines.setdefault(path, []).append(line[1:])
    return lines


def suspects(name: str, folder: Folder, what: str) -> tuple[str, list[str]]:
    """The places to show: those since the table was last written, if git knows; else all."""
    everything = folder.sentences if what == PHRASES else folder.long
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%H", "--", str(TABLE)]
    last = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    new = added(last) if last else {}
    places = []
    for path, lines in new.items():
        if (path.split("/")[0] if "/" in path else ".") != name:
            continue
        for line in lines:
            if what == PHRASES and path.endswith(PROSE):
                places += [f"{path}: {n}: {sentence}" for n, sentence in hits(path, line)]
            elif what == LONG:
                places += [f"{path}: {text}" for _, text in long_comments(path, line)]
    if places:
        return f"added since {last[:7]}, which wrote the table", places
    return "all of them", everything


def check(table: dict[str, dict[str, float]]) -> int:
    """Compares phrases with the limit, and long comments with the table; a folder that is not in
    the table may have none."""
    is_bad = can_fall = False
    folders = measure()
    for name, folder in folders.items():
        for what, count in folder.counts().items():
            allowed = MOST_PHRASES if what == PHRASES else table[what].get(name, 0)
            can_fall |= what == LONG and count < allowed
            if count <= allowed:
                continue
            is_bad = True
            print(f"{name}: {count:g} {what}; {allowed:g} are allowed")
            which, places = suspects(name, folder, what)
            print(f"  {which}:")
            for place in places[:SHOWN]:
                print(f"  {place[:300]}")
            if len(places) > SHOWN:
                print(f"  … and {len(places) - SHOWN} more")
    if is_bad:
        print(
            "Write these sentences plainly and wrap these comments. Comments that only moved from one\n"
            "folder to another may take their number along: change both rows of tools/plain.json by hand."
        )
    elif can_fall:
        print("Some counts fell: keep them there with `python3 tools/plain.py --lower`.")
    return int(is_bad)


def lower(table: dict[str, dict[str, float]]) -> None:
    """Writes counts that fell, and drops folders that are gone; never raises a count."""
    rows = {name: folder.counts()[LONG] for name, folder in measure().items()}
    old = table.get(LONG, rows)
    table = {LONG: {name: min(count, old.get(name, 0)) for name, count in rows.items()}}
    TABLE.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def show() -> None:
    print("per 1,000 words".ljust(16), *(n.rjust(9) for n in PATTERNS), "     all  long lines")
    for name, folder in measure().items():
        if folder.words or folder.long:
            rates = [1000 * k / max(folder.words, 1) for k in folder.by_name.values()]
            row = "".join(f"{rate:10.1f}" for rate in [*rates, sum(rates)])
            print(name.ljust(16) + row + f"{len(folder.long):12}")


def main(arguments: list[str]) -> int:
    table = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {}
    match arguments:
        case []:
            show()
        case ["--check"]:
            return check(table)
        case ["--lower"]:
            lower(table)
        case ["--since", revision]:
            for path, lines in added(revision).items():
                if path.endswith(PROSE):
                    for name, sentence in (hit for line in lines for hit in hits(path, line)):
                        print(f"{path}: {name}: {sentence[:200]}")
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
