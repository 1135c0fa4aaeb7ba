#!/usr/bin/env python3
"""Finds types and traits of other crates in the public signatures of a crate.

usage: public_types.py FILE.json ALLOWED[,ALLOWED…]

The file is rustdoc's JSON, which `.ci/examples` writes into target/doc. Types of the standard
library are always allowed, and those of the crates that are named. Gives exit status 1 if another
crate's type is in a signature, a field, an alias, a bound, or an implementation that users can
reach.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STANDARD = {"std", "core", "alloc"}


def named(value: Any) -> Iterator[tuple[int, str]]:
    """The ids and paths that a signature names."""
    if isinstance(value, list):
        for inner in value:
            yield from named(inner)
    elif isinstance(value, dict):
        if isinstance(value.get("id"), int) and isinstance(value.get("path"), str):
            yield value["id"], value["path"]
        for inner in value.values():
            yield from named(inner)


def signatures(crate: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The public items, and what of each can name types."""
    index: dict[str, Any] = crate["index"]
    seen: set[int] = set()

    def look(number: int, path: str) -> Iterator[tuple[str, Any]]:
        item = index.get(str(number))
        if item is None or number in seen or item["crate_id"] != 0:
            return
        (kind, inner), *_ = item["inner"].items()
        if item["visibility"] not in ("public", "default") or "hidden" in str(item["attrs"]):
            return
        if kind != "use":
            seen.add(number)
        name = f"{path}::{item['name']}" if path and item["name"] else item["name"] or path
        match kind:
            case "module":
                for child in inner["items"]:
                    yield from look(child, name)
            case "use":
                if inner.get("id") is not None and str(inner["id"]) not in index:
                    yield path, {"id": inner["id"], "path": inner["source"]}
                elif inner.get("id") is not None:
                    yield from look(inner["id"], path)
            case "struct" | "enum" | "trait" | "union":
                yield name, [inner.get("generics"), inner.get("bounds")]
                yield from children(inner, name)
            case "variant":
                yield from children(inner["kind"] if isinstance(inner["kind"], dict) else {}, name)
            case "impl":
                # Automatic and blanket implementations are not part of this crate's text.
                if not inner["is_synthetic"] and inner["blanket_impl"] is None:
                    yield path, [inner["trait"], inner["generics"], inner["for"]]
                    for child in inner["items"]:
                        yield from look(child, path)
            case _:
                yield name, inner

    def children(value: Any, path: str) -> Iterator[tuple[str, Any]]:
        if isinstance(value, list):
            for inner in value:
                yield from children(inner, path)
        elif isinstance(value, dict):
            for key, inner in value.items():
                if key not in ("generics", "bounds", "implementations"):
                    yield from children(inner, path)
        elif isinstance(value, int) and not isinstance(value, bool):
            yield from look(value, path)

    yield from look(crate["root"], "")


def main(arguments: list[str]) -> int:
    """Prints each foreign type once for each item, and returns the exit status."""
    file, allowed = arguments
    crate = json.loads(Path(file).read_text(encoding="utf-8"))
    may = STANDARD | set(allowed.split(","))
    found: set[str] = set()
    count = 0
    for item, signature in signatures(crate):
        count += 1
        for number, path in named(signature):
            summary = crate["paths"].get(str(number))
            if summary is None or summary["crate_id"] == 0:
                continue
            owner = crate["external_crates"][str(summary["crate_id"])]["name"]
            if owner not in may:
                found.add(f"{item}: {path} is of `{owner}`")
    print(*sorted(found), sep="\n", end="\n" if found else "")
    print(f"{Path(file).stem}: {count} signatures, {len(found)} types of other crates")
    # A file in another version's format would show nothing.
    return int(bool(found) or count < 100)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
