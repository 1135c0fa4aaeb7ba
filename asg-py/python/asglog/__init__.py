"""Which Cloud Foundry app sent this packet?

Reads the packet logs of application security groups, joins them with Diego's logs, and names app, space and org.

>>> import asglog
>>> record = asglog.parse_line(b"OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 "
...     b"TOS=0x00 PREC=0x00 TTL=63 ID=2806 DF PROTO=UDP SPT=36556 DPT=53 LEN=41 ")
>>> record.kind, record.packet.dst, record.packet.dpt
('packet', '8.8.8.8', 53)
>>> record.cf.verdict, record.cf.handle_prefix
('allowed', 'bfce786c-ab07-40ad-79f9-8')
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypeAlias

from . import _asglog
from ._asglog import AsgError, CloudController, DirectoryError, Export
from .records import (
    App,
    Attribution,
    Candidate,
    Entity,
    Evidence,
    ExtHeader,
    Flow,
    Ip,
    LineError,
    LoggerEvent,
    LogPrefix,
    Packet,
    Peer,
    Record,
    RepEvent,
)

__all__ = [
    "App",
    "AsgError",
    "Attribution",
    "Candidate",
    "CloudController",
    "Directory",
    "DirectoryError",
    "Entity",
    "Evidence",
    "Export",
    "ExtHeader",
    "Flow",
    "Ip",
    "LineError",
    "LoggerEvent",
    "LogPrefix",
    "Packet",
    "Peer",
    "Record",
    "RepEvent",
    "correlate",
    "parse_line",
]

Path: TypeAlias = str | os.PathLike[str]

#: What turns process, app and task GUIDs into names.
Directory: TypeAlias = CloudController | Export

__version__: str = _asglog.__version__


def parse_line(line: bytes | str, *, number: int = 1, year: int | None = None, utc_offset: float = 0.0) -> Record:
    """Read one line of a log: a packet, a line about a container, or neither.

    Never raises for what a line says: a line that is cut or malformed is a record of kind ``damaged`` whose ``error`` says
    what is wrong, with a byte offset, and which holds what could be read.

    ``number`` is the line's number, for the record. ``year`` completes time stamps without one (``Jun 16 23:18:38``), and
    ``utc_offset`` is the zone, in hours, of those without a zone.

    >>> parse_line("Jun 16 23:18:38 localhost kernel: [12.5] hello", year=2017).time
    '2017-06-16T23:18:38Z'
    """
    if isinstance(line, str):
        line = _encode(line)
    return Record._from(_asglog.parse_line(line, number, year, utc_offset))


def correlate(
    paths: Path | Iterable[Path],
    *,
    directory: Directory | None = None,
    year: int | None = None,
    utc_offset: float = 0.0,
) -> list[Flow]:
    """Tell for each packet in these logs who sent it.

    ``paths`` are one foundation's logs, in any order: the kernel's lines and rep's, in one file or many, plain, gzip or
    Zstandard. ``directory`` turns GUIDs into names: a live :class:`CloudController` or an :class:`Export` of one. Without
    it, flows have GUIDs only.

    Raises :class:`OSError` if a file cannot be read, and :class:`DirectoryError` if the directory cannot answer.
    """
    names = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    return [Flow._from(flow) for flow in _asglog.correlate([os.fspath(name) for name in names], directory, year, utc_offset)]


def _encode(text: str) -> bytes:
    """Text as bytes. Python keeps bytes that are no UTF-8 as lone surrogates; other lone surrogates stand for nothing."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")
