//! Flows as JSON Lines: one object a flow, as the output contract has it.
//!
//! Flows of one container differ in little: times, the line, addresses and ports. The writer
//! serialises the first flow of each [key](asg_core::Flow::key) with serde, keeps the text of what
//! all others share, and puts the rest between by hand.

use std::io;

use asg_core::bytes::SmallText;
use asg_core::correlate::KnownFlow;
use asg_core::packet::{Address, Ip, Proto};
use asg_core::siem::FlowId;
use asg_core::time::{TimeRange, TimeText, Uptime};
use asg_core::{Flow, Origin, SourceId, Timestamp};
use memchr::memmem;

use crate::origins;
use crate::query::ReadRow;

/// Writes flows into a buffer, for one thread.
#[derive(Debug, Default)]
pub struct FlowWriter {
    out: Vec<u8>,
    has_ids: bool,
    /// By key.
    shared: Vec<Option<Shared>>,
    times: TimeText,
    text: SmallText,
}

/// The text that flows with one key share.
#[derive(Debug)]
struct Shared {
    /// The flow's [period](Flow::names_period): names may differ between periods.
    period: (usize, usize),
    /// `,"source":…,"line":`
    source: Box<[u8]>,
    /// `],"cell":…,"direction":…`
    before: Box<[u8]>,
    /// `,"handle_prefix":…}` and a line feed.
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
        if self.has_ids {
            self.add_id(FlowId::of(flow, origins::name(flow.origin.source)));
        }
    }

    /// Adds an id to the object at the end.
    fn add_id(&mut self, id: FlowId) {
        if self.out.ends_with(b"}\n") {
            self.out.truncate(self.out.len() - 2);
            self.out.extend_from_slice(b",\"flow_id\":\"");
            self.out.extend_from_slice(id.to_string().as_bytes());
            self.out.extend_from_slice(b"\"}\n");
        }
    }

    fn add_members(&mut self, flow: &Flow<'_, '_>) {
        let Some(key) = flow.key().map(asg_core::correlate::FlowKey::index) else {
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
            self.shared[key] = Shared::of(&self.out[start..], flow.origin.source, period);
            return;
        };
        let own = Own {
            time: flow.time,
            range: flow.range,
            origin: flow.origin,
            also: &flow.also,
            ip: &flow.packet().ip,
            uptime: flow.record.envelope.uptime,
        };
        own.write(shared, &mut self.text, &mut self.times, &mut self.out);
    }

    /// Writes a flow whose key an earlier one had, and which has this packet; returns `false` and
    /// writes nothing if that one's text does not serve. Then [`add`](Self::add) the whole flow.
    pub fn add_known(&mut self, flow: &KnownFlow<'_>, ip: &Ip<'_>) -> bool {
        let shared = self.shared.get(flow.key.index()).and_then(Option::as_ref);
        let Some(shared) = shared.filter(|it| it.period == flow.names_period()) else {
            return false;
        };
        let id = if self.has_ids { FlowId::of_known(flow) } else { None };
        if self.has_ids && id.is_none() {
            return false;
        }
        let KnownFlow { time, range, origin, uptime, .. } = *flow;
        let own = Own { time, range, origin, also: &[], ip, uptime };
        own.write(shared, &mut self.text, &mut self.times, &mut self.out);
        if let Some(id) = id {
            self.add_id(id);
        }
        true
    }

    /// Adds the caller's verdict and name of the destination to the last flow.
    pub(crate) fn label(&mut self, row: &ReadRow<'_>) {
        label(&mut self.out, row);
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

/// Adds the caller's verdict and name of the destination to the object at the end of a text.
pub(crate) fn label(out: &mut Vec<u8>, row: &ReadRow<'_>) {
    const MISSING: &[u8] = b",\"verdict\":null";
    if let Some(verdict) = row.verdict().filter(|_| row.cf.is_none()) {
        let end = out.len().saturating_sub(1);
        let start = memchr::memrchr(b'\n', &out[..end]).map_or(0, |at| at + 1);
        if let Some(at) = memmem::find(&out[start..], MISSING) {
            let at = start + at;
            let text = [b",\"verdict\":", &*json(&verdict)].concat();
            out.splice(at..at + MISSING.len(), text);
        }
    }
    name_destination(out, row);
}

/// Adds the caller's name of the destination to the object at the end of a text.
pub(crate) fn name_destination(out: &mut Vec<u8>, row: &ReadRow<'_>) {
    if let Some((name, _)) = row.destination_name() {
        out.truncate(out.len().saturating_sub(2));
        out.extend_from_slice(b",\"dst_name\":");
        out.extend_from_slice(&json(&name));
        out.extend_from_slice(b"}\n");
    }
}

impl Shared {
    /// Returns the shared text of an object. Quotes inside its strings are escaped, so a member's
    /// name is found at its own place.
    fn of(line: &[u8], source: SourceId, period: (usize, usize)) -> Option<Self> {
        let cell = memmem::find(line, b"],\"cell\":")?;
        let proto = cell + memmem::find(&line[cell..], b",\"proto\":")?;
        let handle = proto + memmem::find(&line[proto..], b",\"handle_prefix\":")?;
        let source = [b",\"source\":", &*json(&origins::name(source)), b",\"line\":"].concat();
        let (before, after) = (line[cell..proto].into(), line[handle..].into());
        Some(Self { period, source: source.into(), before, after })
    }
}

/// The facts of a flow that others of its key do not share.
struct Own<'f> {
    time: Option<Timestamp>,
    range: Option<TimeRange>,
    origin: Origin,
    also: &'f [Origin],
    ip: &'f Ip<'f>,
    uptime: Option<Uptime>,
}

impl Own<'_> {
    /// Writes the object of the flow, and a line feed.
    fn write(
        &self,
        shared: &Shared,
        text: &mut SmallText,
        times: &mut TimeText,
        out: &mut Vec<u8>,
    ) {
        let Self { ip, .. } = self;
        text.clear();
        text.constant(b"{\"time\":");
        match self.time {
            Some(time) => {
                text.byte(b'"');
                times.write(text, time);
                text.byte(b'"');
            }
            None => text.constant(b"null"),
        }
        text.constant(b",\"time_error\":");
        push_error(text, self.range.zip(self.time));
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(&shared.source);
        text.clear();
        text.number(self.origin.line);
        text.constant(b",\"also\":[");
        out.extend_from_slice(text.as_bytes());
        for (n, at) in self.also.iter().enumerate() {
            out.extend_from_slice(if n == 0 { b"{\"source\":" } else { b",{\"source\":" });
            out.extend_from_slice(&json(&origins::name(at.source)));
            text.clear();
            text.constant(b",\"line\":");
            text.number(at.line);
            text.byte(b'}');
            out.extend_from_slice(text.as_bytes());
        }
        out.extend_from_slice(&shared.before);
        text.clear();
        let [spt, dpt] = ip.ports();
        text.constant(b",\"proto\":");
        push_protocol(text, ip.proto);
        text.constant(b",\"src\":");
        push_address(text, ip.src);
        text.constant(b",\"spt\":");
        push_port(text, spt);
        text.constant(b",\"dst\":");
        push_address(text, ip.dst);
        text.constant(b",\"dpt\":");
        push_port(text, dpt);
        if let Some(Proto::Other(number)) = ip.proto {
            push_present(text, b",\"proto_num\":", Some(u64::from(number)));
        }
        push_present(text, b",\"len\":", ip.len.map(u64::from));
        push_present(text, b",\"icmp_type\":", ip.icmp_type.map(u64::from));
        push_present(text, b",\"icmp_code\":", ip.icmp_code.map(u64::from));
        if let Some(flags) = ip.flags {
            text.constant(b",\"flags\":[");
            for (n, flag) in flags.names().enumerate() {
                if n > 0 {
                    text.byte(b',');
                }
                text.byte(b'"');
                text.word(flag);
                text.byte(b'"');
            }
            text.byte(b']');
        }
        if let Some(uptime) = self.uptime {
            push_uptime(text, uptime);
        }
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(&shared.after);
    }
}

/// Serialises into memory, which does not fail for what flows hold.
fn push_json(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    let written: Result<(), io::Error> =
        serde_json::to_writer(&mut *out, value).map_err(Into::into);
    debug_assert!(written.is_ok());
}

/// Returns the JSON of a value.
pub(crate) fn json(value: &impl serde::Serialize) -> Box<[u8]> {
    let mut out = Vec::new();
    push_json(&mut out, value);
    out.into()
}

/// A time's error in seconds, rounded up to a millisecond, as serde prints such a number.
fn push_error(out: &mut SmallText, known: Option<(TimeRange, Timestamp)>) {
    let Some((range, time)) = known else { return out.constant(b"null") };
    let Some(millis) = range.millis_around(time) else { return out.constant(b"null") };
    out.number(u64::from(millis / 1_000));
    match millis % 1_000 {
        0 => out.constant(b".0"),
        fraction => {
            out.byte(b'.');
            out.digits::<3>(fraction);
            out.trim_zeros();
        }
    }
}

/// Writes a member and its number, if there is one.
fn push_present<const LEN: usize>(out: &mut SmallText, member: &[u8; LEN], number: Option<u64>) {
    if let Some(number) = number {
        out.constant(member);
        out.number(number);
    }
}

fn push_uptime(out: &mut SmallText, uptime: Uptime) {
    let (seconds, micros) = (uptime.as_micros() / 1_000_000, uptime.as_micros() % 1_000_000);
    out.constant(b",\"uptime\":\"");
    out.number(seconds);
    out.byte(b'.');
    out.digits::<6>(micros as u32);
    out.byte(b'"');
}

fn push_protocol(out: &mut SmallText, proto: Option<Proto>) {
    let Some(proto) = proto else { return out.constant(b"null") };
    out.byte(b'"');
    match proto.name() {
        Some(name) => out.word(name),
        None => out.number(u64::from(proto.number())),
    }
    out.byte(b'"');
}

fn push_address(out: &mut SmallText, address: Option<Address>) {
    match address {
        Some(Address::V4(ip)) => {
            out.byte(b'"');
            out.dotted(ip.octets());
            out.byte(b'"');
        }
        Some(Address::V6(ip)) => {
            out.byte(b'"');
            out.word(&ip.to_string());
            out.byte(b'"');
        }
        Some(Address::Blank) => out.constant(b"\"\""),
        None => out.constant(b"null"),
    }
}

fn push_port(out: &mut SmallText, port: Option<u16>) {
    match port {
        Some(port) => out.number(u64::from(port)),
        None => out.constant(b"null"),
    }
}
