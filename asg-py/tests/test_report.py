"""``asglog.report`` writes the page that ``asglog report`` writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import LOGS

import asglog
from asglog.sources import Source


def numbers(page: str) -> list[str]:
    """Returns the page without what differs between two runs."""
    return re.findall(r"<td[^>]*>([^<]*)</td>", page)


def test_a_page_is_written_from_paths_bytes_and_lines(tmp_path: Path) -> None:
    pages: list[str] = []
    sources: tuple[Source, ...] = (LOGS, [log.read_bytes() for log in LOGS])
    for n, logs in enumerate(sources):
        output = tmp_path / f"{n}.html"
        asglog.report(logs, output=output, title="Mine <b>", networks={"10.0.16.8": "billing"})
        pages.append(output.read_text())
        assert "<h1>Mine &lt;b&gt;</h1>" in pages[-1] and "billing" in pages[-1]
    assert len(numbers(pages[0])) == len(numbers(pages[1])) > 20


def test_what_stops_a_report_is_said_in_the_programs_words(tmp_path: Path) -> None:
    with pytest.raises(asglog.AsgError, match="nowhere"):
        asglog.report(LOGS, output="/nowhere/x.html")
    with pytest.raises(asglog.AsgError, match="Europe/Berln"):
        asglog.report(LOGS, output=tmp_path / "x.html", tz="Europe/Berln")
