"""The README's Python is run as a test, from the folder that it is written for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS: list[str] = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
CONSOLE: list[str] = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_there_is_something_to_run_in_the_readme() -> None:
    assert BLOCKS and CONSOLE


@pytest.mark.parametrize("block", BLOCKS)
def test_the_readme_runs(block: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(block, "README.md", "exec"), {})
    assert "4ccbb24c-268e-421a-9d1b-3678b6eb40d0" in capsys.readouterr().out


@pytest.mark.parametrize("block", CONSOLE)
def test_commands_print_what_the_readme_shows(block: str) -> None:
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    assert parts
    for part in parts:
        command, shown = part.split("\n", 1)
        done = subprocess.run(["sh", "-c", command], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True)
        assert done.stdout == shown, command
