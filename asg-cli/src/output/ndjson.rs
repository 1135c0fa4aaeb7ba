//! Flows as JSON Lines: one object a flow, as the output contract has it.
//!
//! Flows of one container differ in little: times, the line, addresses and ports. The writer
//! serialises the first flow of each [key](asg_core::Flow::key) with serde, keeps the text of what
//! all others share, and puts the rest between by hand.

use std::collections::HashMap;
use std::io;

use asg_core::siem::FlowId;
use asg_core::{Address, Flow, Proto, SourceId, TimeRange, Timestamp, Uptime, Verdict};
use memchr::memmem;

use super::clock::TimeText;
use crate::origins;
use crate::query::push_dotted;

/// Writes flows into a buffer, for one thread.
#[derive(Debug, Default)]
pub struct FlowWriter {
    out: Vec<u8>,
    has_ids: bool,
    /// By key.
    shared: Vec<Option<Shared>>,
    times: TimeText,
    sources: HashMap<SourceId, Box<[u8]>>,
}

/// The text that flows with one key share.
#[derive(Debug)]
struct Shared {
    /// The flow's [period](Flow::names_period): names may differ between periods.
    period: (usize, usize),
    /// `,"cell":…,"direction":…`
    before: Box<[u8]>,
    /// `,"handle_prefix":…}`
    after: Box<[u8]>,
}

impl FlowWriter {
    /// Creates a writer; with the packets' identifiers, if `has_ids`.
    #[must_use]
    pub fn new(has_ids: bool) -> Self {
        Self { has_ids, ..Self::default() }
    }

    /// Writes a flow, with a line feed.
    pub fn add(&mut self, flow: &Flow<'_, '_>) {
        self.add_members(flow);
        if self.has_ids && self.out.ends_with(b"}\n") {
            self.out.truncate(self.out.len() - 2);
            let id = FlowId::of(flow, origins::name(flow.origin.source)).to_string();
            self.out.extend_from_slice(b",\"flow_id\":\"");
            self.out.extend_from_slice(id.as_bytes());
            self.out.extend_from_slice(b"\"}\n");
        }
    }

    fn add_members(&mut self, flow: &Flow<'_, '_>) {
        let Some(key) = flow.key().map(asg_core::FlowKey::index) else {
            return self.add_slowly(flow);
        };
        if self.shared.len() <= key {
            self.shared.resize_with(key + 1, || None);
        }
        let period = flow.names_period();
        let shared = self.shared[key].as_ref().filter(|shared| shared.period == period);
        let Some(shared) = shared else {
            let start = self.out.len();
            self.add_slowly(flow);
            self.shared[key] = Shared::of(&self.out[start..self.out.len() - 1], period);
            return;
        };
        let out = &mut self.out;
        out.extend_from_slice(b"{\"time\":");
        match flow.time {
            Some(time) => {
                out.push(b'"');
                self.times.push(out, time);
                out.push(b'"');
            }
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"time_error\":");
        push_error(out, flow.range.zip(flow.time));
        out.extend_from_slice(b",\"source\":");
        let source = flow.origin.source;
        let name = self.sources.entry(source).or_insert_with(|| json(&origins::name(source)));
        out.extend_from_slice(name);
        out.extend_from_slice(b",\"line\":");
        push_number(out, flow.origin.line);
        out.extend_from_slice(b",\"also\":[");
        for (n, at) in flow.also.iter().enumerate() {
            out.extend_from_slice(if n == 0 { b"{\"source\":" } else { b",{\"source\":" });
            out.extend_from_slice(&json(&origins::name(at.source)));
            out.extend_from_slice(b",\"line\":");
            push_number(out, at.line);
            out.push(b'}');
        }
        out.push(b']');
        out.extend_from_slice(&shared.before);
        let ip = &flow.packet().ip;
        let [spt, dpt] = ip.ports();
        out.extend_from_slice(b",\"proto\":");
        push_protocol(out, ip.proto);
        out.extend_from_slice(b",\"src\":");
        push_address(out, ip.src);
        out.extend_from_slice(b",\"spt\":");
        push_port(out, spt);
        out.extend_from_slice(b",\"dst\":");
        push_address(out, ip.dst);
        out.extend_from_slice(b",\"dpt\":");
        push_port(out, dpt);
        if let Some(Proto::Other(number)) = ip.proto {
            push_present(out, b",\"proto_num\":", Some(u64::from(number)));
        }
        push_present(out, b",\"len\":", ip.len.map(u64::from));
        push_present(out, b",\"icmp_type\":", ip.icmp_type.map(u64::from));
        push_present(out, b",\"icmp_code\":", ip.icmp_code.map(u64::from));
        if let Some(flags) = ip.flags {
            out.extend_from_slice(b",\"flags\":[");
            for (n, flag) in flags.names().enumerate() {
                out.extend_from_slice(if n == 0 { b"\"" } else { b",\"" });
                out.extend_from_slice(flag.as_bytes());
                out.push(b'"');
            }
            out.push(b']');
        }
        if let Some(uptime) = flow.record.envelope.uptime {
            push_uptime(out, uptime);
        }
        out.extend_from_slice(&shared.after);
        out.push(b'\n');
    }

    /// Adds the caller's verdict and name of the destination to the last flow.
    pub(crate) fn label(&mut self, verdict: Option<Verdict>, name: Option<&str>) {
        const MISSING: &[u8] = b",\"verdict\":null";
        if let Some(verdict) = verdict {
            let end = self.out.len().saturating_sub(1);
            let start = memchr::memrchr(b'\n', &self.out[..end]).map_or(0, |at| at + 1);
            if let Some(at) = memmem::find(&self.out[start..], MISSING) {
                let at = start + at;
                let text = [b",\"verdict\":", &*json(&verdict)].concat();
                self.out.splice(at..at + MISSING.len(), text);
            }
        }
        if let Some(name) = name {
            self.out.truncate(self.out.len().saturating_sub(2));
            self.out.extend_from_slice(b",\"dst_name\":");
            self.out.extend_from_slice(&json(&name));
            self.out.extend_from_slice(b"}\n");
        }
    }

    /// Hands over what was written since the last time.
    pub fn take(&mut self) -> Vec<u8> {
        let room = self.out.len() + self.out.len() / 8;
        std::mem::replace(&mut self.out, Vec::with_capacity(room))
    }

    /// Writes any flow.
    fn add_slowly(&mut self, flow: &Flow<'_, '_>) {
        push_json(&mut self.out, &flow.to_output(origins::name));
        self.out.push(b'\n');
    }
}

impl Shared {
    /// The shared text of an object. Quotes inside its strings are escaped, so a member's name is
    /// found at its own place.
    fn of(object: &[u8], period: (usize, usize)) -> Option<Self> {
        let cell = memmem::find(object, b",\"cell\":")?;
        let proto = cell + memmem::find(&object[cell..], b",\"proto\":")?;
        let handle = proto + memmem::find(&object[proto..], b",\"handle_prefix\":")?;
        Some(Self { period, before: object[cell..proto].into(), after: object[handle..].into() })
    }
}

/// Serialises into memory, which does not fail for what flows hold.
fn push_json(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    let written: Result<(), io::Error> =
        serde_json::to_writer(&mut *out, value).map_err(Into::into);
    debug_assert!(written.is_ok());
}

/// The JSON of a value.
pub(crate) fn json(value: &impl serde::Serialize) -> Box<[u8]> {
    let mut out = Vec::new();
    push_json(&mut out, value);
    out.into()
}

/// A time's error in seconds, rounded up to a millisecond, as serde prints such a number.
fn push_error(out: &mut Vec<u8>, known: Option<(TimeRange, Timestamp)>) {
    let Some((range, time)) = known else { return out.extend_from_slice(b"null") };
    let nanos = |end: Timestamp| end.as_nanos().abs_diff(time.as_nanos());
    let millis = nanos(range.earliest()).max(nanos(range.latest())).div_ceil(1_000_000);
    let Ok(millis) = u32::try_from(millis) else { return out.extend_from_slice(b"null") };
    push_number(out, u64::from(millis / 1_000));
    let fraction = millis % 1_000;
    let digits =
        [fraction / 100, fraction / 10 % 10, fraction % 10].map(|digit| b'0' + digit as u8);
    let len = match digits {
        [_, b'0', b'0'] => 1,
        [_, _, b'0'] => 2,
        _ => 3,
    };
    out.push(b'.');
    out.extend_from_slice(&digits[..len]);
}

/// Writes a member and its number, if there is one.
fn push_present(out: &mut Vec<u8>, member: &[u8], number: Option<u64>) {
    if let Some(number) = number {
        out.extend_from_slice(member);
        push_number(out, number);
    }
}

fn push_uptime(out: &mut Vec<u8>, uptime: Uptime) {
    let (seconds, mut micros) = (uptime.as_micros() / 1_000_000, uptime.as_micros() % 1_000_000);
    out.extend_from_slice(b",\"uptime\":\"");
    push_number(out, seconds);
    let mut digits = *b".000000\"";
    for digit in digits[1..7].iter_mut().rev() {
        *digit = b'0' + (micros % 10) as u8;
        micros /= 10;
    }
    out.extend_from_slice(&digits);
}

fn push_protocol(out: &mut Vec<u8>, proto: Option<Proto>) {
    let Some(proto) = proto else { return out.extend_from_slice(b"null") };
    out.push(b'"');
    match proto.name() {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => push_number(out, u64::from(proto.number())),
    }
    out.push(b'"');
}

fn push_address(out: &mut Vec<u8>, address: Option<Address>) {
    match address {
        Some(Address::V4(ip)) => {
            out.push(b'"');
            push_dotted(out, ip.octets());
            out.push(b'"');
        }
        Some(Address::V6(ip)) => push_json(out, &ip),
        Some(Address::Blank) => out.extend_from_slice(b"\"\""),
        None => out.extend_from_slice(b"null"),
    }
}

fn push_port(out: &mut Vec<u8>, port: Option<u16>) {
    match port {
        Some(port) => push_number(out, u64::from(port)),
        None => out.extend_from_slice(b"null"),
    }
}

/// Writes a decimal number.
pub(crate) fn push_number(out: &mut Vec<u8>, mut number: u64) {
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
    out.extend_from_slice(&text[at..]);
}
