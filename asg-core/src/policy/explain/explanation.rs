//! The answer about one packet, and its JSON.

use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::facts::Outcome;
use crate::policy::because::{Because, Blind, Codes, Governed};
use crate::policy::evaluate::{By, Decided, RuleRef};
use crate::policy::group::Phase;
use crate::policy::history::Basis;
use crate::policy::near::NearMiss;
use crate::policy::probe::Probe;
use crate::time::Timestamp;

/// A snapshot on which an answer rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct UsedSnapshot {
    /// When it was taken.
    pub taken_at: Timestamp,
    /// Whether it has all groups and bindings.
    pub complete: bool,
    /// Whether `complete` is an assumption, because the file does not show it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub assumed: bool,
}

/// Why a packet was allowed or denied.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// Which mechanism decided.
    pub governed: Governed,
    /// The verdict in the line.
    pub observed: Option<Outcome>,
    /// The verdict by Cloud Controller's words at that time; `None` where nothing can be claimed.
    pub configured: Option<Outcome>,
    /// The verdict that the profile predicts; `None` where nothing can be claimed.
    pub enforced: Option<Outcome>,
    /// Whether the line agrees with `enforced`; `None` without a line or a prediction.
    pub agrees: Option<bool>,
    /// How well the rules of that time are known.
    pub basis: Basis,
    /// The snapshots that were used, the earliest first.
    pub snapshots: Arc<[UsedSnapshot]>,
    /// Every owner of every entry that matches, in kernel order.
    pub matches: Vec<RuleRef>,
    /// The rule or other mechanism that decided.
    pub by: Option<By>,
    /// The certainty of `by`.
    pub decided: Option<Decided>,
    /// The reasons; at least one.
    pub because: Codes<Because>,
    /// For a denied packet the changes that would have allowed it, the nearest first.
    pub near: Arc<[NearMiss]>,
    /// The number of other apps of the space that are known: at least so many gain the admitted
    /// packets.
    pub other_apps: Option<u64>,
    /// The similar packets that cannot leave a line.
    pub blind: Codes<Blind>,
}

impl Explanation {
    /// Writes the members from `governed` to `blind` into an object, with at most `near` near
    /// misses.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn write<M: SerializeMap>(&self, near: Option<usize>, map: &mut M) -> Result<(), M::Error> {
        let count = near.unwrap_or(usize::MAX).min(self.near.len());
        self.write_with(&self.near[..count], count > 0, map)
    }

    /// As [`write`](Self::write), with the near misses as the caller serialises them, and whether
    /// there are any.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn write_with<M: SerializeMap>(
        &self,
        near: &(impl Serialize + ?Sized),
        has_near: bool,
        map: &mut M,
    ) -> Result<(), M::Error> {
        map.serialize_entry("governed", &self.governed)?;
        let outcomes = [
            ("observed", self.observed),
            ("configured", self.configured),
            ("enforced", self.enforced),
        ];
        for (name, outcome) in outcomes {
            if let Some(outcome) = outcome {
                map.serialize_entry(name, &outcome)?;
            }
        }
        if let Some(agrees) = self.agrees {
            map.serialize_entry("agrees", &agrees)?;
        }
        map.serialize_entry(
            "rules",
            &RulesOutput { basis: self.basis, snapshots: &self.snapshots },
        )?;
        map.serialize_entry("matches", &self.matches)?;
        if let Some(by) = &self.by {
            by.write(map)?;
        }
        if let Some(decided) = self.decided {
            map.serialize_entry("decided", &decided)?;
        }
        map.serialize_entry("because", &self.because)?;
        map.serialize_entry("near", near)?;
        if let Some(apps) = self.other_apps.filter(|_| has_near) {
            map.serialize_entry("other_apps", &apps)?;
        }
        map.serialize_entry("blind", &self.blind)
    }
}

/// The member `rules`.
#[derive(Serialize)]
struct RulesOutput<'a> {
    basis: Basis,
    snapshots: &'a [UsedSnapshot],
}

/// One line of output: an explanation, and the caller's facts about the line.
///
/// `App` and `Space` are written as they serialise.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct ExplainOutput<'a, App, Space> {
    /// The name of the log.
    pub source: Option<&'a str>,
    /// The number of the line in it.
    pub line: Option<u64>,
    /// The time of the packet.
    pub time: Option<Timestamp>,
    /// The app.
    pub app: Option<App>,
    /// The space.
    pub space: Option<Space>,
    /// The phase of the container.
    pub phase: Option<Phase>,
    /// The packet.
    pub probe: Option<Probe>,
    /// The explanation.
    pub explanation: &'a Explanation,
    /// The maximum number of near misses to show.
    pub near: Option<usize>,
}

/// `{"kind":"explain","source":…,"line":…,"time":…,"app":…,"space":…,"phase":…,"packet":{…},"governed":…,…}`
impl<App: Serialize, Space: Serialize> Serialize for ExplainOutput<'_, App, Space> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", "explain")?;
        if let Some(source) = self.source {
            map.serialize_entry("source", source)?;
        }
        if let Some(line) = self.line {
            map.serialize_entry("line", &line)?;
        }
        if let Some(time) = self.time {
            map.serialize_entry("time", &time)?;
        }
        if let Some(app) = &self.app {
            map.serialize_entry("app", app)?;
        }
        if let Some(space) = &self.space {
            map.serialize_entry("space", space)?;
        }
        if let Some(phase) = self.phase {
            map.serialize_entry("phase", &phase)?;
        }
        if let Some(probe) = &self.probe {
            map.serialize_entry("packet", probe)?;
        }
        self.explanation.write(self.near, &mut map)?;
        map.end()
    }
}
