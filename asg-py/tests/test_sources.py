"""The rows of a log do not depend on the kind of its source."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import PACKET

import asglog

#: One line with bytes that are not UTF-8, one of another program, one without a line feed.
LINES = [PACKET, b"noise \xff\xfe", PACKET.replace(b"OUT=eth0", b"OUT=\xff").replace(b"DPT=80", b"DPT=443")]
LOG = b"\n".join(LINES)

APP = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0"


def zstd(log: bytes) -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    packed: bytes = pyarrow.compress(log, "zstd", asbytes=True)
    return packed


def ports(source: Any) -> list[tuple[int, int | None]]:
    return [(record.line, record.packet.dpt) for record in asglog.scan(source) if record.packet]


WANTED = [(1, 80), (3, 443)]

#: Functions from a folder to a source.
SOURCES: dict[str, Callable[[Path], Any]] = {
    "path": lambda folder: written(folder, LOG),
    "text path": lambda folder: str(written(folder, LOG)),
    "list": lambda folder: [written(folder, LOG)],
    "pattern": lambda folder: str(written(folder, LOG).with_name("*.log")),
    "gzip": lambda folder: written(folder, gzip.compress(LOG)),
    "zstd": lambda folder: written(folder, zstd(LOG)),
    "bytes": lambda _: LOG,
    "gzip bytes": lambda _: gzip.compress(LOG),
    "zstd bytes": lambda _: zstd(LOG),
    "bytearray": lambda _: bytearray(LOG),
    "memoryview": lambda _: memoryview(b"xx" + LOG)[2:],
    "BytesIO": lambda _: io.BytesIO(LOG),
    "gzip BytesIO": lambda _: io.BytesIO(gzip.compress(LOG)),
    "text file": lambda folder: io.TextIOWrapper(io.BytesIO(LOG)),
    "pyarrow binary": lambda _: pytest.importorskip("pyarrow").array(LINES),
    "pyarrow binary_view": lambda _: pytest.importorskip("pyarrow").array(
        LINES, type=pytest.importorskip("pyarrow").binary_view()
    ),
    "pyarrow chunks": lambda _: pytest.importorskip("pyarrow").chunked_array([LINES[:1], [], LINES[1:]]),
    "pyarrow dictionary": lambda _: pytest.importorskip("pyarrow").array(LINES).dictionary_encode(),
    "polars": lambda _: pytest.importorskip("polars").Series(LINES),
    "pandas": lambda _: pytest.importorskip("pandas").Series(LINES),
    "list of lines": lambda _: list(LINES),
    "lines of a file": lambda _: io.BytesIO(LOG).readlines(),
    "texts of a file": lambda folder: written(folder, LOG).read_text(errors="surrogateescape").split("\n"),
    "generator of lines": lambda _: (line for line in LINES),
    "StringIO": lambda _: io.StringIO(LOG.decode(errors="surrogateescape")),
    "numpy objects": lambda _: pytest.importorskip("numpy").array(LINES, dtype=object),
    "numpy bytes": lambda _: pytest.importorskip("numpy").array(LINES),
    "numpy texts": lambda _: pytest.importorskip("numpy").array([line.decode(errors="replace") for line in LINES]),
    "column of a frame of pandas": lambda _: pytest.importorskip("pandas").DataFrame({"n": [1, 2, 3], "line": LINES})["line"],
    "frame of pandas with one column": lambda _: pytest.importorskip("pandas").DataFrame({"line": LINES}),
    "column of a frame of polars": lambda _: pytest.importorskip("polars").DataFrame({"n": [1, 2, 3], "line": LINES})["line"],
    "frame of polars with one column": lambda _: pytest.importorskip("polars").DataFrame({"line": LINES}),
    "column of a table": lambda _: pytest.importorskip("pyarrow").table({"n": [1, 2, 3], "line": LINES})["line"],
    "table with one column": lambda _: pytest.importorskip("pyarrow").table({"line": LINES}),
    "fsspec": lambda folder: pytest.importorskip("fsspec").open(f"memory://{remote(LOG)}"),
    "open file of fsspec": lambda folder: pytest.importorskip("fsspec").open(f"memory://{remote(LOG)}").open(),
    "member of a zip": lambda folder: zipfile.Path(zipped(folder), "a.log"),
}


def remote(content: bytes) -> str:
    import fsspec

    with fsspec.open("memory:///a.log", "wb") as file:
        file.write(content)
    return "/a.log"


def zipped(folder: Path) -> Path:
    path = folder / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.log", LOG)
    return path


def written(folder: Path, content: bytes) -> Path:
    path = folder / "a.log"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_gives_the_same_rows(name: str, tmp_path: Path) -> None:
    assert ports(SOURCES[name](tmp_path)) == WANTED
    flows = asglog.correlate(SOURCES[name](tmp_path))
    assert [(flow.line, flow.dpt) for flow in flows] == WANTED


def test_columns_of_text_are_lines() -> None:
    lines = [PACKET.decode(), None, PACKET.decode() + "\n"]
    pyarrow = pytest.importorskip("pyarrow")
    for kind in (pyarrow.string(), pyarrow.large_string(), pyarrow.string_view()):
        assert ports(pyarrow.array(lines, type=kind)) == [(1, 80), (3, 80)]
    assert ports(pytest.importorskip("polars").Series(lines)) == [(1, 80), (3, 80)]
    assert ports(pytest.importorskip("pandas").Series(lines)) == [(1, 80), (3, 80)]
    for empty in (pyarrow.array([], type=pyarrow.string()), pyarrow.nulls(2)):
        with pytest.warns(asglog.AsgWarning, match="the logs are empty"):
            assert ports(empty) == []
    with pytest.raises(TypeError, match="text or binary, not Int64"):
        asglog.scan(pyarrow.array([1]))


def test_several_logs_are_told_apart() -> None:
    table = asglog.scan([LOG, LOG, io.BytesIO(LOG)])
    assert [record.source for record in table] == ["<bytes>"] * 2 + ["<bytes> (2)"] * 2 + ["<file>"] * 2


def test_several_compressed_logs_are_no_lines() -> None:
    packed = [gzip.compress(PACKET), gzip.compress(PACKET.replace(b"DPT=80", b"DPT=443"))]
    assert [port for _, port in ports(packed)] == [80, 443]
    packed = [zstd(PACKET), zstd(PACKET.replace(b"DPT=80", b"DPT=443"))]
    assert [port for _, port in ports(packed)] == [80, 443]


def test_what_is_no_log_says_so(tmp_path: Path) -> None:
    for wrong, error in [(7, TypeError), ("a\nb", ValueError), (str(tmp_path / "*.log"), FileNotFoundError)]:
        with pytest.raises(error):
            asglog.scan(wrong)  # type: ignore[arg-type]


def test_a_file_is_read_from_where_it_stands() -> None:
    file = io.BytesIO(b"skipped\n" + LOG)
    file.readline()
    table = asglog.scan(file)
    assert [record.line for record in table] == [record.line for record in table] == [1, 3]


def test_two_readings_of_one_file_do_not_meet() -> None:
    table = asglog.scan(io.BytesIO((PACKET + b"\n") * 30_000))
    both = [iter(table), iter(table)]
    for _ in range(30_000):
        a, b = (next(one) for one in both)
        assert a == b
    assert [next(one, None) for one in both] == [None, None]


def test_a_file_that_fails_raises_its_own_error() -> None:
    class Broken:
        def read(self, size: int, /) -> bytes:
            raise RuntimeError("the disk is on fire")

    for read in (list, asglog.Table.to_arrow):
        with pytest.raises(RuntimeError, match="on fire"):
            read(asglog.scan(Broken()))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_pipes_are_read_once_and_spooled_to_be_correlated(tmp_path: Path) -> None:
    def pipe() -> Any:
        reader, writer = os.pipe()
        os.write(writer, LOG)
        os.close(writer)
        return open(reader, "rb")

    with pipe() as file:
        assert [(flow.line, flow.dpt) for flow in asglog.correlate(file)] == WANTED
    with pipe() as file:
        table = asglog.scan(file)
        assert "once the logs were read" in table._repr_html_(), "looking at it must not use it up"
        assert len(list(table)) == 2
        with pytest.raises(asglog.AsgError, match="cannot be read twice"):
            list(table)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    threading.Thread(target=lambda: fifo.write_bytes(LOG)).start()
    assert [(flow.line, flow.dpt) for flow in asglog.correlate(fifo)] == WANTED


def test_standard_input_is_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LOG)))
    assert ports("-") == WANTED


def test_files_may_vanish_and_shrink_between_readings(tmp_path: Path) -> None:
    path = written(tmp_path, LOG)
    table, flows = asglog.scan(path), asglog.correlate(path)
    assert len(list(table)) == len(list(flows)) == 2
    path.write_bytes(PACKET[: PACKET.index(b"DST=")])
    assert [record.kind for record in table] == ["damaged"]
    # Flows need two readings of the same bytes.
    with pytest.raises(OSError, match="it changed while it was read"):
        list(flows)
    path.write_bytes(b"")
    with pytest.warns(asglog.AsgWarning, match="the logs are empty"):
        assert list(table) == []
    path.unlink()
    with pytest.raises(FileNotFoundError):
        list(table)
    for lazy in (table, flows):
        with pytest.raises(OSError):
            lazy.to_parquet(tmp_path / "rows.parquet")
    assert os.listdir(tmp_path) == []


def test_a_damaged_archive_says_so(tmp_path: Path) -> None:
    packed = gzip.compress(LOG * 100)
    with pytest.raises(OSError):
        list(asglog.scan(written(tmp_path, packed[: len(packed) // 2])))


def test_progress_is_told_in_bytes(tmp_path: Path) -> None:
    path = written(tmp_path, LOG * 1000)
    for read in (
        lambda tell: list(asglog.scan(path, progress=tell)),
        lambda tell: list(asglog.parse(path, progress=tell)),
        lambda tell: asglog.Ledger().add(path, progress=tell),
    ):
        told: list[int] = []
        read(told.append)
        assert sum(told) == len(LOG) * 1000 and min(told) > 0
    twice: list[int] = []
    list(asglog.correlate(path, progress=twice.append))
    assert sum(twice) == 2 * len(LOG) * 1000
    with pytest.raises(ZeroDivisionError):
        list(asglog.scan(path, progress=lambda bytes: 1 // 0))
    with pytest.raises(TypeError):
        asglog.scan(path, progress=7)  # type: ignore[arg-type]


def test_a_bar_is_closed_at_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    assert len(list(asglog.scan(written(tmp_path, LOG), progress=True))) == 2
    assert "100%" in capsys.readouterr().err


def test_a_text_file_is_read_from_where_its_text_stands(tmp_path: Path) -> None:
    path = written(tmp_path, b"skipped \xc3\xa9\r\n" + LOG)
    for make in (asglog.scan, asglog.correlate):
        with open(path, errors="replace") as text:
            assert text.readline().startswith("skipped")
            assert [row.line for row in make(text)] == [1, 3]
    with open(path, errors="replace") as text:
        text.read(3)
        assert next(asglog.parse(text)).kind == "other" and text.seek(0) == 0
        assert len(list(asglog.parse(text))) == 4
        text.seek(0)
        next(text)
        # Python does not give the position of a text file during iteration over its lines.
        with pytest.raises(OSError, match="telling position"):
            asglog.parse(text)


def test_a_path_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    path = written(tmp_path, LOG)
    for make in (asglog.scan, asglog.correlate):
        assert len(list(make([path, str(path)]))) == 2
    assert len(list(asglog.parse([path, path]))) == 3


def test_a_missing_value_counts_in_nothing_but_the_numbers_of_lines() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    records = asglog.parse(pyarrow.array(["a", None, "b"]))
    assert [record.line for record in records] == [1, 3] and records.counts["lines"] == 2


def in_forms(kernel: str, store: object) -> dict[str, bytes]:
    """One log of packets and of a cell's store, as programs keep it."""
    line, indented = json.dumps(store), json.dumps(store, indent=2)
    plain = f"{line}\n{kernel}"
    # CloudWatch's exports have a stamp before each line.
    stamped = "".join(f"2025-03-04T10:24:01.000Z {text}\n" for text in kernel.splitlines())
    return {
        "plain": plain.encode(),
        "indented": f"{indented}\n{kernel}".encode(),
        "export": f"{line}\n{stamped}".encode(),
        "line ends": f"{indented}\n{kernel}".replace("\n", "\r\n").encode(),
        "mark": plain.encode("utf-8-sig"),
        "UTF-16LE": b"\xff\xfe" + plain.encode("utf-16-le"),
        "UTF-16BE": b"\xfe\xff" + plain.encode("utf-16-be"),
    }


def test_logs_in_each_form_give_the_same_in_each_door() -> None:
    handles = [f"{n:08x}-70cc-4628-5bd7-f38b" for n in range(20)]
    store = {h: {"handle": h, "ip": f"10.255.0.{n + 2}", "metadata": {"app_id": APP}} for n, h in enumerate(handles)}
    kernel = "".join(
        f"2025-03-04T10:24:00.{n:06}+00:00 cell kernel: [2400.{n:06}] OK_{handle[:26]} IN=s-010255000{n + 2:03} OUT=eth0 "
        f"SRC=10.255.0.{n + 2} DST=203.0.113.240 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID={n} DF PROTO=TCP SPT=40000 DPT=443 "
        f"WINDOW=64240 RES=0x00 SYN URGP=0 \n"
        for n, handle in enumerate(handles)
    )

    def doors(log: bytes) -> dict[str, object]:
        ledger = asglog.Ledger()
        evidence = ledger.add(log)["evidence"]
        scan = asglog.scan(log)
        records = [record for record in asglog.parse(log) if record.kind == "packet"]
        flows = list(asglog.correlate(log))
        found: dict[str, object] = {
            "ledger": (evidence, len(ledger), ledger.who(handles[3][:26]).handle),
            "scan": [(record.time, record.host, record.packet) for record in scan],
            "parse": [(record.time, record.host, record.packet) for record in records],
            "correlate": [(flow.time, flow.handle, flow.attribution.certainty) for flow in flows],
        }
        counts = scan.counts()
        assert counts is not None and counts["damaged"] == 0
        return found

    forms = in_forms(kernel, store)
    expected = doors(forms["plain"])
    assert expected["ledger"] == (1, 20, handles[3])
    for form, log in forms.items():
        assert doors(log) == expected, form
