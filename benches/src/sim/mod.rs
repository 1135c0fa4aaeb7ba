//! The foundation simulator: logs of a whole Cloud Foundry with the truth about every packet in
//! them.
//!
//! A [`Simulation`] plays the actions of people and machines in a foundation (pushes, restarts,
//! rolling and canary deployments, tasks, staging, crashes, evacuations, renames, deletions) and
//! writes the logs that its cells would have written: the kernel's packet lines with the prefixes
//! of an [`Era`], rep's and Garden's lager lines, in any [`Envelope`], under any [`Damage`]. With
//! the logs come the truth about each packet line and Cloud Controller's contents at any time.
//!
//! A seed alone decides it: equal [`Config`]s give equal bytes on every machine. Everything is
//! written as a stream into a [`Sink`]; memory grows with live containers and with people's
//! actions, not with time or packets.
//!
//! | module | content |
//! |---|---|
//! | `chance`, `clock` | random numbers, time |
//! | `era` | ten years as a table |
//! | `packet`, `lager`, `envelope`, `forge` | text |
//! | `world`, `history` | orgs, spaces, apps; Cloud Controller over time |
//! | `cell` | cells, containers, addresses, rate limits |
//! | `run`, `event` | the clockwork: events in the order of time |
//! | `life`, `instances`, `traffic` | actions of people, lives of containers, their packets |
//! | `lines` | lines, from a message to the file that has it |
//! | `groups`, `enforce`, `egress` | security groups, what cells make of them, packets under them |
//! | `damage`, `sink`, `truth` | damage to lines, their files, the truth about them |

mod cell;
mod chance;
mod clock;
mod damage;
mod egress;
mod enforce;
mod envelope;
mod era;
mod event;
mod forge;
mod groups;
mod history;
mod instances;
mod lager;
mod life;
mod lines;
mod packet;
mod run;
mod sink;
mod traffic;
mod truth;
mod world;

use std::io;

use asg_cc_client::embedded::Foundation;

pub use chance::Chance;
pub use damage::{Damage, Zone};
pub use egress::{Content, Ruling};
pub use enforce::{Enforcer, Flight, KernelRule, Name, Sent, Set, expand, words_allow};
pub use envelope::Envelope;
pub use era::Era;
pub use groups::{Destination, Group, Groups, Listing, Phase, Protocol, Rule, Rules};
pub use history::{Change, History};
pub use sink::{Folder, Memory, Sink};
pub use truth::{ContainerFacts, Kind, Life, NameSet, Names, Truth, Workload};

/// The configuration of a simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The era: handles, prefixes, messages and formats.
    pub era: Era,
    /// The seed of all random numbers.
    pub seed: u64,
    /// The number of cells; a cell holds 253 containers.
    pub cells: usize,
    /// The intended number of instances of processes.
    pub containers: usize,
    /// The duration.
    pub minutes: u32,
    /// The number of packets that a container sends per minute, on average.
    pub packets_per_minute: u32,
    /// The number of people's actions per minute, all together; `None` for one action per 20
    /// containers, but at least 3.
    pub actions_per_minute: Option<u32>,
    /// The envelope of lines.
    pub envelope: Envelope,
    /// The division of lines into files.
    pub layout: Layout,
    /// Whether rep logs at debug level: lines of 3,000 bytes that name everything.
    pub debug: bool,
    /// The damage.
    pub damage: Damage,
    /// Security groups that decide about packets; without them any packet may pass, or be denied.
    pub rules: Option<Rules>,
}

/// The division of lines into files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// `cells/<cell>/kern.log` and `cells/<cell>/rep.log`.
    PerLog,
    /// `cells/<cell>/messages.log`.
    PerCell,
    /// `messages.log`, as an aggregator writes it.
    One,
}

impl Config {
    /// Returns the default: three cells with 60 containers for ten minutes, nothing damaged.
    #[must_use]
    pub const fn new(era: Era) -> Self {
        Self {
            era,
            seed: 1,
            cells: 3,
            containers: 60,
            minutes: 10,
            packets_per_minute: 20,
            actions_per_minute: None,
            envelope: era.usual_envelope(),
            layout: Layout::PerLog,
            debug: false,
            damage: Damage::NONE,
            rules: None,
        }
    }
}

/// A finished simulation.
#[derive(Debug, Clone)]
pub struct Simulation {
    history: History,
    totals: Totals,
    groups: Groups,
    cells: Vec<String>,
    start: i64,
    end: i64,
}

/// The amounts that were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Totals {
    /// Lines in all files.
    pub lines: u64,
    /// Bytes in all files, line ends included.
    pub bytes: u64,
    /// Packet lines among them.
    pub packets: u64,
    /// Containers that ever existed.
    pub containers: u64,
}

impl Simulation {
    /// Plays a foundation and writes its logs.
    ///
    /// # Errors
    ///
    /// Those of the sink.
    pub fn run(config: &Config, sink: &mut impl Sink) -> io::Result<Self> {
        Self::run_with(config, sink, |_, _| ())
    }

    /// Plays a foundation, and calls `progress` after each minute of the foundation's time with the
    /// number of minutes and the totals.
    ///
    /// # Errors
    ///
    /// Those of the sink.
    pub fn run_with(
        config: &Config,
        sink: &mut impl Sink,
        progress: impl FnMut(u32, &Totals),
    ) -> io::Result<Self> {
        run::run(config, sink, progress)
    }

    /// Returns Cloud Controller's contents over time.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// Returns Cloud Controller as it was at a time, in nanoseconds since 1970, ready to be served
    /// by [`asg_cc_client::embedded::Server`].
    #[must_use]
    pub fn cloud_controller_at(&self, time: i64) -> Foundation {
        self.history.at(time)
    }

    /// Returns the security groups over time; empty without rules in the configuration.
    #[must_use]
    pub const fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Returns the names of the cells.
    #[must_use]
    pub fn cells(&self) -> &[String] {
        &self.cells
    }

    /// Returns the amounts that were written.
    #[must_use]
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Returns the start, in nanoseconds since 1970.
    #[must_use]
    pub const fn start(&self) -> i64 {
        self.start
    }

    /// Returns the end, in nanoseconds since 1970.
    #[must_use]
    pub const fn end(&self) -> i64 {
        self.end
    }
}
