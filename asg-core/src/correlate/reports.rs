//! The reports of a packet: its line, duplicates of the line, and iptables-logger's line about it.

use std::collections::BTreeSet;

use super::duplicates::{
    Copies, MachineMark, Mark, SenderNumber, Told, Window, packet_digest, sender,
};
use super::logger::{Candidate, Loggers};
use super::own_address;
use crate::bytes::hash::Seeds;
use crate::event::lager::LoggerEvent;
use crate::evidence::Origin;
use crate::guid::GuidPrefix;
use crate::record::{Content, Record};
use crate::time::{TimeRange, Timestamp};

/// The default distance of two lines about one packet, in packets. In a finished set of logs the
/// same line may be anywhere in another file, so this number bounds the memory, and no time does: a
/// packet takes 40 bytes, and 9 more when its run is over.
pub(crate) const MOST_PACKETS: usize = 1 << 21;

/// The maximum number of known duplicates.
const MOST_COPIES: usize = 1 << 22;

/// Tracks all lines about packets, and which of them are about one packet.
#[derive(Debug, Clone)]
pub(super) struct Reports {
    window: Window,
    shared: Copies,
    copies: u64,
    /// Lines that were not compared, because so many copies were known.
    surplus: u64,
    loggers: Loggers,
}

impl Default for Reports {
    fn default() -> Self {
        Self {
            window: Window::new(MOST_PACKETS),
            shared: Copies::default(),
            copies: 0,
            surplus: 0,
            loggers: Loggers::default(),
        }
    }
}

impl Reports {
    /// Takes a packet line that came at this time of the log.
    pub(super) fn packet(&mut self, origin: Origin, record: &Record<'_>, now: Timestamp) -> Told {
        // The rest of a cut line is not known.
        let Content::Packet { packet, cf } = &record.content else { return Told::First };
        let address = cf.as_ref().and_then(|cf| own_address(packet, cf));
        let seeds = self.window.seeds();
        let whose =
            (sender(packet, cf.as_ref(), address, seeds), MachineMark::of(&record.envelope, seeds));
        let text = packet_digest(record.envelope.body.as_bytes(), cf.as_ref(), seeds);
        let mark = Mark::of(&record.envelope, packet.ip.id, whose, text);
        mark.map_or(Told::First, |mark| {
            self.marked((origin, 0), &mark, now, &mut SenderNumber::default()).0
        })
    }

    /// Returns the seeds of marks.
    pub(super) const fn seeds(&self) -> Seeds {
        self.window.seeds()
    }

    /// Returns something of a sender, so that the processor has it at hand.
    #[inline]
    pub(super) fn glance(&self, number: SenderNumber) -> u64 {
        self.window.glance(number)
    }

    /// Takes the mark of a packet line, which is counted in a group; the caller may cache the
    /// number of its sender. Returns also the group in which the packet was counted before.
    pub(super) fn marked(
        &mut self,
        (origin, group): (Origin, u32),
        mark: &Mark,
        now: Timestamp,
        number: &mut SenderNumber,
    ) -> (Told, u32) {
        if self.shared.len() >= MOST_COPIES {
            self.surplus += 1;
            return (Told::First, group);
        }
        let (told, counted) = self.window.take((origin, group), mark, now, number);
        let (first, copy) = match told {
            Told::First => return (told, counted),
            Told::After(first) => (first, origin),
            Told::Before(copy) => (origin, copy),
        };
        if first == copy {
            // The line was taken twice.
            return (Told::First, counted);
        }
        self.shared.put(first, copy);
        self.copies += 1;
        (told, counted)
    }

    /// Takes a line of iptables-logger.
    pub(super) fn logger(&mut self, origin: Origin, event: &LoggerEvent<'_>) -> Told {
        let Some(other) = self.loggers.take(origin, event) else { return Told::First };
        if self.shared.len() >= MOST_COPIES {
            self.surplus += 1;
            return Told::First;
        }
        self.shared.put(origin.min(other), origin.max(other));
        if other < origin { Told::After(other) } else { Told::Before(other) }
    }

    /// Returns whether lines of iptables-logger are known.
    pub(super) const fn has_loggers(&self) -> bool {
        !self.loggers.is_empty()
    }

    /// Packets that only iptables-logger reports.
    pub(super) fn loggers_alone(&self) -> u64 {
        self.loggers.alone()
    }

    /// Returns the containers of these packets.
    pub(super) fn containers_of_loggers(&self) -> BTreeSet<GuidPrefix> {
        self.loggers.containers_alone()
    }

    /// Returns whether iptables-logger alone reports the packet of this line, and this line is the
    /// first.
    pub(super) fn is_alone(&self, origin: Origin, event: &LoggerEvent<'_>) -> bool {
        !self.shared.is_copy(origin) && !self.loggers.is_joined(event)
    }

    /// Returns whether another line is the first about the packet of this one.
    pub(super) fn is_copy(&self, origin: Origin) -> bool {
        self.shared.is_copy(origin)
    }

    /// Returns whether this line is not the only one about its packet.
    pub(super) fn has_others(&self, origin: Origin) -> bool {
        self.shared.has_others(origin)
    }

    /// Returns the other lines about this packet, in order.
    pub(super) fn others(&self, origin: Origin) -> Vec<Origin> {
        self.shared.others(origin)
    }

    /// Returns the kernel's line as a candidate for lines of iptables-logger.
    pub(super) fn candidate(
        &self,
        origin: Origin,
        record: &Record<'_>,
        time: TimeRange,
    ) -> Option<Candidate> {
        let (packet, cf) = record.proven_packet().filter(|_| !self.is_copy(origin))?;
        self.loggers.candidate(origin, packet, cf?, time)
    }

    /// Joins lines of iptables-logger with these of the kernel.
    pub(super) fn join(&mut self, candidates: Vec<Candidate>) {
        for (kernel, logger) in self.loggers.join(candidates) {
            self.shared.put(kernel, logger);
        }
    }

    /// Returns the number of duplicates.
    pub(super) const fn copies(&self) -> u64 {
        self.copies
    }

    /// Packets that were forgotten for want of room, or not compared: another line about one of
    /// them counts as a packet of its own.
    pub(super) const fn displaced(&self) -> u64 {
        self.window.displaced() + self.surplus
    }

    /// Remembers this many packets.
    pub(super) const fn remember(&mut self, packets: usize) {
        self.window.remember(packets);
    }

    /// Forgets the other lines about the packet of this one.
    pub(super) fn given(&mut self, origin: Origin) {
        self.shared.forget(origin);
    }

    /// Forgets what came before this time.
    pub(super) fn forget_before(&mut self, time: Timestamp) {
        self.window.forget_before(time);
        self.loggers.forget_before(time);
    }
}
