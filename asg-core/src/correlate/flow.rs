//! The flow: a packet with the answer to who sent it, and its names once a directory was asked.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Serialize;

use super::output::{FlowOutput, app_entity};
use crate::evidence::{Origin, SourceId};
use crate::ledger::Lifetime;
use crate::ledger::attribution::Attribution;
use crate::names::history::NamesThen;
use crate::names::identity::{Entity, Identity};
use crate::packet::Packet;
use crate::prefix::{Direction, LogPrefix, Plane};
use crate::record::Record;
use crate::time::{TimeRange, Timestamp};

/// A packet, who sent it, and the names of the sender.
///
/// It borrows from the line (`'a`) and from the evidence (`'l`).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Flow<'a, 'l> {
    /// When the packet was logged: the time that its line shows, or where it shows an uptime only,
    /// what other lines of its machine make of that. `None` if neither is known.
    pub time: Option<Timestamp>,
    /// The bounds of that time, by what the line shows and by the machine's uptime.
    pub range: Option<TimeRange>,
    /// The line.
    pub origin: Origin,
    /// Other lines about the same packet: the line by another way, iptables-logger's line about it.
    pub also: Vec<Origin>,
    /// The cell: BOSH instance, or job and index, or host, whichever the line shows, else the one
    /// in the evidence.
    pub cell: Option<Cow<'l, str>>,
    /// The meaning of the log prefix, if it is Cloud Foundry's.
    pub cf: Option<LogPrefix<'a>>,
    /// The line, parsed.
    pub record: Record<'a>,
    /// The sender, or whoever else the prefix names.
    pub attribution: Attribution<'l>,
    /// The names of the owner; `None` if no directory was asked and no line shows them.
    pub identity: Option<&'l Identity>,
    /// The other container of a packet between two.
    pub peer: Option<Peer<'l>>,
    /// See [`Flow::key`].
    pub(super) key: Option<FlowKey>,
}

/// A key that many flows of one thread share; see [`Flow::key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowKey(pub(super) u32);

impl FlowKey {
    /// A small number, for tables: the keys of one [`FlowCache`](super::FlowCache) are numbered
    /// from 0.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(packet);
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// # let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// let correlation = gathered.correlate();
    /// let mut reader = correlation.reader();
    /// let index = |reader: &mut asg_core::correlate::FlowReader<'_>| {
    ///     reader.flow(at, &line).unwrap().key().map(asg_core::correlate::FlowKey::index)
    /// };
    /// assert_eq!(index(&mut reader), index(&mut reader));
    /// ```
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The container at the other end of a packet between containers. The line shows nothing but its
/// address, so it is `inferred` at best, by the lease of that address at the time.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Peer<'l> {
    /// Its address.
    pub address: IpAddr,
    /// The attribution of the address.
    pub attribution: Attribution<'l>,
    /// The directory's answer about the owner; `None` if no directory was asked.
    pub identity: Option<&'l Identity>,
}

impl<'a, 'l> Flow<'a, 'l> {
    /// The packet.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(packet);
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// # let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// # let correlation = gathered.correlate();
    /// let flow = correlation.reader().flow(at, &line).unwrap();
    /// assert_eq!(flow.packet().ip.dst.unwrap().to_string(), "8.8.8.8");
    /// ```
    #[must_use]
    pub fn packet(&self) -> &Packet<'a> {
        match self.record.packet() {
            Some((packet, _)) => packet,
            None => unreachable!("a flow is made of a packet's record"),
        }
    }

    /// The app of the owner: by the directory, or without one its GUID, where lines or the prefix
    /// prove that.
    #[must_use]
    pub fn app(&self) -> Option<Cow<'_, Entity>> {
        app_entity(&self.attribution, self.identity)
    }

    /// The owner's names at the packet's time, as far as events prove them; [`Flow::identity`] has
    /// today's.
    #[must_use]
    pub fn names_then(&self) -> NamesThen<'_> {
        names_then(self.identity, self.range)
    }

    /// A number for the packet's time: flows of one identity that share it have the same
    /// [`Flow::names_then`].
    #[must_use]
    pub fn names_period(&self) -> (usize, usize) {
        match (self.identity, self.range) {
            (Some(identity), Some(range)) => identity.history.period(range),
            _ => (0, 0),
        }
    }

    /// The container that a packet between two went to, where the lease of its address proves that:
    /// the peer of a packet that leaves, or the container of the app that a packet reaches.
    #[must_use]
    pub fn destination(&self) -> Option<Lifetime<'l>> {
        let cf = self.cf.as_ref().filter(|cf| cf.plane == Plane::C2c)?;
        match cf.direction {
            Direction::Egress => self.peer.as_ref()?.attribution.container(),
            Direction::Ingress => self.attribution.lease.or(self.attribution.container()),
        }
    }

    /// Returns a key that two flows made with one [`FlowCache`](super::FlowCache) share only if
    /// these are equal:
    ///
    /// * the source, the cell and the whole envelope except times and the body;
    /// * the log prefix, the interfaces and the link header; for packets from a container also the
    ///   source address;
    /// * the attribution and the identity, and both flows lack a peer.
    ///
    /// So a writer need format these only once for each key. `None` if no other flow is known to
    /// share them.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(packet);
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// # let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// let correlation = gathered.correlate();
    /// let mut reader = correlation.reader();
    /// let first = reader.flow(at, &line).unwrap().key();
    /// assert_eq!(reader.flow(at, &line).unwrap().key(), first);
    /// ```
    #[must_use]
    pub const fn key(&self) -> Option<FlowKey> {
        self.key
    }

    /// The object of the output contract. `source` names a source by its number.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(packet);
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// # let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// # let correlation = gathered.correlate();
    /// let flow = correlation.reader().flow(at, &line).unwrap();
    /// let json = serde_json::to_value(flow.to_output(|_| "kern.log")).unwrap();
    /// assert_eq!((&json["source"], &json["dpt"]), (&"kern.log".into(), &53.into()));
    /// ```
    pub const fn to_output<F: Fn(SourceId) -> S, S: Serialize>(
        &self,
        source: F,
    ) -> FlowOutput<'_, F> {
        FlowOutput::new(self, source)
    }
}

pub(super) fn names_then(identity: Option<&Identity>, range: Option<TimeRange>) -> NamesThen<'_> {
    let known = identity.zip(range);
    known.map_or_else(NamesThen::default, |(identity, range)| identity.history.during(range))
}
