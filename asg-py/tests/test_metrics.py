"""The parser of Prometheus' own client accepts the output of
``asglog correlate --follow --metrics``."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import LOGS, ROOT
from test_cli import ASGLOG, environment

import asglog

parser = pytest.importorskip("prometheus_client.openmetrics.parser")

SHOP = [str(path) for path in sorted((ROOT / "examples/notebooks/sample/shop").glob("*.json"))]
HEADLINES = ("asg_flows", "asg_denials", "asg_lines")


def written(folder: Path, log: bytes, *more: str) -> str:
    """Returns the metrics of a followed pipe, after its end."""
    path = folder / "asg.prom"
    args: list[str | Path] = [ASGLOG, "correlate", "--follow", "--hold", "7d", "--format", "ndjson", "--metrics", str(path), *more, "--", "-"]
    done = subprocess.run(args, input=log, capture_output=True, env=environment(), timeout=120)
    assert done.returncode == 0, done.stderr
    return path.read_text()


def samples(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Returns the samples of each family, by their labels."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in parser.text_string_to_metric_families(text):
        assert family.documentation, family.name
        for sample in family.samples:
            found.setdefault(family.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def test_an_independent_parser_reads_the_counts(tmp_path: Path) -> None:
    text = written(tmp_path, LOGS[1].read_bytes(), "--cc-export", *SHOP)
    found = samples(text)
    assert set(HEADLINES) <= set(found)
    flows = list(asglog.correlate(LOGS[1], directory=asglog.Export(SHOP)))
    wanted = Counter((flow.plane, flow.verdict) for flow in flows)
    told: Counter[Any] = Counter()
    for labels, value in found["asg_flows"].items():
        told[dict(labels)["plane"], dict(labels)["verdict"]] += int(value)
    assert told == wanted
    denials = {dict(labels).get("app", ""): value for labels, value in found["asg_denials"].items()}
    assert denials == {"orders": 1, "mailer": 1, "": 1}
    lines = {dict(labels)["outcome"]: int(value) for labels, value in found["asg_lines"].items()}
    assert sum(lines.values()) == len(LOGS[1].read_bytes().splitlines()) and lines["packet"] == len(flows)


def test_types_are_told_and_the_text_has_an_end(tmp_path: Path) -> None:
    text = written(tmp_path, LOGS[1].read_bytes())
    families = list(parser.text_string_to_metric_families(text))
    assert {family.type for family in families} <= {"counter", "gauge"}
    names = [family.name for family in families]
    assert len(names) == len(set(names)) and all(name.startswith("asg_") for name in names)
    assert text.endswith("# EOF\n")
    with pytest.raises(ValueError):
        # The parser rejects malformed text.
        list(parser.text_string_to_metric_families(text.removesuffix("# EOF\n")))


def test_names_of_apps_cannot_break_the_text(tmp_path: Path) -> None:
    page = Path(SHOP[0]).read_text()
    assert "apps.json" in SHOP[0] and '"orders"' in page
    apps = tmp_path / "apps.json"
    apps.write_text(page.replace('"orders"', r'"or\"de\\rs\n} 7\nasg_flows_total 9"'))
    text = written(tmp_path, LOGS[1].read_bytes(), "--cc-export", str(apps), *SHOP[1:])
    names = {dict(labels).get("app") for labels in samples(text)["asg_denials"]}
    assert 'or"de\\rs\n} 7\nasg_flows_total 9' in names
