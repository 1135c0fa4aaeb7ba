#!/usr/bin/env python3
"""Tests of plain.py: which words and lines it counts, and when the check fails."""

from __future__ import annotations

import contextlib
import io
import unittest

import plain

# Written in two halves, so that this file has none of the phrases that it is about.
TELLS = "te" + "lls"


class Plain(unittest.TestCase):
    def test_prose_is_comments_docstrings_and_markdown(self) -> None:
        rust = "//! A crate.\n\n/// One\n/// sentence.\n///\n/// ```\n/// code\n/// ```\nlet x = \"text\"; // no\n"
        self.assertEqual(plain.pieces("a.rs", rust), ["A crate.", "One sentence."])
        python = '#!/usr/bin/env python3\n"""A\nmodule."""\n# Why.\nx = 1  # no\n'
        self.assertEqual(plain.pieces("a.py", python), ["Why.", "A module."])
        markdown = "One.\n\n```\ncode\n```\n\n| row |\n\nTwo."
        self.assertEqual([p.strip() for p in plain.pieces("a.md", markdown)], ["One.", "Two."])

    def test_each_phrase_is_shown_with_its_sentence(self) -> None:
        text = f"// Nothing here. The line {TELLS} more. Nothing there.\n"
        self.assertEqual(plain.hits("a.rs", text), [("tell", f"The line {TELLS} more.")])
        question = "// Wh" + "o asks?\n"
        self.assertEqual(plain.hits("a.rs", question), [])

    def test_long_comments_are_counted_and_tables_and_addresses_are_not(self) -> None:
        words = "word " * 25
        for path, line, count in [
            ("a.rs", f"    /// {words}", 1),
            ("a.rs", f"    let x = {words}", 0),
            ("a.rs", f"    # {words}", 0),
            ("a.py", f"# {words}", 1),
            ("a.toml", f"# | {words} |", 0),
            ("a.rs", "// https://example.org/" + "x" * 100, 0),
            ("a.md", f"# {words}", 0),
        ]:
            self.assertEqual(len(plain.long_comments(path, line)), count, line)

    def checked(self, texts: dict[str, str], table: dict[str, dict[str, float]]) -> tuple[int, str]:
        """The check's status and output for these files and this table."""
        before, printed = plain.files, io.StringIO()
        plain.files = lambda: ((p.split("/")[0], p, text) for p, text in texts.items())
        try:
            with contextlib.redirect_stdout(printed):
                return plain.check(table), printed.getvalue()
        finally:
            plain.files = before

    def test_the_check_fails_above_the_limit_and_shows_the_sentence(self) -> None:
        for words, status in [(498, 0), (497, 1)]:
            texts = {"room/a.rs": "// " + "word " * words + f"it {TELLS}.\n"}
            found, printed = self.checked(texts, {plain.LONG: {"room": 1.0}})
            self.assertEqual(found, status, printed)
            self.assertEqual("room/a.rs: tell: " in printed, status == 1, printed)

    def test_the_check_asks_for_a_lower_table_where_long_comments_fell(self) -> None:
        for allowed, status in [(1.0, 0), (0.0, 1), (2.0, 0)]:
            texts = {"room/a.rs": "// " + "word " * 30 + "\n"}
            found, printed = self.checked(texts, {plain.LONG: {"room": allowed}})
            self.assertEqual(found, status, printed)
            self.assertEqual("--lower" in printed, allowed == 2.0, printed)

    def test_a_folder_without_a_row_may_have_none(self) -> None:
        empty: dict[str, dict[str, float]] = {plain.LONG: {}}
        self.assertEqual(self.checked({"new/a.rs": "// A word.\n"}, empty), (0, ""))
        status, printed = self.checked({"new/a.rs": "// " + "word " * 30 + "\n"}, empty)
        self.assertEqual(status, 1)
        self.assertIn("new/a.rs:1: // word", printed)


if __name__ == "__main__":
    unittest.main()
