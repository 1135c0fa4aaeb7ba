"""A hook of MkDocs: links that leave the folder `docs` go to the repository, or become text.

The pages are read in the repository too, where such links work as they are.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")


def on_page_markdown(markdown: str, /, *, page: Any, config: Any, files: Any) -> str:
    """Called by MkDocs for each page."""
    folder = posixpath.dirname(page.file.src_uri)
    return outward(markdown, folder, config["repo_url"])


def outward(markdown: str, folder: str, repository: str | None) -> str:
    """The page with its outward links changed.

    >>> outward("[a](../benches/README.md) [b](c.md) [d](https://d.example)", "", None)
    'a (`benches/README.md`) [b](c.md) [d](https://d.example)'
    >>> outward("[a](../../x/y.md)", "python", "https://r.example/o/n")
    '[a](https://r.example/o/n/blob/HEAD/x/y.md)'
    """

    def change(match: re.Match[str]) -> str:
        text, target = match.groups()
        path = posixpath.normpath(posixpath.join("docs", folder, target))
        if "://" in target or target.startswith("#") or path.startswith("docs/") or path == "docs":
            return match[0]
        if repository:
            return f"[{text}]({repository.rstrip('/')}/blob/HEAD/{path})"
        return f"{text} (`{path}`)"

    return LINK.sub(change, markdown)
