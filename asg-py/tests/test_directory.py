"""Directories: a live one on loopback, and objects of the caller."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import LOGS, ORG, PROXY, SPACE, apps_page

import asglog


class Foundation(http.server.BaseHTTPRequestHandler):
    """A minimal Cloud Controller and UAA."""

    seen: list[tuple[str, str, str | None]]

    def answer(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.seen.append(("GET", path, self.headers.get("Authorization")))
        host = f"http://{self.headers['Host']}"
        if path == "/":
            links = {"cloud_controller_v3": {"href": f"{host}/v3"}, "uaa": {"href": host}, "login": {"href": host}}
            self.answer(200, {"links": links})
        elif self.headers.get("Authorization", "").lower() != "bearer sesame":
            self.answer(401, {"errors": [{"code": 1000, "title": "CF-InvalidAuthToken", "detail": "Invalid Auth Token"}]})
        elif path == "/v3/apps":
            self.answer(200, apps_page())
        else:
            self.answer(200, {"pagination": {"next": None}, "resources": []})

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.seen.append(("POST", form, self.headers.get("Authorization")))
        if "wrong" in form or "wrong" in base64.b64decode(self.headers["Authorization"].split()[1]).decode():
            self.answer(401, {"error": "unauthorized", "error_description": "Bad credentials"})
        else:
            self.answer(200, {"access_token": "sesame", "token_type": "bearer", "expires_in": 600})

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def foundation() -> Iterator[tuple[str, list[tuple[str, str, str | None]]]]:
    handler = type("Handler", (Foundation,), {"seen": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", handler.seen  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def names(directory: asglog.Directory) -> set[str | None]:
    return {flow.app.name for flow in asglog.correlate(LOGS, directory=directory) if flow.app.guid == PROXY}


def test_a_live_one_names_apps(foundation: tuple[str, list[tuple[str, str, str | None]]]) -> None:
    url, seen = foundation
    cc = asglog.CloudController(url, token="bearer sesame")
    assert isinstance(cc, asglog.Directory)
    assert names(cc) == {"proxy"}
    asked = len(seen)
    assert names(cc) == {"proxy"}
    assert len(seen) == asked, "nothing is asked twice"
    found = cc.resolve([PROXY])
    assert found[PROXY].app == asglog.App(PROXY, "proxy", "live")
    assert (found[PROXY].space, found[PROXY].org) == (asglog.Entity(SPACE, "s"), asglog.Entity(ORG, "o"))
    with pytest.raises(ValueError, match="no GUID"):
        cc.resolve(["proxy"])


@pytest.mark.parametrize(
    ("login", "form"),
    [
        ({"client_id": "reader", "client_secret": "secret"}, "grant_type=client_credentials"),
        ({"username": "me", "password": "secret"}, "grant_type=password&username=me&password=secret"),
        ({"passcode": "secret"}, "grant_type=password&passcode=secret"),
        ({"token": lambda: "bearer sesame"}, None),
    ],
)
def test_there_are_many_ways_to_log_in(
    login: dict[str, Any], form: str | None, foundation: tuple[str, list[tuple[str, str, str | None]]]
) -> None:
    url, seen = foundation
    cc = asglog.CloudController(url, **login)
    assert names(cc) == {"proxy"}
    assert [text for method, text, _ in seen if method == "POST"] == ([form] if form else [])
    assert "secret" not in repr(cc)


def test_a_login_that_fails_says_why_and_shows_no_secret(
    foundation: tuple[str, list[tuple[str, str, str | None]]],
) -> None:
    url, _ = foundation
    cc = asglog.CloudController(url, client_id="reader", client_secret="wrong")
    table = asglog.correlate(LOGS, directory=cc)
    for read in (list, asglog.Table.to_arrow, asglog.Table.to_polars):
        with pytest.raises(asglog.DirectoryError, match="UAA refuses the login") as caught:
            read(table)
        assert "wrong" not in str(caught.value)
    for arguments in ({}, {"username": "me"}, {"token": "sesame", "passcode": "x"}):
        with pytest.raises(TypeError, match="give a token"):
            asglog.CloudController(url, **arguments)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        asglog.CloudController(url, "bearer sesame", ca="nowhere.pem")


def test_a_token_file_is_read_again(foundation: tuple[str, list[tuple[str, str, str | None]]], tmp_path: Path) -> None:
    url, _ = foundation
    file = tmp_path / "token"
    file.write_text("bearer old")
    cc = asglog.CloudController(url, token_file=file)
    with pytest.raises(asglog.DirectoryError, match="log in again"):
        cc.resolve([PROXY])
    file.write_text("bearer sesame")
    assert cc.resolve([PROXY])[PROXY].app == asglog.App(PROXY, "proxy", "live")


def test_limits_end_a_question(foundation: tuple[str, list[tuple[str, str, str | None]]]) -> None:
    url, seen = foundation
    cc = asglog.CloudController(url, "bearer sesame", budget=1, deadline=5)
    with pytest.raises(asglog.DirectoryError, match="the budget of 1 requests is used up"):
        cc.resolve([PROXY])
    assert len(seen) == 1
    for wrong in ({"deadline": 0}, {"deadline": -1.0}, {"version": "v4"}):
        with pytest.raises(ValueError, match="deadline is a number|version is v2 or v3"):
            asglog.CloudController(url, "bearer sesame", **wrong)


def test_ctrl_c_ends_a_question_and_not_the_next_one() -> None:
    class Busy(Foundation):
        seen = []
        is_busy = True

        def do_GET(self) -> None:
            if self.is_busy and self.path != "/":
                self.seen.append(("GET", self.path, None))
                self.answer(503, {"errors": [{"code": 10015, "title": "CF-ServiceUnavailable", "detail": "x"}]})
            else:
                super().do_GET()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            cc = asglog.CloudController(f"http://127.0.0.1:{server.server_address[1]}", "bearer sesame")
            timer = threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT])
            timer.start()
            with pytest.raises(KeyboardInterrupt):
                while True:
                    with contextlib.suppress(asglog.DirectoryError):
                        cc.resolve([PROXY])
            asked = len(Busy.seen)
            time.sleep(2)
            assert len(Busy.seen) <= asked + 1, "one may have been on its way"
            Busy.is_busy = False
            assert cc.resolve([PROXY])[PROXY].app == asglog.App(PROXY, "proxy", "live")
        finally:
            server.shutdown()
            thread.join()


def test_a_foundation_is_saved_and_read_back(
    foundation: tuple[str, list[tuple[str, str, str | None]]], tmp_path: Path
) -> None:
    url, _ = foundation
    folder = tmp_path / "saved"
    assert asglog.CloudController(url, "bearer sesame").save(folder) > 5
    export = asglog.Export(folder)
    assert export.gaps == []
    assert export.resolve([PROXY])[PROXY].app == asglog.App(PROXY, "proxy", "live")
    page = {"pagination": {"total_results": 7, "next": {"href": f"{url}/v3/apps?page=2"}}, "resources": []}
    apps = tmp_path / "apps.json"
    apps.write_text(json.dumps(page))
    export = asglog.Export([apps])
    assert export.gaps == ["apps.json holds 0 of 7 apps: save the other pages, too"]
    app = export.resolve([PROXY])[PROXY].app
    assert app is not None
    assert (app.state, app.state_reason) == ("unavailable", "apps.json holds 0 of 7 apps")


def test_a_file_that_cannot_be_read_costs_its_own_names_only(tmp_path: Path) -> None:
    app = {"guid": PROXY, "name": "proxy", "lifecycle": {}, "links": {"self": {"href": f"/v3/apps/{PROXY}"}}}
    page = {"pagination": {"next": None}, "resources": [app]}
    files = {"apps.json": json.dumps(page), "broken.json": json.dumps(page)[:-9], "none.json": "FAILED"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    given = [tmp_path / name for name in ("broken.json", "apps.json", "none.json", "nowhere.json")]
    for paths in (given, given[::-1]):
        with pytest.warns(UserWarning, match=r"\.json: ") as caught:
            export = asglog.Export(paths)
        said = [str(warning.message) for warning in caught]
        assert export.gaps == said and len(said) == 3
        for name, why in [("broken", "not JSON from line 1"), ("none", "not JSON"), ("nowhere", "No such file")]:
            assert any(f"{name}.json: " in sentence and why in sentence for sentence in said), said
        found = export.resolve([PROXY, SPACE])
        app_found, other = found[PROXY].app, found[SPACE].app
        assert app_found is not None and (app_found.name, app_found.state) == ("proxy", "live")
        assert other is not None and (other.state, other.state_reason) == ("unavailable", export.gaps[0])
    # Where nothing can be used, the first error is raised.
    with pytest.raises(FileNotFoundError):
        asglog.Export([tmp_path / "nowhere.json", tmp_path / "none.json"])
    with pytest.raises(asglog.DirectoryError, match="not JSON"):
        asglog.Export([tmp_path / "none.json", tmp_path / "nowhere.json"])


def test_certificates_may_be_given(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("-----BEGIN NOTHING-----")
    with pytest.raises(asglog.DirectoryError, match="certificate"):
        asglog.CloudController("https://api.example.org", "bearer sesame", ca=ca)


class Own:
    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def resolve(self, guids: list[str], /) -> Mapping[str, asglog.Identity | None]:
        self.asked += guids
        if isinstance(self.answer, Exception):
            raise self.answer
        return {PROXY: self.answer}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "answer",
    [
        asglog.Identity(app=asglog.App(PROXY, "mine"), space=asglog.Entity(SPACE, "s")),
        {"app": {"guid": PROXY, "name": "mine"}, "space": {"guid": SPACE, "name": "s"}},
    ],
)
def test_any_object_may_be_a_directory(answer: object) -> None:
    own = Own(answer)
    flows = list(asglog.correlate(LOGS, directory=own))
    assert PROXY in own.asked and len(own.asked) == len(set(own.asked))
    found = {(flow.app.guid, flow.app.name, flow.app.state, flow.space.name) for flow in flows}
    assert (PROXY, "mine", "live", "s") in found
    assert (None, None, "not_asked", None) in found


@pytest.mark.parametrize("answer", [None, asglog.Identity()])
def test_what_it_does_not_know_is_unknown(answer: object) -> None:
    flows = list(asglog.correlate(LOGS, directory=Own(answer)))
    # It leaves the other GUIDs out.
    states = {(flow.app.state, (flow.process_guid or "").startswith(PROXY)) for flow in flows}
    assert states == {("unknown", True), ("not_asked", False)}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (RuntimeError("the book is closed"), "the book is closed"),
        ({"app": {"guid": PROXY, "state": "asleep"}}, "no state"),
        ({"application": "proxy"}, "unknown field"),
        ({"deleted_at": "yesterday"}, "no identity"),
    ],
)
def test_what_it_raises_comes_out_and_may_be_tried_again(answer: object, message: str) -> None:
    own = Own(answer)
    table = asglog.correlate(LOGS, directory=own)
    for read in (list, asglog.Table.to_arrow):
        with pytest.raises((RuntimeError, ValueError), match=message):
            read(table)
    own.answer = asglog.Identity(app=asglog.App(PROXY, "mine"))
    assert "mine" in {flow.app.name for flow in table}


def test_what_cannot_resolve_is_no_directory() -> None:
    with pytest.raises(TypeError, match="resolve"):
        asglog.correlate(LOGS, directory=7)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "name"), [(5, "int"), (None, "None"), ([5], "int"), (b"apps.json", "bytes"), (1.5, "float")]
)
def test_what_is_no_path_of_a_page_is_said_in_one_line(wrong: Any, name: str) -> None:
    with pytest.raises(TypeError, match=f"^an export is the path of a saved page, or a list of paths, not {name}$"):
        asglog.Export(wrong)
