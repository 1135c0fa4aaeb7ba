"""Docstrings exist, and their examples hold."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

import asglog

MODULES: list[ModuleType] = [asglog] + [
    importlib.import_module(f"asglog.{module.name}") for module in pkgutil.iter_modules(asglog.__path__)
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_examples_hold(module: ModuleType) -> None:
    if module.__name__ == "asglog.batches":
        pytest.importorskip("pyarrow")
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    tests = finder.find(module)
    if module is asglog._asglog:
        # doctest does not find the members of a native module.
        tests = [test for name, item in vars(module).items() for test in finder.find(item, name, module=False)]
        assert any(test.examples for test in tests)
    for test in tests:
        runner.run(test, clear_globs=True)
    assert runner.summarize().failed == 0


def test_there_are_examples_of_what_matters() -> None:
    for item in (asglog, asglog.parse_line, asglog.parse, asglog.scan, asglog.Table, asglog.Ledger, asglog.Directory,
                 asglog.Schema, asglog.CloudController, asglog.ParseError):  # fmt: skip
        assert ">>> " in (inspect.getdoc(item) or ""), item


def test_everything_public_has_a_docstring() -> None:
    for name in asglog.__all__:
        item = getattr(asglog, name)
        if not callable(item):
            continue
        assert inspect.getdoc(item), name
        for attribute, member in inspect.getmembers(item):
            is_own = attribute in vars(item) if inspect.isclass(item) else False
            if is_own and not attribute.startswith("_") and (callable(member) or isinstance(member, property)):
                assert inspect.getdoc(member), f"{name}.{attribute}"
