//! Records of ECS and OCSF at the pace of a log.
//!
//! Flows of one [key](Flow::key) differ in times, ids, addresses, ports and the number of the line.
//! The first record of a key is serialised by serde. The parts that the next one need not share are
//! written once more by hand and found in its text, and what lies between is kept. A record whose
//! parts are not found is never kept, so the text is always serde's.

use std::io::Write as _;

use memchr::memmem;

use super::Standard;
use super::facts::{self, Short, error_ms, keyword};
use super::id::{CommunityId, FlowId};
use super::ocsf::tcp_flags;
use crate::correlate::flow::Flow;
use crate::packet::{Address, Packet, Proto};
use crate::prefix::{Direction, LogPrefix};
use crate::time::Timestamp;

/// The texts that flows of one key share, for one thread and one standard.
#[derive(Debug, Default)]
pub(super) struct Quick {
    /// By key.
    shared: Vec<Option<Shared>>,
    parts: Parts,
}

/// What records of one key have in common.
#[derive(Debug)]
struct Shared {
    /// They have these in common, too, and others of the key are written slowly.
    alike: Alike,
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

/// The facts of a flow that others of its key do not share.
struct Own<'f> {
    flow: &'f Flow<'f, 'f>,
    cf: &'f LogPrefix<'f>,
    packet: &'f Packet<'f>,
    src: Address,
    dst: Address,
    proto: Proto,
    version: u8,
    error_ms: Option<u64>,
}

impl<'f> Own<'f> {
    /// Returns the facts of a common packet; `None` for others, whose records lack members.
    fn of(flow: &'f Flow<'_, '_>) -> Option<Self> {
        let packet = flow.packet();
        let address = |address: Option<Address>| address.filter(|it| it.ip().is_some());
        let (src, dst) = (address(packet.ip.src)?, address(packet.ip.dst)?);
        Some(Self {
            flow,
            cf: flow.cf.as_ref()?,
            packet,
            src,
            dst,
            proto: packet.ip.proto?,
            version: if matches!(src, Address::V4(_)) { 4 } else { 6 },
            error_ms: error_ms(flow),
        })
    }

    const fn alike(&self) -> Alike {
        let subject = match self.cf.direction {
            Direction::Egress => self.src,
            Direction::Ingress => self.dst,
        };
        let (has_time, has_error) = (self.flow.time.is_some(), self.error_ms.is_some());
        Alike { subject, has_time, has_error }
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
        let shared = flow.key().and_then(|key| self.shared.get(key.index())?.as_ref());
        let Some((shared, own)) = shared.zip(Own::of(flow)) else { return false };
        if shared.alike != own.alike() {
            return false;
        }
        self.parts.write(standard, &own, source);
        let parts = self.parts.each();
        for (fixed, part) in shared.fixed.iter().zip(parts) {
            out.extend_from_slice(fixed);
            out.extend_from_slice(part);
        }
        out.extend(shared.fixed.last().into_iter().flatten());
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
            self.parts.write(standard, &own, source);
            let fixed = self.parts.between(record);
            self.shared[key] = fixed.map(|fixed| Shared { alike: own.alike(), fixed });
        }
    }
}

/// The parts of a record that others of its key do not share, in their order.
#[derive(Debug, Default)]
struct Parts {
    text: Vec<u8>,
    ends: Vec<usize>,
    /// A second, and `2024-05-06T07:09:10`.
    second: Option<(i64, [u8; 19])>,
}

impl Parts {
    fn write(&mut self, standard: Standard, own: &Own<'_>, source: &str) {
        self.text.clear();
        self.ends.clear();
        match standard {
            Standard::Ecs => self.ecs(own, source),
            _ => self.ocsf(own, source),
        }
    }

    fn each(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.text[start..*end])
    }

    /// Returns what lies before, between and behind the parts in a text; `None` if one is not
    /// there. Quotes inside strings are escaped, so a member is found at its own place.
    fn between(&self, text: &[u8]) -> Option<Vec<Box<[u8]>>> {
        let mut fixed: Vec<Box<[u8]>> = Vec::with_capacity(self.ends.len() + 1);
        let mut rest = text;
        for part in self.each() {
            let at = memmem::find(rest, part)?;
            fixed.push(rest[..at].into());
            rest = &rest[at + part.len()..];
        }
        fixed.push(rest.into());
        Some(fixed)
    }

    fn end(&mut self) {
        self.ends.push(self.text.len());
    }

    fn ecs(&mut self, own: &Own<'_>, source: &str) {
        let [spt, dpt] = own.packet.ip.ports();
        if let Some(time) = own.flow.time {
            self.put(b"{\"@timestamp\":\"");
            self.time(time);
            self.put(b"\",");
            self.end();
        }
        self.put(b"\"id\":\"");
        self.id(own, source);
        self.put(b"\"}");
        self.end();
        self.put(b"\"message\":\"");
        self.put(facts::plane(own.cf.plane).as_bytes());
        self.put(b" ");
        self.put(facts::verdict(own.cf.verdict).as_bytes());
        self.put(b" ");
        self.path(own.src, spt);
        self.put(b" -> ");
        self.path(own.dst, dpt);
        self.put(b"\",\"source\":{");
        self.ecs_end(own.src, spt);
        self.put(b"},\"destination\":{");
        self.ecs_end(own.dst, dpt);
        self.put(b"},\"network\":{\"type\":\"ipv");
        self.number(u64::from(own.version));
        self.put(b"\",");
        if let Some(word) = keyword(own.proto) {
            self.put(b"\"transport\":\"");
            self.put(word.as_bytes());
            self.put(b"\",");
        }
        self.put(b"\"iana_number\":\"");
        self.number(u64::from(own.proto.number()));
        self.put(b"\",\"direction\":\"");
        self.put(facts::direction(own.cf.direction).as_bytes());
        self.put(b"\"");
        if let Some(id) = CommunityId::of(&own.packet.ip, 0) {
            self.put(b",\"community_id\":\"");
            self.shown(id);
            self.put(b"\"");
        }
        self.put(b"},");
        self.end();
        self.put(b"\"related\":{\"ip\":[");
        let mut all = [own.src, own.dst].map(Short).map(|it| it.to_string());
        all.sort_unstable();
        self.quoted(&all[0]);
        if all[0] != all[1] {
            self.put(b",");
            self.quoted(&all[1]);
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

    fn ocsf(&mut self, own: &Own<'_>, source: &str) {
        let [spt, dpt] = own.packet.ip.ports();
        if let Some(time) = own.flow.time {
            self.put(b"\"time\":");
            self.shown(time.as_nanos().div_euclid(1_000_000));
            self.put(b",\"time_dt\":\"");
            self.time(time);
            self.put(b"\",");
            self.end();
        }
        self.put(b"\"uid\":\"");
        self.id(own, source);
        self.put(b"\",");
        self.end();
        self.put(b"\"protocol_num\":");
        self.number(u64::from(own.proto.number()));
        if let Some(word) = keyword(own.proto) {
            self.put(b",\"protocol_name\":\"");
            self.put(word.as_bytes());
            self.put(b"\"");
        }
        self.put(b",\"protocol_ver_id\":");
        self.number(u64::from(own.version));
        if let Some(flags) = own.packet.ip.flags {
            self.put(b",\"tcp_flags\":");
            self.number(u64::from(tcp_flags(flags)));
        }
        if let Some(id) = CommunityId::of(&own.packet.ip, 0) {
            self.put(b",\"community_uid\":\"");
            self.shown(id);
            self.put(b"\"");
        }
        for (name, address, port) in [(&b"src"[..], own.src, spt), (&b"dst"[..], own.dst, dpt)] {
            if name == b"src" {
                self.put(b"},");
            }
            self.put(b"\"");
            self.put(name);
            self.put(b"_endpoint\":{\"ip\":\"");
            self.address(address);
            self.put(b"\"");
            self.port(port);
            self.end();
        }
        self.put(b"\"observables\":[");
        for (name, address) in [(&b"src"[..], own.src), (&b",dst"[..], own.dst)] {
            let (comma, name) = name.split_at(usize::from(name.len() > 3));
            self.put(comma);
            self.put(b"{\"name\":\"");
            self.put(name);
            self.put(b"_endpoint.ip\",\"type_id\":2,\"type\":\"IP Address\",\"value\":\"");
            self.address(address);
            self.put(b"\"}");
        }
        self.end();
        self.last(own);
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
        self.number(own.flow.origin.line);
        self.put(b"}}}\n");
        self.end();
    }

    fn put(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
    }

    fn quoted(&mut self, text: &str) {
        self.put(b"\"");
        self.put(text.as_bytes());
        self.put(b"\"");
    }

    fn shown(&mut self, value: impl std::fmt::Display) {
        let written = write!(self.text, "{value}");
        debug_assert!(written.is_ok());
    }

    fn id(&mut self, own: &Own<'_>, source: &str) {
        self.shown(FlowId::of(own.flow, source));
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
            Address::V4(ip) => self.dotted(ip.octets()),
            other => self.shown(Short(other)),
        }
    }

    fn as_logged(&mut self, address: Address) {
        match address {
            Address::V4(ip) => self.dotted(ip.octets()),
            other => self.shown(other),
        }
    }

    fn dotted(&mut self, octets: [u8; 4]) {
        for (n, octet) in octets.into_iter().enumerate() {
            if n > 0 {
                self.put(b".");
            }
            self.number(u64::from(octet));
        }
    }

    fn number(&mut self, mut number: u64) {
        let mut text = [0; 20];
        let mut at = text.len();
        loop {
            at -= 1;
            text[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.text.extend_from_slice(&text[at..]);
    }

    /// Writes a time as it prints; the text of a second is worked out once.
    fn time(&mut self, time: Timestamp) {
        const SECOND: i64 = 1_000_000_000;
        let (second, nanos) =
            (time.as_nanos().div_euclid(SECOND), time.as_nanos().rem_euclid(SECOND));
        let text = match self.second {
            Some((known, text)) if known == second => text,
            _ => {
                let text = Timestamp::from_nanos(time.as_nanos() - nanos).to_string();
                let Some(text) = text.as_bytes().first_chunk::<19>().copied() else {
                    return self.shown(time);
                };
                self.second = Some((second, text));
                text
            }
        };
        self.put(&text);
        if nanos > 0 {
            let mut digits = *b".000000000";
            let mut rest = nanos;
            for digit in digits[1..].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
            let end = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |at| at + 1);
            self.put(&digits[..end]);
        }
        self.put(b"Z");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn times_are_written_as_they_print(
            times in prop::collection::vec(
                (-9_000_000_000_000_000_000..9_000_000_000_000_000_000_i64, prop::sample::select(&[1, 1_000, 1_000_000_000][..])),
                1..9,
            ),
        ) {
            let mut parts = Parts::default();
            for (nanos, unit) in times {
                let time = Timestamp::from_nanos(nanos / unit * unit);
                parts.text.clear();
                parts.time(time);
                prop_assert_eq!(std::str::from_utf8(&parts.text).unwrap(), time.to_string());
            }
        }
    }
}
