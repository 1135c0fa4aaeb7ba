"""Security groups: hypothetical packets, and flows with the reasons of their verdicts."""

import json
import pathlib
import pickle
from typing import Any

import pytest

import asglog

DATA = pathlib.Path(__file__).resolve().parents[2] / "asg-cli" / "data"
GROUPS = DATA / "groups.json"
LOG = DATA / "foundation.log"
PROD = "0b1c2d3e-4f50-4617-8a29-3b4c5d6e7f80"


class Prod:
    """Everything is in the space `prod`."""

    def resolve(self, guids: list[str]) -> dict[str, asglog.Identity]:
        space = asglog.Entity(PROD, "prod")
        return {guid: asglog.Identity(app=asglog.App(guid, "app"), space=space) for guid in guids}


def test_a_packet_is_judged_with_its_remedies() -> None:
    policy = asglog.Policy(GROUPS)
    assert policy.notes == []
    answer = policy.evaluate("tcp 203.0.113.25:5432", space=PROD)
    assert (answer.verdict, answer.by, answer.decided, answer.log) == ("deny", "default", "certain", None)
    assert answer.near is not None
    assert [(near.how, near.admits.addresses) for near in answer.near] == [("phase", 256), ("widen", 1)]
    assert answer.near[1].change == {"ports": "5433,5432"}
    assert policy.evaluate("tcp 203.0.113.25:5432", space=PROD, phase="staging").verdict == "allow"
    asked: dict[str, Any] = {"id": 7, "proto": "tcp", "dst": "10.0.16.8", "dpt": 443}
    allowed = policy.evaluate(asked, space=PROD, near=0)
    assert isinstance(allowed.by, asglog.RuleRef)
    assert (allowed.id, allowed.by.rule, allowed.by.port) == (7, 0, 0)
    assert asglog.Evaluation.from_dict(allowed.to_dict()) == allowed
    assert pickle.loads(pickle.dumps(answer)) == answer


def test_settings_come_from_arguments_a_mapping_or_a_file(tmp_path: pathlib.Path) -> None:
    settings = {"deny_networks": {"always": ["203.0.113.0/24"]}}
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(settings))
    for given in (settings, file):
        policy = asglog.Policy([GROUPS], settings=given)
        assert policy.evaluate("tcp 203.0.113.25:5433", space=PROD).by == "deny_network"
        guardian = asglog.Policy([GROUPS], settings=given, profile="guardian")
        assert guardian.evaluate("tcp 203.0.113.25:5433", space=PROD).verdict == "allow"
    with pytest.raises(ValueError, match="unknown field"):
        asglog.Policy(GROUPS, settings={"profil": "guardian"})
    with pytest.raises(FileNotFoundError):
        asglog.Policy(tmp_path / "none.json")
    policy = asglog.Policy(GROUPS)
    for wrong in ("tcp 10.0.0.1", {"proto": "tcp"}):
        with pytest.raises(ValueError):
            policy.evaluate(wrong)


def test_flows_are_explained_as_records() -> None:
    flows = asglog.correlate(LOG, directory=Prod())
    explained = list(flows.explain(groups=GROUPS))
    assert [one.line for one in explained] == [flow.line for flow in flows]
    assert all(isinstance(one, asglog.Explanation) for one in explained)
    denied = explained[2]
    assert denied.packet == {"proto": "TCP", "dst": "203.0.113.25", "dpt": 5432}
    assert (denied.observed, denied.enforced, denied.agrees, denied.by) == ("denied", "denied", True, "default")
    assert (denied.rules.basis, denied.decided) == ("exact", "certain")
    assert [code.code for code in denied.because] == ["default_deny"]
    assert denied.space == asglog.Entity(PROD, "prod")
    assert asglog.Explanation.from_dict(denied.to_dict()) == denied


def test_explanations_are_columns() -> None:
    policy = asglog.Policy(GROUPS)
    explained = asglog.correlate(LOG, directory=Prod()).explain(policy)
    assert explained.column_names == asglog.EXPLAIN_SCHEMA.names
    rows = explained.filter(by="rule").columns("dst", "by_group", "by_rule", "because")
    arrow = pytest.importorskip("pyarrow").table(rows)
    assert arrow.num_rows == 4
    assert arrow["by_rule"].to_pylist() == [0, 0, 1, 2]
    assert set(arrow["because"].to_pylist()) == {"rule"}
    with pytest.raises(asglog.AsgError, match="only flows"):
        asglog.scan(LOG).explain(policy)


def test_coverage_lists_the_rules_that_leave_lines() -> None:
    coverage = asglog.Policy(GROUPS).coverage(PROD)
    assert [entry.state for entry in coverage.entries].count("unlogged") == 1
    assert "deny_logging_off" in [spot.code for spot in coverage.blind]
    assert asglog.Coverage.from_dict(coverage.to_dict()) == coverage
