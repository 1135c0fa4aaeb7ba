"""Records of other standards equal those of the program."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from conftest import ROOT
from test_cli import ASGLOG, environment

import asglog

SAMPLE = ROOT / "examples/notebooks/sample/afternoon"
READ_AT = "2024-05-07T00:00:00Z"


@pytest.mark.parametrize("standard", ["ecs", "ocsf", "otlp", "cef", "cim"])
def test_the_records_are_those_of_the_program(standard: str) -> None:
    files = sorted(str(path) for path in SAMPLE.iterdir() if path.name.endswith(".log.gz"))
    program = subprocess.run(
        [str(ASGLOG), "correlate", "--format", standard, "--read-at", READ_AT, *files],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    expected: list[object] = []
    for line in program.stdout.splitlines():
        record: Any = line if standard == "cef" else json.loads(line)
        if standard != "otlp":
            expected.append(record)
            continue
        # Flows of one cell share a request there.
        resource = record["resourceLogs"][0]
        scope = resource["scopeLogs"][0]
        for entry in scope["logRecords"]:
            alone = {**resource, "scopeLogs": [{**scope, "logRecords": [entry]}]}
            expected.append({"resourceLogs": [alone]})
    version = asglog.__version__
    records = list(asglog.correlate(files).to_records(standard, read_at=READ_AT))  # type: ignore[arg-type]
    assert len(records) == len(expected) > 10
    if standard == "cef":
        assert all(f"|{version}|" in str(record) for record in records)
    assert records == expected


@pytest.mark.parametrize("standard", ["ecs", "ocsf", "otlp", "cim"])
def test_arrow_keeps_every_member_of_the_records(standard: str) -> None:
    arrow = pytest.importorskip("pyarrow")

    def present(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: present(inner) for key, inner in value.items() if inner is not None}
        return [present(inner) for inner in value] if isinstance(value, list) else value

    files = sorted(str(path) for path in SAMPLE.iterdir() if path.name.endswith(".log.gz"))
    records = list(asglog.correlate(files).to_records(standard, read_at=READ_AT))  # type: ignore[arg-type]
    table = arrow.Table.from_struct_array(arrow.array(records))
    assert [present(record) for record in table.to_pylist()] == records


def test_other_standards_and_tables_without_flows_are_refused() -> None:
    with pytest.raises(ValueError, match="ecs, ocsf, otlp, cef, cim"):
        asglog.correlate(b"").to_records("leef")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="correlate"):
        asglog.scan(b"").to_records("ecs")
