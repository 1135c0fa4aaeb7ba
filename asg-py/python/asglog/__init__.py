"""Which Cloud Foundry app sent this packet?

Reads the packet logs of application security groups, joins them with Diego's logs, and names app, space and org.

* :func:`parse_line` and :func:`parse` give records, one for each line;
* :func:`scan` gives the packets of logs as a lazy table, for any library that knows Arrow;
* :func:`correlate` gives them with their owners;
* :class:`Policy` and :meth:`Table.explain` give the rules that allow and deny packets;
* :class:`Ledger` keeps what the logs prove about containers.

>>> import asglog
>>> record = asglog.parse_line(b"OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 "
...     b"TOS=0x00 PREC=0x00 TTL=63 ID=2806 DF PROTO=UDP SPT=36556 DPT=53 LEN=41 ")
>>> record.kind, record.packet.dst, record.packet.dpt
('packet', '8.8.8.8', 53)
>>> record.cf.verdict, record.cf.handle_prefix
('allowed', 'bfce786c-ab07-40ad-79f9-8')
"""

from __future__ import annotations

from . import _asglog
from ._asglog import CloudController, Export
from .answers import Answer
from .api import Directory, Records, correlate, parse, parse_line, scan
from .errors import AsgError, DirectoryError, LedgerError, ParseError
from .ledger import Ledger
from .policy import Policy
from .records import (
    Admits,
    App,
    Attribution,
    Candidate,
    Code,
    Coverage,
    CoveredEntry,
    Entity,
    Evaluation,
    Evidence,
    Explanation,
    ExtHeader,
    Flow,
    Identity,
    Ip,
    LineError,
    LoggerEvent,
    LogPrefix,
    NearMiss,
    Owner,
    Packet,
    Peer,
    Record,
    RepEvent,
    RuleRef,
    Rules,
    UsedSnapshot,
)
from .schema import EXPLAIN_SCHEMA, FLOW_SCHEMA, SCHEMA, Column, Schema
from .table import Table
from .times import Time

__all__ = [
    "EXPLAIN_SCHEMA",
    "FLOW_SCHEMA",
    "SCHEMA",
    "Admits",
    "Answer",
    "App",
    "AsgError",
    "Attribution",
    "Candidate",
    "CloudController",
    "Code",
    "Column",
    "Coverage",
    "CoveredEntry",
    "Directory",
    "DirectoryError",
    "Entity",
    "Evaluation",
    "Evidence",
    "Explanation",
    "Export",
    "ExtHeader",
    "Flow",
    "Identity",
    "Ip",
    "Ledger",
    "LedgerError",
    "LineError",
    "LogPrefix",
    "LoggerEvent",
    "NearMiss",
    "Owner",
    "Packet",
    "ParseError",
    "Peer",
    "Policy",
    "Record",
    "Records",
    "RepEvent",
    "RuleRef",
    "Rules",
    "Schema",
    "Table",
    "Time",
    "UsedSnapshot",
    "correlate",
    "parse",
    "parse_line",
    "scan",
]

__version__: str = _asglog.__version__
