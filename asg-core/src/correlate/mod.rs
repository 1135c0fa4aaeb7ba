//! Correlation: lines in, flows out. It opens nothing and asks nobody; the caller reads the logs
//! and knows a directory.
//!
//! Finished logs are read twice. [`Gathering`] takes all lines of all logs and ends in
//! [`Gathered`], which asks for names and ends in [`Correlation`]; that makes flows of lines. Logs
//! that are still being written go to [`follower::Follower`].

mod correlation;
mod duplicates;
pub(crate) mod flow;
pub(crate) mod follower;
mod gather;
mod known;
mod logger;
pub(crate) mod output;
pub(crate) mod owned;
mod reports;
mod state;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

pub use self::correlation::{Correlation, Counted, FlowCache, FlowReader, Gathered};
pub use self::gather::{Batch, Gatherer, Gathering, Joiner, MisplacedBatch};
pub use self::known::{AnyFlow, KnownFlow};
use crate::evidence::Interface;
use crate::packet::{Address, Packet};
use crate::prefix::{Direction, LogPrefix};

/// The counts of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Lines.
    pub lines: u64,
    /// Packet lines among them, damaged ones included, and lines of iptables-logger that report a
    /// packet which no line of the kernel does.
    pub packets: u64,
    /// Packet lines among these whose packet another line reported first: they give no flow of
    /// their own.
    pub duplicates: u64,
    /// Packets that were forgotten for want of room: a further line about one of them counts as a
    /// packet of its own. Lines about one packet are recognised if they are 2,097,152 packets apart
    /// at most, or the number that [`Gathering::remembering`] sets.
    pub displaced: u64,
    /// Lines of iptables-logger, which report a packet in their own way.
    pub logger_lines: u64,
    /// Lines that are evidence about a container.
    pub evidence: u64,
    /// Lines that are cut, split or malformed.
    pub damaged: u64,
    /// Lines of a kernel, without its packets.
    pub other_kernel_lines: u64,
}

impl Counts {
    /// Adds what others have seen.
    const fn add(&mut self, other: &Self) {
        let Self {
            lines,
            packets,
            duplicates,
            displaced,
            logger_lines,
            evidence,
            damaged,
            other_kernel_lines,
        } = other;
        self.lines += *lines;
        self.packets += *packets;
        self.duplicates += *duplicates;
        self.displaced += *displaced;
        self.logger_lines += *logger_lines;
        self.evidence += *evidence;
        self.damaged += *damaged;
        self.other_kernel_lines += *other_kernel_lines;
    }
}

/// Returns the packet's address on the side of the prefix's subject.
pub(crate) fn own_address(packet: &Packet<'_>, cf: &LogPrefix<'_>) -> Option<IpAddr> {
    let side = match cf.direction {
        Direction::Egress => packet.ip.src,
        Direction::Ingress => packet.ip.dst,
    };
    side.and_then(Address::ip)
}

/// Returns the packet's interface on that side, where its name shows an address.
pub(crate) fn own_interface(packet: &Packet<'_>, cf: &LogPrefix<'_>) -> Option<Interface> {
    let side = match cf.direction {
        Direction::Egress => packet.in_if,
        Direction::Ingress => packet.out_if,
    };
    side.and_then(|name| Interface::parse(name.as_bytes()))
}
