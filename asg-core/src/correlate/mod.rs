//! Correlation: lines in, flows out. It opens nothing and asks nobody; the caller reads the logs and knows a directory.
//!
//! Finished logs are read twice. [`Gathering`] takes all lines of all logs and ends in [`Gathered`], which asks for names
//! and ends in [`Correlation`]; that makes flows of lines. Logs that are still being written go to
//! [`follower::Follower`].

mod correlation;
mod duplicates;
pub(crate) mod flow;
pub(crate) mod follower;
mod gather;
mod reports;
mod state;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

pub use self::correlation::{Correlation, Counted, FlowCache, FlowReader, Gathered};
pub use self::gather::{Batch, Gatherer, Gathering, Joiner, MisplacedBatch};
use crate::event::lager::RepEvent;
use crate::line::envelope::Envelope;
use crate::packet::{Address, Packet};
use crate::prefix::{Direction, LogPrefix};
use crate::record::{Content, Damaged, Part, Record};

/// What was seen in lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Lines.
    pub lines: u64,
    /// Packet lines among them, damaged ones included.
    pub packets: u64,
    /// Packet lines among these whose packet another line reported first: they give no flow of their own.
    pub duplicates: u64,
    /// Lines of iptables-logger, which report a packet in their own way.
    pub logger_lines: u64,
    /// Lines that are evidence about a container.
    pub evidence: u64,
    /// Lines that are cut, split or malformed.
    pub damaged: u64,
}

impl Counts {
    /// Adds what others have seen.
    const fn add(&mut self, other: &Self) {
        let Self { lines, packets, duplicates, logger_lines, evidence, damaged } = other;
        self.lines += *lines;
        self.packets += *packets;
        self.duplicates += *duplicates;
        self.logger_lines += *logger_lines;
        self.evidence += *evidence;
        self.damaged += *damaged;
    }
}

/// A name that identifies the machine; `None` for what every machine is called.
pub(crate) fn machine(envelope: &Envelope<'_>) -> Option<String> {
    envelope.cell().filter(|name| name != "localhost")
}

/// Returns whether only a cell writes such a line, about its own containers.
fn is_of_own_cell(record: &Record<'_>) -> bool {
    let (Content::Rep(event) | Content::Damaged(Damaged { part: Some(Part::Rep(event)), .. })) =
        &record.content
    else {
        return false;
    };
    is_from_own_cell(event)
}

fn is_from_own_cell(event: &RepEvent<'_>) -> bool {
    matches!(&*event.source, "rep" | "executor" | "guardian" | "garden-linux" | "garden")
}

/// The packet's address on the side of the prefix's subject.
pub(crate) fn own_address(packet: &Packet<'_>, cf: &LogPrefix<'_>) -> Option<IpAddr> {
    let side = match cf.direction {
        Direction::Egress => packet.ip.src,
        Direction::Ingress => packet.ip.dst,
    };
    side.and_then(Address::ip)
}
