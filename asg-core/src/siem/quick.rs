//! Records of ECS and OCSF at the pace of a log.
//!
//! Flows of one [key](Flow::key) differ in times, ids, addresses, ports and the number of the line.
//! The first record of a key is serialised by serde. The parts that the next one need not share are
//! written once more by hand and found in its text, and what lies between is kept. A record whose
//! parts are not found is never kept, so the text is always serde's.

use std::slice;

use memchr::memmem;

use super::Standard;
use super::facts::{self, Short, error_ms, keyword};
use super::id::{CommunityId, FlowId};
use super::ocsf::tcp_flags;
use crate::bytes::{SmallText, dotted};
use crate::correlate::flow::{Flow, FlowKey};
use crate::correlate::known::KnownFlow;
use crate::packet::{Address, Ip, Packet, Proto};
use crate::prefix::{Direction, LogPrefix, Plane, Verdict};
use crate::time::{TimeText, Timestamp};

/// The texts that flows of one key share, for one thread and one standard.
#[derive(Debug, Default)]
pub(super) struct Quick {
    /// By key.
    shared: Vec<Option<Shared>>,
    tools: Tools,
    /// Of no line: a packet is large, so each is filled in place.
    packet: Box<Packet<'static>>,
}

/// What records of one key have in common.
#[derive(Debug)]
struct Shared {
    /// They have these in common, too, and others of the key are written slowly.
    alike: Alike,
    words: Words,
    /// The texts before, between and behind the parts.
    fixed: Vec<Box<[u8]>>,
}

/// What a record's shape depends on besides its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Alike {
    /// The address of the end that the prefix names.
    subject: Address,
    has_time: bool,
    has_error: bool,
}

/// The words of a log prefix.
#[derive(Debug, Clone, Copy)]
struct Words {
    plane: Plane,
    verdict: Verdict,
    direction: Direction,
}

impl Words {
    const fn of(cf: &LogPrefix<'_>) -> Self {
        Self { plane: cf.plane, verdict: cf.verdict, direction: cf.direction }
    }
}

/// The facts of a flow that others of its key do not share.
struct Own<'f> {
    words: Words,
    time: Option<Timestamp>,
    error_ms: Option<u64>,
    line: u64,
    ip: &'f Ip<'f>,
    src: Address,
    dst: Address,
    proto: Proto,
}

impl<'f> Own<'f> {
    /// Returns the facts of a common packet; `None` for others, whose records lack members.
    fn of(flow: &'f Flow<'_, '_>) -> Option<Self> {
        let words = Words::of(flow.cf.as_ref()?);
        let times = (flow.time, error_ms(flow.range, flow.time));
        Self::new(words, times, flow.origin.line, &flow.packet().ip)
    }

    fn new(
        words: Words,
        (time, error_ms): (Option<Timestamp>, Option<u64>),
        line: u64,
        ip: &'f Ip<'f>,
    ) -> Option<Self> {
        let address = |address: Option<Address>| address.filter(|it| it.ip().is_some());
        let (src, dst) = (address(ip.src)?, address(ip.dst)?);
        Some(Self { words, time, error_ms, line, ip, src, dst, proto: ip.proto? })
    }

    const fn alike(&self) -> Alike {
        let subject = match self.words.direction {
            Direction::Egress => self.src,
            Direction::Ingress => self.dst,
        };
        let (has_time, has_error) = (self.time.is_some(), self.error_ms.is_some());
        Alike { subject, has_time, has_error }
    }

    const fn version(&self) -> u64 {
        if matches!(self.src, Address::V4(_)) { 4 } else { 6 }
    }
}

impl Quick {
    /// Writes the record of a flow whose key an earlier one had; returns false if it must be
    /// written slowly.
    pub(super) fn add(
        &mut self,
        standard: Standard,
        flow: &Flow<'_, '_>,
        source: &str,
        out: &mut Vec<u8>,
    ) -> bool {
        let Self { shared, tools, .. } = self;
        let shared = flow.key().and_then(|key| shared_of(shared, key));
        let Some((shared, own)) = shared.zip(Own::of(flow)) else { return false };
        let is_alike = shared.alike == own.alike();
        if is_alike {
            shared.write(standard, &own, FlowId::of(flow, source), tools, out);
        }
        is_alike
    }

    /// Writes the record of a [`KnownFlow`]; see [`Quick::add`].
    pub(super) fn add_known(
        &mut self,
        standard: Standard,
        flow: &KnownFlow<'_>,
        out: &mut Vec<u8>,
    ) -> bool {
        let Self { shared, tools, packet } = self;
        let shared = shared_of(shared, flow.key);
        let Some((shared, id)) = shared.zip(FlowId::of_known(flow)) else { return false };
        flow.fill(packet);
        let times = (flow.time, error_ms(flow.range, flow.time));
        let own = Own::new(shared.words, times, flow.origin.line, &packet.ip);
        let Some(own) = own.filter(|own| shared.alike == own.alike()) else { return false };
        shared.write(standard, &own, id, tools, out);
        true
    }

    /// Learns from the record of a flow that was written slowly.
    pub(super) fn learn(
        &mut self,
        standard: Standard,
        flow: &Flow<'_, '_>,
        source: &str,
        record: &[u8],
    ) {
        if !matches!(standard, Standard::Ecs | Standard::Ocsf) {
            return;
        }
        let Some((key, own)) = flow.key().zip(Own::of(flow)) else { return };
        let key = key.index();
        if self.shared.len() <= key {
            self.shared.resize_with(key + 1, || None);
        }
        if self.shared[key].is_none() {
            let id = FlowId::of(flow, source);
            let fixed = self.tools.between(standard, &own, id, record);
            let (alike, words) = (own.alike(), own.words);
            self.shared[key] = fixed.map(|fixed| Shared { alike, words, fixed });
        }
    }
}

fn shared_of(shared: &[Option<Shared>], key: FlowKey) -> Option<&Shared> {
    shared.get(key.index())?.as_ref()
}

impl Shared {
    fn write(
        &self,
        standard: Standard,
        own: &Own<'_>,
        id: FlowId,
        tools: &mut Tools,
        out: &mut Vec<u8>,
    ) {
        let mut fixed = self.fixed.iter();
        if let Some(first) = fixed.next() {
            out.extend_from_slice(first);
        }
        Pen { tools, out, ends: Ends::Known(fixed) }.write(standard, own, id);
    }
}

/// Memory that all records use.
#[derive(Debug, Default)]
struct Tools {
    text: SmallText,
    times: TimeText,
}

impl Tools {
    /// Returns what lies before, between and behind the parts in a record; `None` if one is not
    /// there. Quotes inside strings are escaped, so a member is found at its own place.
    fn between(
        &mut self,
        standard: Standard,
        own: &Own<'_>,
        id: FlowId,
        record: &[u8],
    ) -> Option<Vec<Box<[u8]>>> {
        let (mut parts, mut ends) = (Vec::new(), Vec::new());
        Pen { tools: self, out: &mut parts, ends: Ends::Wanted(&mut ends) }
            .write(standard, own, id);
        let mut fixed: Vec<Box<[u8]>> = Vec::with_capacity(ends.len() + 1);
        let (mut rest, mut start) = (record, 0);
        for end in ends {
            let part = &parts[start..end];
            let at = memmem::find(rest, part)?;
            fixed.push(rest[..at].into());
            rest = &rest[at + part.len()..];
            start = end;
        }
        fixed.push(rest.into());
        Some(fixed)
    }
}

/// Writes the parts of a record that others of its key do not share, in their order.
struct Pen<'p> {
    tools: &'p mut Tools,
    out: &'p mut Vec<u8>,
    ends: Ends<'p>,
}

/// The action at the end of each part.
enum Ends<'p> {
    /// The next of these texts follows.
    Known(slice::Iter<'p, Box<[u8]>>),
    /// Its place is noted.
    Wanted(&'p mut Vec<usize>),
}

impl Pen<'_> {
    fn write(&mut self, standard: Standard, own: &Own<'_>, id: FlowId) {
        self.tools.text.clear();
        match standard {
            Standard::Ecs => self.ecs(own, id),
            _ => self.ocsf(own, id),
        }
    }

    /// Ends a part.
    fn end(&mut self) {
        self.flush();
        match &mut self.ends {
            Ends::Known(fixed) => {
                if let Some(next) = fixed.next() {
                    self.out.extend_from_slice(next);
                }
            }
            Ends::Wanted(ends) => ends.push(self.out.len()),
        }
    }

    /// Makes room.
    fn flush(&mut self) {
        self.tools.text.move_to(self.out);
    }

    fn ecs(&mut self, own: &Own<'_>, id: FlowId) {
        let [spt, dpt] = own.ip.ports();
        if let Some(time) = own.time {
            self.put(b"{\"@timestamp\":\"");
            self.time(time);
            self.put(b"\",");
            self.end();
        }
        self.put(b"\"id\":\"");
        self.put(&id.hex());
        self.put(b"\"}");
        self.end();
        self.put(b"\"message\":\"");
        self.word(facts::plane(own.words.plane));
        self.put(b" ");
        self.word(facts::verdict(own.words.verdict));
        self.put(b" ");
        self.path(own.src, spt);
        self.put(b" -> ");
        self.path(own.dst, dpt);
        self.put(b"\",\"source\":{");
        self.ecs_end(own.src, spt);
        self.put(b"},\"destination\":{");
        self.ecs_end(own.dst, dpt);
        self.flush();
        self.put(b"},\"network\":{\"type\":\"ipv");
        self.number(own.version());
        self.put(b"\",");
        if let Some(word) = keyword(own.proto) {
            self.put(b"\"transport\":\"");
            self.word(&word);
            self.put(b"\",");
        }
        self.put(b"\"iana_number\":\"");
        self.number(u64::from(own.proto.number()));
        self.put(b"\",\"direction\":\"");
        self.word(facts::direction(own.words.direction));
        self.put(b"\"");
        if let Some(id) = CommunityId::of(own.ip, 0) {
            self.put(b",\"community_id\":\"");
            self.put(&id.text());
            self.put(b"\"");
        }
        self.put(b"},");
        self.end();
        self.put(b"\"related\":{\"ip\":[");
        let both = [own.src, own.dst].map(AddressText::of);
        let [first, second] = if both[0] <= both[1] { [0, 1] } else { [1, 0] };
        self.quoted(&both[first]);
        if both[0] != both[1] {
            self.put(b",");
            self.quoted(&both[second]);
        }
        self.put(b"]");
        self.end();
        self.last(own);
    }

    /// Writes the members of an end of a packet.
    fn ecs_end(&mut self, address: Address, port: Option<u16>) {
        self.put(b"\"ip\":\"");
        self.address(address);
        self.put(b"\",\"address\":\"");
        self.as_logged(address);
        self.put(b"\"");
        self.port(port);
    }

    fn ocsf(&mut self, own: &Own<'_>, id: FlowId) {
        let [spt, dpt] = own.ip.ports();
        if let Some(time) = own.time {
            self.put(b"\"time\":");
            let millis = time.as_nanos().div_euclid(1_000_000);
            if millis < 0 {
                self.put(b"-");
            }
            self.number(millis.unsigned_abs());
            self.put(b",\"time_dt\":\"");
            self.time(time);
            self.put(b"\",");
            self.end();
        }
        self.put(b"\"uid\":\"");
        self.put(&id.hex());
        self.put(b"\",");
        self.end();
        self.put(b"\"protocol_num\":");
        self.number(u64::from(own.proto.number()));
        if let Some(word) = keyword(own.proto) {
            self.put(b",\"protocol_name\":\"");
            self.word(&word);
            self.put(b"\"");
        }
        self.put(b",\"protocol_ver_id\":");
        self.number(own.version());
        if let Some(flags) = own.ip.flags {
            self.put(b",\"tcp_flags\":");
            self.number(u64::from(tcp_flags(flags)));
        }
        if let Some(id) = CommunityId::of(own.ip, 0) {
            self.put(b",\"community_uid\":\"");
            self.put(&id.text());
            self.put(b"\"");
        }
        self.put(b"},\"src_endpoint\":{\"ip\":\"");
        self.address(own.src);
        self.put(b"\"");
        self.port(spt);
        self.end();
        self.put(b"\"dst_endpoint\":{\"ip\":\"");
        self.address(own.dst);
        self.put(b"\"");
        self.port(dpt);
        self.end();
        self.put(b"\"observables\":[{\"name\":\"src_endpoint.ip\"");
        self.observable(own.src);
        self.put(b",{\"name\":\"dst_endpoint.ip\"");
        self.observable(own.dst);
        self.end();
        self.last(own);
    }

    fn observable(&mut self, address: Address) {
        self.put(b",\"type_id\":2,\"type\":\"IP Address\",\"value\":\"");
        self.address(address);
        self.put(b"\"}");
    }

    /// Writes the last members, which both standards have.
    fn last(&mut self, own: &Own<'_>) {
        if let Some(error) = own.error_ms {
            self.put(b"\"time_error_ms\":");
            self.number(error);
            self.put(b",");
            self.end();
        }
        self.put(b"\"line\":");
        self.number(own.line);
        self.put(b"}}}\n");
        self.end();
    }

    #[inline]
    fn put<const LEN: usize>(&mut self, text: &[u8; LEN]) {
        self.tools.text.constant(text);
    }

    #[inline]
    fn word(&mut self, word: &str) {
        self.tools.text.word(word);
    }

    #[inline]
    fn number(&mut self, number: u64) {
        self.tools.text.number(number);
    }

    fn time(&mut self, time: Timestamp) {
        self.tools.times.write(&mut self.tools.text, time);
    }

    fn quoted(&mut self, text: &AddressText) {
        self.put(b"\"");
        self.word(text.as_str());
        self.put(b"\"");
    }

    fn port(&mut self, port: Option<u16>) {
        if let Some(port) = port {
            self.put(b",\"port\":");
            self.number(u64::from(port));
        }
    }

    /// Writes `10.255.73.3:51858`, as logged.
    fn path(&mut self, address: Address, port: Option<u16>) {
        self.as_logged(address);
        if let Some(port) = port {
            self.put(b":");
            self.number(u64::from(port));
        }
    }

    /// Writes an address as RFC 5952 has it.
    fn address(&mut self, address: Address) {
        match address {
            Address::V4(ip) => self.tools.text.dotted(ip.octets()),
            other => self.word(&Short(other).to_string()),
        }
    }

    fn as_logged(&mut self, address: Address) {
        match address {
            Address::V4(ip) => self.tools.text.dotted(ip.octets()),
            other => self.word(&other.to_string()),
        }
    }
}

/// An address as RFC 5952 has it. Such texts have the order of text.
#[derive(Debug)]
enum AddressText {
    Dotted([u8; 16], usize),
    Other(String),
}

impl AddressText {
    fn of(address: Address) -> Self {
        match address {
            Address::V4(ip) => {
                let (text, len) = dotted(ip.octets());
                Self::Dotted(text, len)
            }
            other => Self::Other(Short(other).to_string()),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Dotted(text, len) => std::str::from_utf8(&text[..*len]).unwrap_or_default(),
            Self::Other(text) => text,
        }
    }
}

impl PartialEq for AddressText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl PartialOrd for AddressText {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.as_str().partial_cmp(other.as_str())
    }
}
