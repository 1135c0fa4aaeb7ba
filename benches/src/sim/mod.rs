//! The foundation simulator: logs of a whole Cloud Foundry with the truth about every packet in
//! them.
//!
//! A [`Simulation`] plays what people and machines do in a foundation (pushes, restarts, rolling
//! and canary deployments, tasks, staging, crashes, evacuations, renames, deletions) and writes
//! what its cells would have logged: the kernel's packet lines with the prefixes of an [`Era`],
//! rep's and Garden's lager lines, in any [`Envelope`], under any [`Damage`]. With the logs come
//! the truth about each packet line and what Cloud Controller knew at any time.
//!
//! It is decided by a seed alone: the same [`Config`] gives the same bytes on every machine.
//! Everything is written as a stream into a [`Sink`]; memory grows with live containers and with
//! what people do, not with time or packets.
//!
//! | room | what |
//! |---|---|
//! | `chance`, `clock` | random numbers, time |
//! | `era` | ten years as a table |
//! | `packet`, `lager`, `envelope`, `forge` | text |
//! | `world`, `history` | orgs, spaces, apps; Cloud Controller over time |
//! | `cell` | cells, containers, addresses, rate limits |
//! | `run` | the clockwork: events in the order of time; with `life` (what people do) and `traffic` (packets) |
//! | `damage`, `sink`, `truth` | what becomes of lines, where they go, what is true of them |

mod cell;
mod chance;
mod clock;
mod damage;
mod envelope;
mod era;
mod forge;
mod history;
mod lager;
mod life;
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
pub use envelope::Envelope;
pub use era::Era;
pub use history::{Change, History};
pub use sink::{Folder, Memory, Sink};
pub use truth::{ContainerFacts, Kind, Life, NameSet, Names, Truth, Workload};

/// What to simulate.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Which handles, prefixes, messages and formats.
    pub era: Era,
    /// What decides everything that chance decides.
    pub seed: u64,
    /// How many cells; a cell holds 253 containers.
    pub cells: usize,
    /// How many instances of processes are to run.
    pub containers: usize,
    /// For how long.
    pub minutes: u32,
    /// How many packets a container sends per minute, on average.
    pub packets_per_minute: u32,
    /// What people do per minute, all together; `None` for one action per 20 containers, but at
    /// least 3.
    pub actions_per_minute: Option<u32>,
    /// How lines reach an operator.
    pub envelope: Envelope,
    /// Which lines share a file.
    pub layout: Layout,
    /// rep logs at debug level: lines of 3,000 bytes that name everything.
    pub debug: bool,
    /// What goes wrong.
    pub damage: Damage,
}

/// Which lines share a file.
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
    /// Three cells with 60 containers for ten minutes, nothing damaged.
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
        }
    }
}

/// A simulation that has run.
#[derive(Debug, Clone)]
pub struct Simulation {
    history: History,
    totals: Totals,
    start: i64,
    end: i64,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Totals {
    /// Lines in all files.
    pub lines: u64,
    /// Bytes in all files, line ends included.
    pub bytes: u64,
    /// Packet lines among them.
    pub packets: u64,
    /// Containers that ever were.
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

    /// The same, and tells after each minute of the foundation's time how many are over, and what
    /// was written.
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

    /// What Cloud Controller knew, and when.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// Cloud Controller as it was at a time, in nanoseconds since 1970, ready to be served by
    /// [`asg_cc_client::embedded::Server`].
    #[must_use]
    pub fn cloud_controller_at(&self, time: i64) -> Foundation {
        self.history.at(time)
    }

    /// What was written.
    #[must_use]
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// When it started, in nanoseconds since 1970.
    #[must_use]
    pub const fn start(&self) -> i64 {
        self.start
    }

    /// When it ended, in nanoseconds since 1970.
    #[must_use]
    pub const fn end(&self) -> i64 {
        self.end
    }
}
