//! Flows that equal an earlier one, except for the packet's own fields.

use std::net::IpAddr;

use super::flow::{Flow, FlowKey};
use super::gather::TimeKind;
use crate::bytes::text::Text;
use crate::clock::When;
use crate::evidence::{Origin, SourceId};
use crate::names::history::{NameHistory, NamesThen};
use crate::packet::{Address, Packet, Tail};
use crate::prefix::{Direction, Plane};
use crate::record::Record;
use crate::record::reader::Glimpse;
use crate::time::{TimeRange, Timestamp, Uptime};

/// A flow of a [key](Flow::key) that an earlier flow of the same [`FlowCache`](super::FlowCache)
/// had. It has only the facts that the two do not share.
///
/// A writer that keeps the text of the first flow of each key needs no more of the others, and the
/// work of making a whole record is saved.
///
/// # Example
///
/// ```
/// use asg_core::correlate::{AnyFlow, FlowCache};
/// use asg_core::{Gathering, Line, Origin, SourceId};
///
/// let header = "2024-05-06T07:09:10.000000+00:00 cell-1 kernel: [637.500000] ";
/// let packet = |port| format!("{header}OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 \
///     MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00 SRC=10.255.73.3 DST=10.0.16.8 LEN=60 \
///     TOS=0x00 PREC=0x00 TTL=63 ID=15946 DF PROTO=TCP SPT=51858 DPT={port} WINDOW=27400 \
///     RES=0x00 SYN URGP=0 ");
/// let lines = [packet(80), packet(81), packet(443)];
/// let at = |line| Origin { source: SourceId(0), line };
///
/// let mut gathering = Gathering::new();
/// (1..).zip(&lines).for_each(|(n, line)| gathering.ingest(at(n), line.as_bytes()));
/// let correlation = gathering.finish(|_| Ok::<(), std::io::Error>(()))?.correlate();
/// let (mut cache, mut ports) = (FlowCache::default(), Vec::new());
/// for (n, line) in (1..).zip(&lines) {
///     correlation.each(&mut cache, at(n), &Line::new(line.as_bytes()), |flow| match flow {
///         AnyFlow::Whole(flow) => ports.push((flow.packet().ip.dpt, flow.key())),
///         AnyFlow::Known(known) => ports.push((known.packet().ip.dpt, Some(known.key))),
///     });
/// }
/// assert_eq!(ports.iter().map(|(port, _)| port.unwrap()).collect::<Vec<_>>(), [80, 81, 443]);
/// assert!(ports.iter().all(|(_, key)| *key == ports[0].1));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct KnownFlow<'l> {
    /// The key of the earlier flow, and so of all that the two share.
    pub key: FlowKey,
    /// As [`Flow::time`].
    pub time: Option<Timestamp>,
    /// As [`Flow::range`].
    pub range: Option<TimeRange>,
    /// The line. No other line is about the same packet.
    pub origin: Origin,
    /// The kernel's uptime.
    pub uptime: Option<Uptime>,
    /// That of the owner's names, if there is one.
    history: Option<&'l NameHistory>,
    src: Address,
    tail: Tail,
    /// The text of the kernel.
    body: &'l [u8],
}

/// A flow, or what it does not share with an earlier one.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "a flow is whole or known")]
pub enum AnyFlow<'f> {
    /// All of a flow.
    Whole(&'f Flow<'f, 'f>),
    /// A flow whose key an earlier one had.
    Known(&'f KnownFlow<'f>),
}

impl<'l> KnownFlow<'l> {
    pub(super) fn new(
        key: FlowKey,
        origin: Origin,
        when: Option<When>,
        history: Option<&'l NameHistory>,
        line: &Glimpse<'l>,
    ) -> Self {
        Self {
            key,
            time: when.map(|when| when.time),
            range: when.map(|when| when.range),
            origin,
            uptime: line.uptime(),
            history,
            src: line.src(),
            tail: *line.tail(),
            body: line.body,
        }
    }

    /// Returns the names at the packet's time, like [`Flow::names_then`].
    #[must_use]
    pub fn names_then(&self) -> NamesThen<'l> {
        match (self.history, self.range) {
            (Some(history), Some(range)) => history.during(range),
            _ => NamesThen::default(),
        }
    }

    /// Returns the period of the names, like [`Flow::names_period`].
    #[must_use]
    pub fn names_period(&self) -> (usize, usize) {
        match (self.history, self.range) {
            (Some(history), Some(range)) => history.period(range),
            _ => (0, 0),
        }
    }

    /// How many [shapes](Self::shape) there are.
    pub const SHAPES: usize = 2 * Tail::SHAPES;

    /// Returns the shape of the flow, a number below [`SHAPES`](Self::SHAPES). Packets of one shape
    /// have one family and one protocol, and values in the same fields; and the owners of all, or
    /// of none, [are renamed](Self::is_renamed).
    #[must_use]
    pub const fn shape(&self) -> usize {
        self.tail.shape() + if self.is_renamed() { Tail::SHAPES } else { 0 }
    }

    /// Returns whether other names of the owner are known; if not, [`KnownFlow::names_then`] is
    /// empty at any time.
    #[must_use]
    pub const fn is_renamed(&self) -> bool {
        self.history.is_some()
    }

    /// Returns the kernel's text behind the header, which may begin with the uptime in brackets.
    #[must_use]
    pub const fn body(&self) -> Text<'l> {
        Text::new(self.body)
    }

    /// Returns the packet, without the fields that its key determines: log prefix, interfaces and
    /// link header.
    #[must_use]
    pub fn packet(&self) -> Packet<'static> {
        let mut packet = Packet::default();
        self.fill(&mut packet);
        packet
    }

    /// Writes the fields of [`KnownFlow::packet`] over those of an earlier one, in place: a packet
    /// is large.
    pub fn fill(&self, packet: &mut Packet<'_>) {
        packet.family = self.tail.family();
        packet.ip = crate::packet::Ip { src: Some(self.src), ..Default::default() };
        self.tail.put_into(packet);
    }
}

/// The answer of a flow. It must be that of all packets of its group, so that it does not depend
/// on the time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) cell: u32,
    pub(super) group: u32,
    pub(super) key: FlowKey,
    /// Whether the owner had other names.
    pub(super) has_history: bool,
}

/// The facts that all packets of a sender share, from an earlier one.
#[derive(Debug, Clone, Copy)]
struct KnownSender<T> {
    source: SourceId,
    header: u32,
    kind: TimeKind,
    /// The address on the subject's side, if it is not part of the head.
    address: Option<IpAddr>,
    known: T,
}

/// The senders of earlier packets, with the facts that their packets share.
#[derive(Debug)]
pub(super) struct KnownSenders<T> {
    /// By the reader's numbers of heads: those of UDP, and of other protocols, which may be under
    /// another limit.
    by_head: Vec<[Option<KnownSender<T>>; 2]>,
}

const UDP: u8 = 17;

impl<T> Default for KnownSenders<T> {
    fn default() -> Self {
        Self { by_head: Vec::new() }
    }
}

impl<T: Copy> KnownSenders<T> {
    /// Returns the shared facts of a packet, if an earlier one was of the same sender.
    #[inline]
    pub(super) fn find(&self, source: SourceId, line: &Glimpse<'_>) -> Option<T> {
        let slots = self.by_head.get(line.head() as usize)?;
        let sender = slots[usize::from(line.tail().proto_num() != UDP)].as_ref()?;
        let is_it = sender.source == source
            && sender.header == line.header()
            && sender.kind == TimeKind::of(line.time(), line.uptime())
            && sender.address.is_none_or(|address| address == line.tail().dst());
        is_it.then_some(sender.known)
    }

    /// Remembers the sender of a packet.
    pub(super) fn remember(&mut self, source: SourceId, record: &Record<'_>, known: T) {
        let (Some(header), Some(head)) = (record.memo.header, record.memo.head) else { return };
        let Some((packet, Some(cf))) = record.packet() else { return };
        // The other end of packets between containers has a lease of its own.
        if cf.plane == Plane::C2c {
            return;
        }
        let address = match cf.direction {
            Direction::Egress => None,
            Direction::Ingress => match packet.ip.dst.and_then(Address::ip) {
                Some(address) => Some(address),
                None => return,
            },
        };
        let head = head as usize;
        if self.by_head.len() <= head {
            self.by_head.resize(head + 1, [None; 2]);
        }
        let kind = TimeKind::of(record.envelope.time, record.envelope.uptime);
        let slot = usize::from(packet.ip.proto_num != Some(UDP));
        self.by_head[head][slot] = Some(KnownSender { source, header, kind, address, known });
    }
}
