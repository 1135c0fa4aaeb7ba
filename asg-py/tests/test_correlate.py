"""Logs in, names out."""

from __future__ import annotations

import gzip
import json
import pickle
import tarfile
from pathlib import Path

import pytest
from conftest import LOGS, PROXY

import asglog


def test_flows_have_names(logs: list[Path], export: asglog.Export) -> None:
    flows = list(asglog.correlate(logs, directory=export))
    first = flows[0]
    assert (first.source, first.line, first.proto, first.dpt) == (str(logs[0]), 2, "TCP", first.dpt)
    flow = next(flow for flow in flows if flow.handle_prefix == "d08bb414-cdba-4381-412a-e9ecc")
    assert (flow.app.guid, flow.app.name, flow.space.name, flow.org.name) == (PROXY, "proxy", "s", "o")
    assert flow.attribution.certainty == "unique_prefix"
    assert [evidence.source for evidence in flow.attribution.evidence] == [str(logs[0])]


def test_without_a_directory_flows_have_guids(logs: list[Path]) -> None:
    flow = next(flow for flow in asglog.correlate(logs) if flow.handle)
    assert flow.process_guid is not None
    assert flow.app.name is None
    assert pickle.loads(pickle.dumps(flow)) == flow
    assert set(flow.to_dict()) >= {"time", "source", "attribution", "app", "space", "org"}


def test_the_order_of_files_does_not_matter(logs: list[Path]) -> None:
    assert list(asglog.correlate(logs)) == list(asglog.correlate(reversed(logs))) != []
    assert list(asglog.correlate(logs)) == list(asglog.correlate(logs + logs))


def test_compressed_logs_are_read_as_they_are(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.log", tmp_path / "a.log.gz"
    plain.write_bytes(LOGS[0].read_bytes())
    # Two members, as rotation with appending makes them.
    half = len(plain.read_bytes()) // 2
    packed.write_bytes(gzip.compress(plain.read_bytes()[:half]) + gzip.compress(plain.read_bytes()[half:]))

    def without_source(path: Path) -> list[object]:
        return [(flow.line, flow.src, flow.handle, flow.attribution.certainty) for flow in asglog.correlate(path)]

    assert without_source(packed) == without_source(plain) != []


def test_an_empty_file_has_no_flows(tmp_path: Path) -> None:
    path = tmp_path / "empty.log"
    path.touch()
    with pytest.warns(asglog.AsgWarning, match="the logs are empty"):
        assert list(asglog.correlate(path)) == []


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No such file or directory: '.*nowhere.log'"):
        list(asglog.correlate(tmp_path / "nowhere.log"))
    archive = tmp_path / "logs.7z"
    archive.write_bytes(b"7z\xbc\xaf\x27\x1c\0\x04")
    with pytest.raises(OSError, match="a 7-Zip archive"):
        list(asglog.correlate(archive))


def test_folders_and_archives_are_the_logs_in_them(tmp_path: Path) -> None:
    folder, archive = tmp_path / "logs", tmp_path / "logs.tgz"
    folder.mkdir()
    for log in LOGS:
        (folder / log.name).write_bytes(log.read_bytes())
    with tarfile.open(archive, "w:gz") as tar:
        for log in sorted(folder.iterdir()):
            tar.add(log, arcname=f"./{log.name}")

    def found(path: Path) -> list[object]:
        return [(Path(flow.source).name.split(":")[-1], flow.line, flow.handle) for flow in asglog.correlate(path)]

    assert found(archive) == found(folder) != []
    assert len(list(asglog.scan(archive))) == len(list(asglog.scan(folder)))


def test_a_directory_that_cannot_answer_is_an_error_without_secrets(logs: list[Path]) -> None:
    cc = asglog.CloudController("http://127.0.0.1:1", "bearer sesame")
    assert repr(cc) == "CloudController('http://127.0.0.1:1')"
    with pytest.raises(asglog.DirectoryError) as caught:
        list(asglog.correlate(logs, directory=cc))
    assert "no connection to the API" in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_the_cf_cli_configuration_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / ".cf" / "config.json"
    config.parent.mkdir()
    content = {"ConfigVersion": 4, "Target": "https://api.example.org", "AccessToken": "bearer sesame"}
    config.write_text(json.dumps(content))
    monkeypatch.setenv("CF_HOME", str(tmp_path))
    assert asglog.CloudController.from_cf_cli().url == "https://api.example.org"
    config.write_text(json.dumps(content | {"AccessToken": ""}))
    with pytest.raises(asglog.DirectoryError, match="not logged in"):
        asglog.CloudController.from_cf_cli(config)


def test_an_export_that_is_none_says_which_file(tmp_path: Path) -> None:
    path = tmp_path / "apps.csv"
    path.write_text("app,space\n")
    with pytest.raises(asglog.DirectoryError, match=r"apps\.csv: .*not JSON"):
        asglog.Export([path])
    with pytest.raises(FileNotFoundError):
        asglog.Export(tmp_path / "nowhere.json")


def test_an_export_pickles_as_its_paths(export: asglog.Export, logs: list[Path]) -> None:
    again = pickle.loads(pickle.dumps(export))
    assert again.paths == export.paths
    assert list(asglog.correlate(logs, directory=again)) == list(asglog.correlate(logs, directory=export))
