#!/usr/bin/env python3
"""Counts public functions whose documentation has an example that asserts something.

usage: doc_examples.py [--missing] [--floor PERCENT] FILE.json…

The files are rustdoc's JSON, one for each crate, which this command writes into target/doc:

    RUSTC_BOOTSTRAP=1 RUSTDOCFLAGS="-Z unstable-options --output-format json" \\
        cargo doc --workspace --exclude asg-py --all-features --no-deps

`own` counts functions with an asserting example in their own documentation. `shown` adds those that
an asserting example of their type, their module or a sibling calls by name. With `--missing` the
functions without either are listed, and with `--floor` a crate whose own share is below it gives
exit status 1.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

BLOCK = re.compile(r"^```(?!text|console|sh|python|toml|json|ignore)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Function(NamedTuple):
    """A public function: its path, its documentation, and the examples around it."""

    path: str
    docs: str
    around: str


def examples(docs: str | None) -> str:
    """The code of the examples in a documentation that assert something."""
    return "\n".join(code for code in BLOCK.findall(docs or "") if "assert" in code)


def functions(crate: dict[str, Any]) -> Iterator[Function]:
    """The functions that a user of the crate can name."""
    index: dict[str, Any] = crate["index"]
    seen: set[int] = set()

    def look(number: int, path: str, around: str) -> Iterator[Function]:
        item = index.get(str(number))
        if item is None or number in seen or item["crate_id"] != 0:
            return
        (kind, inner), *_ = item["inner"].items()
        if item["visibility"] not in ("public", "default") or "#[doc(hidden)]" in str(item["attrs"]):
            return
        if kind != "use":
            seen.add(number)
        name = f"{path}::{item['name']}" if path else item["name"]
        docs = item["docs"] or ""
        match kind:
            case "module":
                for child in inner["items"]:
                    yield from look(child, name, examples(docs))
            case "use":
                if inner.get("id") is not None:
                    yield from look(inner["id"], path, around)
            case "function":
                yield Function(name, docs, around)
            case "struct" | "enum" | "trait" | "union":
                impls = inner.get("impls", [])
                own = [i for i in impls if (it := index.get(str(i))) and it["inner"]["impl"]["trait"] is None]
                members = [m for i in own for m in index[str(i)]["inner"]["impl"]["items"]] + inner.get("items", [])
                together = [docs] + [(index.get(str(m)) or {}).get("docs") or "" for m in members]
                code = "\n".join([around, *map(examples, together)])
                for member in members:
                    yield from look(member, name, code)

    yield from look(crate["root"], "", "")


def main(arguments: list[str]) -> int:
    is_listing = "--missing" in arguments
    floor = 0.0
    files = []
    rest = iter(a for a in arguments if a != "--missing")
    for argument in rest:
        if argument == "--floor":
            floor = float(next(rest))
        else:
            files.append(Path(argument))
    if not files:
        print(__doc__, file=sys.stderr)
        return 2
    is_low = False
    for file in files:
        every = list(functions(json.loads(file.read_text(encoding="utf-8"))))
        own = {f.path for f in every if examples(f.docs)}
        called = {f.path for f in every if re.search(rf"\b{f.path.rsplit('::', 1)[1]}\b(?:::<[^>]*>)?\(", f.around)}
        shown = own | called
        share = 100 * len(own) / max(len(every), 1)
        print(f"{file.stem}: {len(own)} of {len(every)} functions have an example ({share:.1f} %); {len(shown)} are shown")
        is_low |= share < floor
        if is_listing:
            print(*sorted(f"  {f.path}" for f in every if f.path not in shown), sep="\n")
    return int(is_low)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
