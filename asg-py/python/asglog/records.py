"""The records: frozen, comparable, hashable, picklable. Their fields are named as in the JSON output."""

from __future__ import annotations

import datetime
import html
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal, Self, get_type_hints

from . import _asglog, checks
from .times import Time

#: Keys of the contract that are keywords in Python.
_KEYWORDS = frozenset({"from", "in"})


class _FromDict:
    """A record that is built from an object of the output contract. Keys that are Python keywords
    get a trailing underscore."""

    @classmethod
    def from_dict(cls, data: dict[str, Any], /) -> Self:
        """Returns the record of an object of the output contract, as :meth:`to_dict` or
        ``json.loads`` returns it. Raises :class:`TypeError` for unknown members, and for missing
        ones."""
        if not isinstance(data, dict):
            raise TypeError(f"{cls.__name__}.from_dict takes a dict, such as json.loads gives, not {checks.kind(data)}")
        names = {field.name.removesuffix("_"): field for field in fields(cls)}  # type: ignore[arg-type]
        for name in data:
            if name not in names:
                raise TypeError(f"{cls.__name__} has no member {name!r}{checks.hint(str(name), names)}")
        lacking = [name for name, field in names.items() if field.default is MISSING and name not in data]
        if lacking:
            more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
            raise TypeError(f"this is no {cls.__name__}: it lacks {', '.join(lacking[:5])}{more}")
        return cls._from(data)

    @classmethod
    def _from(cls, data: dict[str, Any]) -> Self:
        hints = _hints(cls)
        values: dict[str, Any] = {}
        for key, value in data.items():
            name = f"{key}_" if key in _KEYWORDS else key
            values[name] = _value(hints.get(name), value)
        return cls(**values)

    def __repr__(self) -> str:
        shown = ((field.name, getattr(self, field.name)) for field in fields(self))  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown if value is not None)})"

    def to_dict(self) -> dict[str, Any]:
        """Returns the object of the output contract, without absent fields."""
        result: dict[str, Any] = {}
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if value is not None or field.name in _ALWAYS.get(type(self).__name__, ()):
                result[field.name.removesuffix("_")] = _plain(value)
        return result


@dataclass(frozen=True, slots=True, repr=False)
class ExtHeader(_FromDict):
    """An IPv6 extension header, as far as a line shows it. ``hdr`` is its protocol number, if the
    line shows it."""

    hdr: int | None = None
    frag_offset: int | None = None
    mf: bool | None = None
    frag_id: int | None = None
    spi: int | None = None
    incomplete: int | None = None
    truncated: bool | None = None
    cut: bool | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Ip(_FromDict):
    """An IP packet as a line shows it; fields that the line does not show are ``None``. Addresses
    are text as printed."""

    src: str | None = None
    dst: str | None = None
    len: int | None = None
    tos: int | None = None
    prec: int | None = None
    ttl: int | None = None
    id: int | None = None
    ce: bool | None = None
    df: bool | None = None
    mf: bool | None = None
    frag_offset: int | None = None
    frag_id: int | None = None
    ip_opt: str | None = None
    tc: int | None = None
    hoplimit: int | None = None
    flowlbl: int | None = None
    ext: tuple[ExtHeader, ...] | None = None
    ext_parens: bool | None = None
    proto_num: int | None = None
    proto: str | None = None
    spt: int | None = None
    dpt: int | None = None
    seq: int | None = None
    ack: int | None = None
    window: int | None = None
    res: int | None = None
    flags: tuple[str, ...] | None = None
    urgp: int | None = None
    tcp_opt: str | None = None
    tcp_opt_truncated: bool | None = None
    udp_len: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    icmp_id: int | None = None
    icmp_seq: int | None = None
    parameter: int | None = None
    pointer: int | None = None
    gateway: str | None = None
    nested: Ip | None = None
    mtu: int | None = None
    spi: int | None = None
    incomplete: int | None = None
    truncated: bool | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Packet(Ip):
    """One line of the kernel's packet logger. ``in_`` is the input interface; the rest is named as in the JSON."""

    format: str | None = None
    prefix: str = ""
    in_: str | None = None
    out: str | None = None
    physin: str | None = None
    physout: str | None = None
    mac_raw: str | None = None
    tunnel_src: str | None = None
    tunnel_dst: str | None = None
    macsrc: str | None = None
    macdst: str | None = None
    vproto: str | None = None
    vid: int | None = None
    macproto: str | None = None
    family: Literal["ipv4", "ipv6", "arp", "unknown"] = "unknown"
    arp_htype: int | None = None
    arp_ptype: int | None = None
    arp_opcode: int | None = None
    arp_macsrc: str | None = None
    arp_ipsrc: str | None = None
    arp_macdst: str | None = None
    arp_ipdst: str | None = None
    tos_byte: int | None = None
    priority: int | None = None
    next_header: int | None = None
    l2_only: bool | None = None
    incomplete_ports: bool | None = None
    uid: int | None = None
    gid: int | None = None
    mark: int | None = None
    cut: bool | None = None


@dataclass(frozen=True, slots=True, repr=False)
class LogPrefix(_FromDict):
    """The meaning of a log prefix in Cloud Foundry."""

    verdict: Literal["allowed", "denied"]
    plane: Literal["asg", "c2c", "rate_limit"]
    direction: Literal["egress", "ingress"]
    subject: Literal["container", "app", "none"]
    handle_prefix: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class RepEvent(_FromDict):
    """The facts about a container in a line of rep, executor, Garden or the BBS."""

    event: str | None = None
    handle: str | None = None
    process_guid: str | None = None
    instance_guid: str | None = None
    index: int | None = None
    domain: str | None = None
    cell_id: str | None = None
    container_ip: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class LoggerEvent(_FromDict):
    """A line of silk's iptables-logger: a packet with the identity that the cell knew for its address."""

    direction: str | None = None
    allowed: bool | None = None
    src_ip: str | None = None
    dst_ip: str | None = None
    src_port: int | None = None
    dst_port: int | None = None
    protocol: str | None = None
    mark: str | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    container_id: str | None = None
    app_guid: str | None = None
    space_guid: str | None = None
    organization_guid: str | None = None
    host_ip: str | None = None
    host_guid: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class LineError(_FromDict):
    """The damage of a line. ``offset`` counts bytes from the start of the line."""

    offset: int
    message: str


@dataclass(frozen=True, slots=True, repr=False)
class Record(_FromDict):
    """One parsed line. ``time`` is in UTC; ``uptime`` is seconds since the kernel booted, with six
    decimals."""

    line: int
    kind: Literal["packet", "rep", "logger", "other", "damaged"]
    time: datetime.datetime | None = None
    host: str | None = None
    job: str | None = None
    index: str | None = None
    instance: str | None = None
    uptime: str | None = None
    cf: LogPrefix | None = None
    packet: Packet | None = None
    rep: RepEvent | None = None
    #: The other containers of a line that is a whole document.
    rep_more: tuple[RepEvent, ...] | None = None
    #: The number of the document's first line, if this is a further line of it. The first line's
    #: record has all facts of the document.
    part_of: int | None = None
    #: Text behind a packet line that the kernel did not print.
    trailing: str | None = None
    #: The fields of the packet that are masked.
    redacted: tuple[str, ...] | None = None
    #: The program that wrote a line that looks like the kernel's.
    writer: Literal["pve-firewall", "xtables-monitor"] | None = None
    logger: LoggerEvent | None = None
    error: LineError | None = None
    #: The program that wrote a packet's text, if it is not one that reports packets.
    program: str | None = None
    #: The number of messages in a folded line.
    repeated: int | None = None
    #: The byte from which on the header of a packet is not understood.
    header_not_understood: int | None = None
    #: Further records of a line that carries several, without ``line``.
    more: tuple[dict[str, Any], ...] | None = None
    #: The input that the line is in, if there are several.
    source: str | None = None

    def __repr__(self) -> str:
        packet = f" {_packet(self.packet)}" if self.packet else ""
        about = f" about {self.rep.handle}" if self.rep and self.rep.handle else ""
        error = f": {self.error.message}" if self.error else ""
        return f"<asglog.Record line {self.line}: {self.kind}{packet}{about}{error}>"


@dataclass(frozen=True, slots=True, repr=False)
class Candidate(_FromDict):
    """A container that may be the owner."""

    handle: str
    process_guid: str | None
    index: int | None


@dataclass(frozen=True, slots=True, repr=False)
class Evidence(_FromDict):
    """A line that decided the attribution."""

    source: str
    line: int


@dataclass(frozen=True, slots=True, repr=False)
class Attribution(_FromDict):
    """The owner of a packet, its certainty, and the reason."""

    certainty: Literal["exact", "unique_prefix", "inferred", "ambiguous", "unknown"]
    reason: str
    candidates: tuple[Candidate, ...]
    evidence: tuple[Evidence, ...]
    #: The contradiction in the evidence, if that is why nothing is certain.
    conflict: str | None = None
    #: The number of further candidates, which ``candidates`` leaves out.
    candidates_more: int | None = None

    @property
    def meaning(self) -> str:
        """The meaning of ``reason``, in a sentence."""
        return _reasons().get(self.reason, (self.reason.replace("_", " "), ""))[0]

    @property
    def advice(self) -> str:
        """The way to a surer answer."""
        return _reasons().get(self.reason, ("", "list the containers with Ledger.containers()"))[1]


@dataclass(frozen=True, slots=True, repr=False)
class Entity(_FromDict):
    """A space or an org. ``name_then`` is its name at the packet's time, if audit events prove it."""

    guid: str | None
    name: str | None = None
    name_then: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class App(_FromDict):
    """An app. ``state`` is its state in a directory.

    It is ``live``, ``deleted``, ``hidden`` from the user who asks, ``unknown`` to the directory,
    ``not_asked`` without a directory, or ``unavailable`` if the directory could not answer;
    ``state_reason`` then has the reason. ``name`` is today's name, and ``name_then`` is the name at
    the packet's time, if audit events prove it.
    """

    guid: str | None
    name: str | None = None
    state: Literal["live", "deleted", "hidden", "unknown", "not_asked", "unavailable"] = "live"
    state_reason: str | None = None
    name_then: str | None = None
    process_type: str | None = None
    deleted_at: datetime.datetime | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Identity(_FromDict):
    """The identity of a process, app or task, as a directory knows it. ``deleted_at`` has a zone.

    >>> Identity(app=App("4ccbb24c-268e-421a-9d1b-3678b6eb40d0", "proxy")).app.state
    'live'
    """

    app: App | None = None
    space: Entity | None = None
    org: Entity | None = None
    process_type: str | None = None
    deleted_at: datetime.datetime | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Owner(_FromDict):
    """The owner of a handle, an address, a GUID or a name, as :meth:`Ledger.who` returns it.
    ``subject_guid`` is the GUID that a directory resolves: of a process, an app or a task. Times
    are in UTC. ``app``, ``space`` and ``org`` are present if a directory was asked.

    If several containers fit, the certainty is ``ambiguous``. Three reasons occur in no flow:
    ``several_containers`` and ``one_container``, if a GUID, a name or an address means so many, and
    ``unknown_name``.
    """

    attribution: Attribution
    handle: str | None = None
    process_guid: str | None = None
    index: int | None = None
    subject_guid: str | None = None
    cell: str | None = None
    created: datetime.datetime | None = None
    destroyed: datetime.datetime | None = None
    app: App | None = None
    space: Entity | None = None
    org: Entity | None = None
    process_type: str | None = None

    def __repr__(self) -> str:
        return f"<asglog.Owner {_owner(self.app, self.space, self.org, self)}: {_how(self.attribution)}>"

    def _repr_html_(self) -> str:
        return _facts({
            "app": _path(self.app, self.space, self.org), "certainty": _how(self.attribution), "handle": self.handle,
            "process_guid": self.process_guid, "index": self.index, "cell": self.cell, "created": self.created,
            "destroyed": self.destroyed, "candidates": " ".join(one.handle for one in self.attribution.candidates) or None,
        })  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class Peer(_FromDict):
    """The other container of a packet between two, by its address: inferred at best."""

    address: str
    attribution: Attribution
    handle: str | None
    process_guid: str | None
    index: int | None
    app: App
    space: Entity
    org: Entity


@dataclass(frozen=True, slots=True, repr=False)
class Flow(_FromDict):
    """A packet with the answer to who sent it. ``time`` is in UTC and can be out by ``time_error`` seconds.

    ``also`` has the other lines about the same packet.
    """

    time: datetime.datetime | None
    time_error: float | None
    source: str
    line: int
    also: tuple[Evidence, ...]
    cell: str | None
    verdict: Literal["allowed", "denied"] | None
    plane: Literal["asg", "c2c", "rate_limit"] | None
    direction: Literal["egress", "ingress"] | None
    proto: str | None
    src: str | None
    spt: int | None
    dst: str | None
    dpt: int | None
    handle_prefix: str | None
    attribution: Attribution
    handle: str | None
    process_guid: str | None
    index: int | None
    app: App
    space: Entity
    org: Entity
    peer: Peer | None
    #: Interfaces; ``in_`` is the input.
    in_: str | None = None
    out: str | None = None
    #: The protocol's number, if the line shows a number.
    proto_num: int | None = None
    len: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    flags: tuple[str, ...] | None = None
    #: Seconds since the cell's kernel booted, with six decimals.
    uptime: str | None = None
    #: The destination of a packet between two containers, if a lease proves it.
    destination: Candidate | None = None
    #: The version of the output contract.
    schema_version: int = 2
    #: The caller's name for the destination.
    dst_name: str | None = None

    def __repr__(self) -> str:
        verdict = self.verdict or "no verdict"
        owner = _owner(self.app, self.space, self.org, self)
        return f"<asglog.Flow {self.time or 'at no time'} {verdict} {_packet(self)} from {owner}: {_how(self.attribution)}>"

    def _repr_html_(self) -> str:
        return _facts({
            "time": self.time, "verdict": self.verdict, "plane": self.plane, "packet": _packet(self), "dst_name": self.dst_name,
            "app": _path(self.app, self.space, self.org), "app state": self.app.state, "certainty": _how(self.attribution),
            "handle": self.handle, "process_guid": self.process_guid, "index": self.index, "cell": self.cell,
            "line": f"{self.source}:{self.line}",
            "evidence": " ".join(f"{one.source}:{one.line}" for one in self.attribution.evidence) or None,
        })  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class Code(_FromDict):
    """A reason, or a kind of packets that leave no line: one word of a closed list. In a
    :class:`Coverage` it also has its meaning."""

    code: str
    what: str | None = None
    cell: str | None = None
    from_: datetime.datetime | None = None
    until: datetime.datetime | None = None


@dataclass(frozen=True, slots=True, repr=False)
class RuleRef(_FromDict):
    """A rule of a group, one of its destinations and one of its port items (-1 without any), all
    counted from 0. With several snapshots, ``snapshot`` is the time of the rule's own."""

    group: str
    rule: int
    destination: int
    port: int
    snapshot: datetime.datetime | None = None

    def __str__(self) -> str:
        return f"rule {self.rule} of group {self.group}"


@dataclass(frozen=True, slots=True, repr=False)
class Admits(_FromDict):
    """The packets that a change admits: a number of addresses, and for each a number of ports or
    types of ICMP."""

    addresses: int
    points: int


@dataclass(frozen=True, slots=True, repr=False)
class NearMiss(_FromDict):
    """One change that would have allowed a denied packet. It cannot be hashed, because ``change`` is a ``dict``."""

    how: Literal["bind", "phase", "widen"]
    group: str
    rule: int
    destination: int
    port: int
    misses: tuple[str, ...]
    admits: Admits
    change: dict[str, Any]


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation(_FromDict):
    """The answer about a hypothetical packet. One of ``by`` and ``by_any_of`` is present, if a rule
    decided."""

    load: Literal["ok", "skipped", "refused", "refused_lrp"]
    id: Any = None
    governed: str | None = None
    verdict: Literal["allow", "deny", "drop"] | None = None
    by: RuleRef | str | None = None
    by_any_of: tuple[RuleRef, ...] | None = None
    decided: Literal["certain", "by_order", "undetermined"] | None = None
    log: Literal["OK", "DENY"] | None = None
    matches: tuple[RuleRef, ...] | None = None
    near: tuple[NearMiss, ...] | None = None
    because: tuple[Code, ...] | None = None

    def __repr__(self) -> str:
        by = f" by {self.by}" if self.by else f" by one of {len(self.by_any_of)} rules" if self.by_any_of else ""
        near = f", {len(self.near)} near misses" if self.near else ""
        return f"<asglog.Evaluation {self.verdict or 'no verdict'}{by} ({self.decided or self.load}{near})>"


@dataclass(frozen=True, slots=True, repr=False)
class UsedSnapshot(_FromDict):
    """A snapshot on which an answer rests. ``assumed``: its file does not show whether it is complete."""

    taken_at: datetime.datetime
    complete: bool
    assumed: bool | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Rules(_FromDict):
    """The certainty of the rules at a time, and the snapshots that were used."""

    snapshots: tuple[UsedSnapshot, ...]
    basis: Literal["exact", "either", "earlier", "later", "none"] | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(_FromDict):
    """Why a packet of a log was allowed or denied. ``app`` and ``packet`` are ``dict``, as in the JSON output."""

    kind: Literal["explain"]
    governed: Literal["asg", "c2c", "cell", "deny_network", "rate_limit", "unknown"]
    rules: Rules
    matches: tuple[RuleRef, ...]
    because: tuple[Code, ...]
    near: tuple[NearMiss, ...]
    blind: tuple[Code, ...]
    source: str | None = None
    line: int | None = None
    time: datetime.datetime | None = None
    app: dict[str, Any] | None = None
    space: Entity | None = None
    phase: Literal["running", "staging"] | None = None
    packet: dict[str, Any] | None = None
    observed: Literal["allowed", "denied"] | None = None
    configured: Literal["allowed", "denied"] | None = None
    enforced: Literal["allowed", "denied"] | None = None
    agrees: bool | None = None
    by: RuleRef | str | None = None
    by_any_of: tuple[RuleRef, ...] | None = None
    decided: Literal["certain", "by_order", "undetermined"] | None = None
    other_apps: int | None = None

    def __repr__(self) -> str:
        verdict = f"{self.observed or 'no verdict'}, configured {self.configured or 'unknown'}"
        by = f" by {self.by}" if self.by else f" by one of {len(self.by_any_of)} rules" if self.by_any_of else ""
        packet, app = self.packet or {}, (self.app or {}).get("name")
        port = f":{packet['dpt']}" if "dpt" in packet else ""
        what = _asglog.escape_text(f"{packet.get('proto', '?')} → {packet.get('dst', '?')}{port}{f' from {app}' if app else ''}")
        because = ", ".join(code.code for code in self.because)
        return f"<asglog.Explanation {self.time or 'at no time'} {what}: {verdict}{by}: {because}>"

    def _repr_html_(self) -> str:
        packet = self.packet or {}
        return _facts({
            "time": self.time, "app": (self.app or {}).get("name"), "packet": " ".join(f"{k} {v}" for k, v in packet.items()),
            "observed": self.observed, "configured": self.configured, "enforced": self.enforced, "by": self.by and str(self.by),
            "because": " ".join(code.code for code in self.because), "near misses": len(self.near) or None,
            "line": f"{self.source}:{self.line}",
        })  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class CoveredEntry(_FromDict):
    """An entry of a rule: whether packets that it allows leave lines, and the entries that hide it
    (``by``)."""

    rule: RuleRef
    state: Literal["logged", "unchecked", "unlogged", "hidden_by"]
    by: tuple[RuleRef, ...] | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Coverage(_FromDict):
    """Which rules of a space leave lines, and which packets cannot (``blind``)."""

    kind: Literal["coverage"]
    space: str
    phase: Literal["running", "staging"]
    rules: Rules
    load: Literal["ok", "skipped", "refused", "refused_lrp"]
    entries: tuple[CoveredEntry, ...]
    blind: tuple[Code, ...]


#: Fields that the contract prints even if they are null.
_ALWAYS: dict[str, frozenset[str]] = {
    "Record": frozenset({"time", "host", "job", "index", "instance", "uptime"}),
    "Owner": frozenset(field.name for field in fields(Owner) if field.name not in ("app", "space", "org", "process_type")),
    "Entity": frozenset({"guid", "name"}),
    "App": frozenset({"guid", "name", "state"}),
    **{
        cls.__name__: frozenset(field.name for field in fields(cls) if field.default is MISSING)
        for cls in (Flow, Peer, Candidate, Attribution)
    },
}

_HINTS: dict[type, dict[str, Any]] = {}


def _hints(cls: type) -> dict[str, Any]:
    if cls not in _HINTS:
        _HINTS[cls] = get_type_hints(cls)
    return _HINTS[cls]


def _value(hint: Any, value: Any) -> Any:
    """Converts a JSON value to the type of a field."""
    if isinstance(value, str) and _is_time(hint):
        return Time.parse(value)
    if isinstance(value, dict):
        record = _record_in(hint)
        return value if record is None else record._from(value)
    if isinstance(value, list):
        record = _record_in(hint)
        return tuple(value if record is None else map(record._from, value))
    return value


def _record_in(hint: Any) -> type[_FromDict] | None:
    if isinstance(hint, type) and issubclass(hint, _FromDict):
        return hint
    return next((found for arg in getattr(hint, "__args__", ()) if (found := _record_in(arg))), None)


def _is_time(hint: Any) -> bool:
    return hint is datetime.datetime or datetime.datetime in getattr(hint, "__args__", ())


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return str(value) if isinstance(value, Time) else value.isoformat()
    if isinstance(value, _FromDict):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


#: Meanings and advice by reason, loaded once.
_REASONS: dict[str, tuple[str, str]] = {}

#: Reasons of :meth:`Ledger.who` alone.
_OF_WHO = {
    "one_container": ("one container is meant", "nothing: this is the answer"),
    "several_containers": ("several containers are meant", "list them with Ledger.containers()"),
    "unknown_name": ("no line and no directory has an app with this name", "give a directory, which knows names"),
}


def _reasons() -> dict[str, tuple[str, str]]:
    if not _REASONS:
        _REASONS.update(_OF_WHO)
        _REASONS.update({word: (meaning, advice) for word, meaning, advice in _asglog.reasons()})
    return _REASONS


def _how(attribution: Attribution) -> str:
    return f"{attribution.certainty.replace('_', ' ')}, {attribution.meaning}"


def _path(app: Any, space: Any, org: Any) -> str | None:
    """Returns ``org/space/app``, as far as it is known."""
    if app is None or app.name is None:
        return None
    names = [getattr(one, "name", None) or "?" for one in (org, space, app)]
    return _asglog.escape_text("/".join(names))


def _owner(app: Any, space: Any, org: Any, of: Any) -> str:
    index = "" if of.index is None else f" #{of.index}"
    for known in (_path(app, space, org), of.process_guid and f"process {of.process_guid[:36]}", of.handle and f"container {of.handle}"):
        if known:
            return f"{known}{index}"
    return "nobody who is known"


def _packet(ip: Any) -> str:
    def side(address: str | None, port: int | None) -> str:
        shown = "?" if address is None else f"[{address}]" if ":" in address and port is not None else address
        return shown if port is None else f"{shown}:{port}"

    return _asglog.escape_text(f"{ip.proto or '?'} {side(ip.src, ip.spt)} → {side(ip.dst, ip.dpt)}")


def _facts(facts: dict[str, Any]) -> str:
    """Formats facts as a small HTML table."""
    rows = (
        f'<tr><th style="text-align:left">{html.escape(name)}</th>'
        f'<td style="text-align:left">{html.escape(_asglog.escape_text(str(value)))}</td></tr>'
        for name, value in facts.items()
        if value is not None
    )
    return f"<table><tbody>{''.join(rows)}</tbody></table>"
