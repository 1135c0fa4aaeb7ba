"""Which Cloud Foundry app sent this packet?

Five calls answer most questions about your own logs (the kernel's ``kern.log`` and Diego's ``rep.stdout.log``, in folders
or archives as from ``bosh logs``)::

    flows = asglog.correlate("logs/", directory="export/")     # packets with their owners; a notebook shows the first
    flows.filter(verdict="denied", dpt=443, dst="10.0.0.0/8")  # some of them
    flows.top(by=("app", "destination"))                       # who sent what where; also timeline, denied_episodes, …
    flows.plot.timeline("1h", tz="Europe/Berlin")              # pictures; also plot.matrix
    flows.to_pandas()                                          # a data frame; also to_polars, to_arrow, to_parquet, …

More calls:

* ``asglog.Ledger().who("10.255.73.3", at=…)`` returns the owner of a handle, address, GUID or name, long after the logs;
* ``flows.explain(groups="groups.json")`` and :class:`Policy` show the rules that allow and deny packets;
* ``asglog.scan`` returns packets without owners; ``asglog.parse`` and ``asglog.parse_line`` return all lines as records;
* ``asglog.FLOW_SCHEMA`` has the columns and their meanings.

A first try without any logs:

>>> import asglog
>>> record = asglog.parse_line(b"OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 "
...     b"TOS=0x00 PREC=0x00 TTL=63 ID=2806 DF PROTO=UDP SPT=36556 DPT=53 LEN=41 ")
>>> record.kind, record.packet.dst, record.packet.dpt
('packet', '8.8.8.8', 53)
>>> record.cf.verdict, record.cf.handle_prefix
('allowed', 'bfce786c-ab07-40ad-79f9-8')
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from . import _asglog
from ._asglog import CloudController, Export
from .answers import Answer
from .api import Directory, Records, correlate, parse, parse_line, scan
from .clocks import Clocks
from .errors import AsgError, AsgWarning, DirectoryError, LedgerError, ParseError
from .ledger import Ledger
from .page import report
from .policy import Policy
from .schema import EXPLAIN_SCHEMA, FLOW_SCHEMA, SCHEMA, Column, Schema
from .table import Table
from .times import Time

if TYPE_CHECKING:
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

__all__ = [
    "EXPLAIN_SCHEMA",
    "FLOW_SCHEMA",
    "SCHEMA",
    "Admits",
    "Answer",
    "App",
    "AsgError",
    "AsgWarning",
    "Attribution",
    "Candidate",
    "Clocks",
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
    "report",
    "scan",
]

__version__: str = _asglog.__version__


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Imports the classes of records on demand: they take longer than the rest of the package, and a table needs none."""
        if name != "records" and name not in __all__:
            here = sys.modules[__name__]
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=here)
        records = importlib.import_module(".records", __name__)
        return records if name == "records" else globals().setdefault(name, getattr(records, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
