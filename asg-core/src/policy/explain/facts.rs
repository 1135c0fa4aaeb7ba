//! The facts about a packet that callers provide.

use crate::policy::group::Phase;
use crate::policy::probe::Probe;
use crate::time::TimeRange;
use crate::words::words;

/// Whether a packet may pass: by the line in the log, by Cloud Controller's words, or as the
/// profile enforces them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a packet passes or does not")]
pub enum Outcome {
    /// It may pass.
    Allowed,
    /// It may not.
    Denied,
}

words! {
    "policy" Outcome "an outcome" {
        Allowed = "allowed", Denied = "denied",
    }
}

/// The chain that wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Chain {
    /// The chain of the security groups.
    #[default]
    Asg,
    /// The chain between containers.
    C2c,
    /// The limit on new connections.
    RateLimit,
    /// No chain: the packet is hypothetical.
    NoLine,
}

/// The facts about one packet, as plain values.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct PacketFacts<'a> {
    /// The time when it was sent, as far as that is known.
    pub time: Option<TimeRange>,
    /// The name of the cell, which chooses among [`CellSettings`](crate::policy::CellSettings).
    pub cell: Option<&'a str>,
    /// The GUID of the app's space.
    pub space: Option<&'a str>,
    /// The phase of the container. Tasks count as running.
    pub phase: Option<Phase>,
    /// The packet; `None` if its destination or its ports cannot be parsed.
    pub probe: Option<Probe>,
    /// The chain that wrote the line.
    pub chain: Chain,
    /// The verdict in the line.
    pub observed: Option<Outcome>,
    /// The time when the container was made.
    pub created: Option<TimeRange>,
    /// The time when the process version was desired, that is, when its first container was made.
    /// Only the static profiles use it. `None` if the version is older than the logs.
    pub desired: Option<TimeRange>,
    /// The time of the last notice of silk's agent, surely before the packet, that it had put the
    /// rules of that moment into the container's chain. Only the dynamic profile uses it.
    pub rules_updated: Option<TimeRange>,
    /// Whether lines of the cell were lost.
    pub lines_lost: bool,
    /// The number of other apps in the space that are known, if any may be known. They gain the
    /// packets that a change admits.
    pub other_apps: Option<u64>,
}
