"""The Python and the commands of the README and the book run, from the folder that they are written for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(language: str) -> list[object]:
    """The blocks of this language in all pages, each with the name of its page."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [
        pytest.param(page, block, id=f"{page.name}-{number}")
        for page in PAGES
        for number, block in enumerate(pattern.findall(page.read_text()), 1)
    ]


PYTHON, CONSOLE = blocks("python"), blocks("console")


def test_there_is_something_to_run() -> None:
    assert len(PYTHON) > 10 and len(CONSOLE) > 2


@pytest.mark.parametrize(("page", "block"), PYTHON)
def test_the_python_of_a_page_runs(
    page: Path, block: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(block, page.name, "exec"), {})
    shown = capsys.readouterr().out
    assert "4ccbb24c-268e-421a-9d1b-3678b6eb40d0" in shown or "\nassert " in block
    if page.name == "README.md":
        assert "4ccbb24c-268e-421a-9d1b-3678b6eb40d0" in shown


@pytest.mark.parametrize(("page", "block"), CONSOLE)
def test_commands_print_what_a_page_shows(page: Path, block: str) -> None:
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    assert parts, page.name
    for part in parts:
        command, shown = part.split("\n", 1)
        done = subprocess.run(["sh", "-c", command], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True)
        assert done.stdout == shown, command
