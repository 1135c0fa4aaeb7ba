//! Computes which rules can leave lines, and which packets cannot.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::Policy;
use super::because::{Blind, Codes};
use super::effective::{Effective, Entry};
use super::enforce::{EntryTraffic, Load};
use super::evaluate::RuleRef;
use super::explain::UsedSnapshot;
use super::group::Phase;
use super::settings::Profile;
use crate::time::Timestamp;

/// The maximum number of comparisons for one coverage; the rest is not checked.
const MOST_STEPS: u64 = 200_000_000;

/// Whether packets that an entry allows leave lines.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers treat each")]
pub enum EntryState {
    /// They do, apart from limits.
    Logged,
    /// They do unless earlier rules hide it. There are so many rules that this was not checked.
    Unchecked,
    /// They do not.
    Unlogged,
    /// The rule logs, but these earlier rules, which do not log, allow all its packets.
    HiddenBy(Vec<RuleRef>),
}

/// A rule, one of its destinations and one of its port items, and whether it leaves lines.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CoveredEntry {
    /// The rule.
    pub rule: RuleRef,
    /// Whether it leaves lines.
    pub state: EntryState,
}

impl Serialize for CoveredEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("rule", &self.rule)?;
        let word = match &self.state {
            EntryState::Logged => "logged",
            EntryState::Unchecked => "unchecked",
            EntryState::Unlogged => "unlogged",
            EntryState::HiddenBy(_) => "hidden_by",
        };
        map.serialize_entry("state", word)?;
        if let EntryState::HiddenBy(by) = &self.state {
            map.serialize_entry("by", by)?;
        }
        map.end()
    }
}

/// A set of packets that cannot leave lines, with the cell and the time if it does not apply
/// everywhere and always.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlindSpot {
    /// The packets.
    pub code: Blind,
    /// The cell.
    pub cell: Option<String>,
    /// The start.
    pub from: Option<Timestamp>,
    /// The end.
    pub until: Option<Timestamp>,
}

impl From<Blind> for BlindSpot {
    fn from(code: Blind) -> Self {
        Self { code, cell: None, from: None, until: None }
    }
}

/// `{"code":…,"what":…}`, with `cell`, `from` and `until`.
impl Serialize for BlindSpot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &self.code)?;
        map.serialize_entry("what", self.code.what())?;
        if let Some(cell) = &self.cell {
            map.serialize_entry("cell", cell)?;
        }
        for (name, time) in [("from", self.from), ("until", self.until)] {
            if let Some(time) = time {
                map.serialize_entry(name, &time)?;
            }
        }
        map.end()
    }
}

/// The packets that the lines of a space can show, as of the last complete snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coverage {
    /// The space's GUID.
    pub space: String,
    /// The phase of the containers.
    pub phase: Phase,
    /// The snapshot; incomplete if no snapshot is complete.
    pub snapshot: UsedSnapshot,
    /// The fate of the set of rules: if it is not enforced, the entries are not, either.
    pub load: Load,
    /// Every owner of every entry, in kernel order.
    pub entries: Vec<CoveredEntry>,
    /// The packets that cannot leave lines. Callers add those of cells and times.
    pub blind: Vec<BlindSpot>,
}

/// `{"kind":"coverage","space":…,"phase":…,"rules":{"snapshots":[…]},"load":…,"entries":[…],"blind":[…]}`
impl Serialize for Coverage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Rules<'a> {
            snapshots: &'a [UsedSnapshot],
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", "coverage")?;
        map.serialize_entry("space", &self.space)?;
        map.serialize_entry("phase", &self.phase)?;
        let snapshots = std::slice::from_ref(&self.snapshot);
        map.serialize_entry("rules", &Rules { snapshots })?;
        map.serialize_entry("load", &self.load)?;
        map.serialize_entry("entries", &self.entries)?;
        map.serialize_entry("blind", &self.blind)?;
        map.end()
    }
}

impl Policy {
    /// Returns what the lines of a space can show on a cell, as of the last complete snapshot;
    /// `None` without a snapshot.
    ///
    /// ```
    /// use asg_core::policy::{EntryState, Phase, Policy, Settings, Snapshot};
    ///
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","globally_enabled":{"running":true},"rules":[
    ///         {"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true},
    ///         {"protocol":"tcp","destination":"10.0.0.0/8","ports":"1-65535"}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None)?, Settings::default().into());
    /// let coverage = policy.coverage("s-1", Phase::Running, None).unwrap();
    /// // silk looks at the second rule first.
    /// assert_eq!(coverage.entries[0].state, EntryState::Unlogged);
    /// assert!(matches!(&coverage.entries[1].state, EntryState::HiddenBy(by) if by[0].rule == 1));
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub fn coverage(&self, space: &str, phase: Phase, cell: Option<&str>) -> Option<Coverage> {
        let listings = self.listings.all();
        let complete = listings.iter().rposition(|listing| listing.snapshot.complete);
        let number = complete.or(listings.len().checked_sub(1))?;
        let snapshot = &listings[number].snapshot;
        let place = self.settings().place(cell);
        let effective = Effective::new(&self.listings, number, place, Some(space), phase);
        Some(Coverage {
            space: space.to_owned(),
            phase,
            snapshot: UsedSnapshot {
                taken_at: snapshot.taken_at,
                complete: snapshot.complete,
                assumed: snapshot.assumed,
            },
            load: effective.load(),
            entries: effective.coverage(),
            blind: effective.blind().iter().map(BlindSpot::from).collect(),
        })
    }
}

impl Effective {
    /// Returns for every owner of every entry, in kernel order, whether it leaves lines.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// assert_eq!(rules.coverage().len(), 1, "one kernel rule");
    /// ```
    #[must_use]
    pub fn coverage(&self) -> Vec<CoveredEntry> {
        let mut cover = Cover { entries: self.entries(), unlogged: Vec::new(), steps: 0 };
        let mut covered = Vec::new();
        for (n, entry) in (0_u32..).zip(self.entries()) {
            let state = if entry.log {
                match cover.hidden_by(entry) {
                    Hidden::No => EntryState::Logged,
                    Hidden::Unchecked => EntryState::Unchecked,
                    Hidden::By(entries) => {
                        let first = |n: u32| self.rule_ref(&self.entries()[n as usize].owners[0]);
                        EntryState::HiddenBy(entries.into_iter().map(first).collect())
                    }
                }
            } else {
                cover.unlogged.push(n);
                EntryState::Unlogged
            };
            covered.extend(
                entry
                    .owners
                    .iter()
                    .map(|owner| CoveredEntry { rule: self.rule_ref(owner), state: state.clone() }),
            );
        }
        covered
    }

    /// Returns the packets of these containers that cannot leave lines.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// assert!(!rules.blind().is_empty(), "denied packets leave no line by default");
    /// ```
    #[must_use]
    pub fn blind(&self) -> Codes<Blind> {
        let settings = self.settings();
        let mut found = Codes::from([Blind::Established, Blind::UdpReplied, Blind::BeforeChain]);
        if self.entries().iter().any(|entry| !entry.log) {
            found.insert(Blind::UnloggedRule);
        }
        if settings.profile == Profile::Guardian {
            found.insert(Blind::GuardianDeny);
        } else {
            found.extend([
                Blind::UdpRate,
                Blind::TcpInvalid,
                Blind::HostTraffic,
                Blind::C2cUnlogged,
            ]);
            let denied = if settings.logs_all() { Blind::DenyRate } else { Blind::DenyLoggingOff };
            found.insert(denied);
            if self.deny_networks().next().is_some() {
                found.insert(Blind::DenyNetwork);
            }
        }
        found
    }
}

enum Hidden {
    No,
    Unchecked,
    By(Vec<u32>),
}

/// A rectangle of addresses and points.
#[derive(Clone, Copy)]
struct Area {
    addresses: (u128, u128),
    points: (u16, u16),
}

struct Cover<'a> {
    entries: &'a [Entry],
    /// The entries so far that do not log, in kernel order.
    unlogged: Vec<u32>,
    steps: u64,
}

impl Cover<'_> {
    /// Returns the entries before this one that together allow all its packets without a line.
    fn hidden_by(&mut self, entry: &Entry) -> Hidden {
        let Some(area) = area(entry) else { return Hidden::No };
        self.steps += self.unlogged.len() as u64;
        let mut parts: Vec<(u32, Area)> = Vec::new();
        for n in &self.unlogged {
            let other = &self.entries[*n as usize];
            let same_family = other.range.is_ipv4() == entry.range.is_ipv4();
            let Some(part) = self::area(other).filter(|_| same_family) else { continue };
            let about = covers(other.traffic, entry.traffic);
            if !about || !meet(part.addresses, area.addresses) || !meet(part.points, area.points) {
                continue;
            }
            let whole = within(area.addresses, part.addresses) && within(area.points, part.points);
            if whole {
                return Hidden::By(vec![*n]);
            }
            parts.push((*n, part));
        }
        // An uncovered corner is cheap to find.
        let corners = [(area.addresses.0, area.points.0), (area.addresses.1, area.points.1)];
        let is_open = |(address, point): &(u128, u16)| {
            !parts.iter().any(|(_, part)| {
                within((*address, *address), part.addresses)
                    && within((*point, *point), part.points)
            })
        };
        if corners.iter().any(is_open) {
            return Hidden::No;
        }
        match self.is_covered(area, &parts) {
            None => Hidden::Unchecked,
            Some(false) => Hidden::No,
            Some(true) => Hidden::By(self.needed(area, parts)),
        }
    }

    /// Returns whether the parts cover the area; `None` if that takes too long.
    fn is_covered(&mut self, area: Area, parts: &[(u32, Area)]) -> Option<bool> {
        // Between two of these addresses the same parts apply.
        let mut starts = vec![area.addresses.0];
        for (_, part) in parts {
            starts.push(part.addresses.0.max(area.addresses.0));
            starts.extend(part.addresses.1.checked_add(1));
        }
        starts.retain(|start| within((*start, *start), area.addresses));
        starts.sort_unstable();
        starts.dedup();
        let mut sorted: Vec<Area> = parts.iter().map(|(_, part)| *part).collect();
        sorted.sort_unstable_by_key(|part| part.points);
        for start in starts {
            self.steps += sorted.len() as u64;
            if self.steps > MOST_STEPS {
                return None;
            }
            let mut next = u32::from(area.points.0);
            for part in &sorted {
                let (first, last) = (u32::from(part.points.0), u32::from(part.points.1));
                if first <= next && last >= next && within((start, start), part.addresses) {
                    next = last + 1;
                }
            }
            if next <= u32::from(area.points.1) {
                return Some(false);
            }
        }
        Some(true)
    }

    /// Returns the parts that are needed to cover the area, after removing those that are not, the
    /// last first.
    fn needed(&mut self, area: Area, mut parts: Vec<(u32, Area)>) -> Vec<u32> {
        for n in (0..parts.len()).rev() {
            let part = parts.remove(n);
            if self.is_covered(area, &parts) != Some(true) {
                parts.insert(n, part);
            }
        }
        parts.into_iter().map(|(n, _)| n).collect()
    }
}

fn area(entry: &Entry) -> Option<Area> {
    let addresses = entry.range.bits().filter(|(first, last)| first <= last)?;
    let points = entry.traffic.points();
    (points.0 <= points.1).then_some(Area { addresses, points })
}

/// Returns whether packets of the one traffic can be of the other, in all protocols of the second.
fn covers(traffic: EntryTraffic, of: EntryTraffic) -> bool {
    matches!(
        (traffic, of),
        (EntryTraffic::All, _)
            | (EntryTraffic::Tcp(..), EntryTraffic::Tcp(..))
            | (EntryTraffic::Udp(..), EntryTraffic::Udp(..))
            | (EntryTraffic::Icmp(..), EntryTraffic::Icmp(..))
    )
}

fn meet<T: Ord + Copy>(a: (T, T), b: (T, T)) -> bool {
    a.0 <= b.1 && b.0 <= a.1
}

fn within<T: Ord + Copy>(inner: (T, T), outer: (T, T)) -> bool {
    outer.0 <= inner.0 && inner.1 <= outer.1
}
