"""An extension of Griffe: docstrings as Markdown, for the site.

The package's docstrings have roles such as ``:class:`Ledger` ``, double backticks and examples behind
``>>>``. Markdown wants single backticks and fenced blocks.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":[a-z]+:`~?([^`]+)`")
EXAMPLE = re.compile(r"^>>> .*(?:\n(?!\s*$).*)*", re.MULTILINE)


def markdown(text: str) -> str:
    """The text of a docstring as Markdown.

    >>> markdown("A :class:`Ledger` or ``None``.")
    'A `Ledger` or `None`.'
    >>> markdown("One.\\n\\n>>> 1 + 1\\n2\\n\\nTwo.")
    'One.\\n\\n```pycon\\n>>> 1 + 1\\n2\\n```\\n\\nTwo.'
    """
    parts = []
    end = 0
    for example in EXAMPLE.finditer(text):
        parts += [_prose(text[end : example.start()]), f"```pycon\n{example[0]}\n```"]
        end = example.end()
    return "".join([*parts, _prose(text[end:])])


def _prose(text: str) -> str:
    return ROLE.sub(r"`\1`", text).replace("``", "`")


class Docstrings(griffe.Extension):
    """Rewrites each docstring once."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by Griffe for each object that it loads."""
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)
