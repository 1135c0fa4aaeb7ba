//! The rules that hold for a space and a phase, in the order in which the kernel checks them.

use std::collections::HashMap;
use std::sync::Arc;

use super::enforce::{EntryTraffic, Load};
use super::go::AddressRange;
use super::group::Phase;
use super::index::Index;
use super::listing::Listings;
use super::probe::Probe;
use super::settings::{Block, GroupOrder, Profile, Settings};

/// A rule of a group, one of its destinations and one of its port items, by their places in the
/// input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Owner {
    /// The group, by its place in [`Effective::groups`].
    pub group: u32,
    /// The rule's place in its group, from 0.
    pub rule: u32,
    /// The destination's place in its rule, from 0.
    pub destination: u32,
    /// The port item's place in its rule, from 0; -1 where the rule has none.
    pub port: i32,
}

/// One kernel rule, and all rules of groups that ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The packets, apart from their destination.
    pub traffic: EntryTraffic,
    /// The destinations.
    pub range: AddressRange,
    /// Whether packets that it allows are logged.
    pub log: bool,
    /// The rules that ask for it, in the order of the list; at least one.
    pub owners: Vec<Owner>,
    /// The part of the list that it is in: later parts are checked earlier, whatever the order of
    /// groups.
    part: u8,
    /// The number of owners in this part; they come first.
    deciding: u32,
}

impl Entry {
    /// Returns whether it matches the packet.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// assert!(rules.entries()[0].matches(&https) && !rules.entries()[0].matches(&http));
    /// ```
    #[must_use]
    pub fn matches(&self, probe: &Probe) -> bool {
        let (first, last) = self.traffic.points();
        self.traffic.has(probe.class())
            && (first..=last).contains(&probe.point())
            && self.range.contains(probe.destination)
    }

    pub(super) const fn part(&self) -> u8 {
        self.part
    }

    /// Returns the owners that give the entry its place in the list, or would with another order of
    /// groups.
    pub(super) fn deciding(&self) -> &[Owner] {
        &self.owners[..self.deciding as usize]
    }
}

/// A group whose rules hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct EffectiveGroup {
    /// Its GUID.
    pub guid: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Whether it applies to all spaces.
    pub global: bool,
}

/// The rules that hold for a space and a phase under a profile, as kernel rules.
///
/// ```
/// use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
///
/// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
///     {"guid":"g-1","rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"80,443","log":true}],
///      "globally_enabled":{"running":true}}]}"#;
/// let policy = Policy::new(Snapshot::parse(page, None)?, Settings::default().into());
/// let rules = policy.effective("s-1", Phase::Running).unwrap();
/// assert_eq!(rules.entries().len(), 2);
/// assert_eq!(rules.entries()[0].owners[0].port, 1, "silk turns the list around");
/// # Ok::<(), asg_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Effective {
    load: Load,
    phase: Phase,
    entries: Vec<Entry>,
    groups: Vec<EffectiveGroup>,
    settings: Settings,
    index: Index,
}

impl Effective {
    /// Creates the rules of a snapshot's groups that hold for a space and phase; only the global
    /// ones for an unknown space.
    pub(super) fn new(
        listings: &Listings,
        snapshot: usize,
        place: usize,
        space: Option<&str>,
        phase: Phase,
    ) -> Self {
        let settings = listings.settings_at(place);
        let listing = &listings.all()[snapshot];
        let dynamic = settings.profile == Profile::SilkDynamic;
        let mut places: Vec<u32> = listing.effective(space, phase).collect();
        if !dynamic {
            // The agent takes the rules of global groups first; Cloud Controller does not.
            places.sort_unstable();
        }
        let group = |place: &u32| {
            let group = &listing.snapshot.groups[*place as usize];
            EffectiveGroup {
                guid: group.guid.as_str().into(),
                name: group.name.as_str().into(),
                global: group.is_global(phase),
            }
        };
        let groups: Vec<EffectiveGroup> = places.iter().map(group).collect();

        let mut load = Load::Ok;
        let mut list = Vec::new();
        for (n, group) in places.iter().enumerate() {
            let rules = listings.rules(snapshot, *group as usize, place);
            for (rule, made) in (0_u32..).zip(rules) {
                load = load.max(made.enforceable.load);
                let part = u8::from(if dynamic { !groups[n].global } else { made.log });
                list.push((part, n as u32, rule, made));
            }
        }
        // Cloud Controller sorts the rules that log behind the others, with a sort that has always
        // been stable.
        list.sort_by_key(|(part, ..)| *part);

        let mut places: HashMap<(EntryTraffic, AddressRange, bool), usize> = HashMap::new();
        let mut entries: Vec<Entry> = Vec::new();
        for (part, group, rule, made) in list {
            // guardian has no setting that makes all rules log.
            let log = made.log || settings.logs_all() && settings.profile != Profile::Guardian;
            for one in &made.enforceable.entries {
                let owner = Owner { group, rule, destination: one.destination, port: one.port };
                // Equal kernel rules are made once, in the place of the first.
                let place = *places.entry((one.traffic, one.range, log)).or_insert_with(|| {
                    entries.push(Entry {
                        traffic: one.traffic,
                        range: one.range,
                        log,
                        owners: Vec::new(),
                        part,
                        deciding: 0,
                    });
                    entries.len() - 1
                });
                let entry = &mut entries[place];
                if entry.owners.last() != Some(&owner) {
                    entry.owners.push(owner);
                    entry.deciding += u32::from(entry.part == part);
                }
            }
        }
        // Each rule is inserted before the others.
        entries.reverse();
        let index = Index::new(&entries);
        Self { load, phase, entries, groups, settings: settings.clone(), index }
    }

    /// Returns whether and how the set as a whole is enforced.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// assert_eq!(rules.load(), asg_core::policy::Load::Ok);
    /// ```
    #[must_use]
    pub const fn load(&self) -> Load {
        self.load
    }

    /// Returns the phase.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns the kernel rules, in the order in which the kernel checks them.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// assert!(rules.entries()[0].log);
    /// ```
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the groups that hold, in the order of the list.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// assert_eq!(&*rules.groups()[0].name, "web");
    /// ```
    #[must_use]
    pub fn groups(&self) -> &[EffectiveGroup] {
        &self.groups
    }

    /// Returns the settings under which they hold.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns whether the order of the entries is known.
    #[must_use]
    pub fn order_is_known(&self) -> bool {
        !self.settings.profile.is_static() || self.settings.group_order == GroupOrder::Listed
    }

    /// Returns the numbers of the entries that match, in kernel order.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// assert_eq!((rules.matches(&https), rules.matches(&http)), (vec![0], vec![]));
    /// ```
    #[must_use]
    pub fn matches(&self, probe: &Probe) -> Vec<u32> {
        let mut found = Vec::new();
        self.index.matches(probe, &mut found);
        found.sort_unstable();
        found
    }

    /// Does the work of [`Self::matches`] by checking every entry: slower, and the oracle of the
    /// tests.
    #[must_use]
    pub fn matches_by_scan(&self, probe: &Probe) -> Vec<u32> {
        let numbered = (0_u32..).zip(&self.entries);
        numbered.filter(|(_, entry)| entry.matches(probe)).map(|(n, _)| n).collect()
    }

    /// Returns the networks that containers of this phase may not reach, in kernel order.
    pub(super) fn deny_networks(&self) -> impl Iterator<Item = &Block> {
        let deny = self.settings.deny_networks.as_ref();
        deny.into_iter().flat_map(move |deny| {
            let own = match self.phase {
                Phase::Running => &deny.running,
                Phase::Staging => &deny.staging,
            };
            own.iter().rev().chain(deny.always.iter().rev())
        })
    }

    /// Returns whether two sets ask for the same kernel rules by the same owners, whatever the
    /// names of the groups.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        // A group without a rule has no entry, and shifts the numbers of those behind it.
        let owners_are_same = |one: &Entry, two: &Entry| {
            let key = |set: &Self, owner: &Owner| {
                let Owner { group, rule, destination, port } = *owner;
                (Arc::clone(&set.groups[group as usize].guid), rule, destination, port)
            };
            one.owners.len() == two.owners.len()
                && one.owners.iter().zip(&two.owners).all(|(a, b)| key(self, a) == key(other, b))
        };
        let is_same = |one: &Entry, two: &Entry| {
            (one.traffic, one.range, one.log) == (two.traffic, two.range, two.log)
                && owners_are_same(one, two)
        };
        self.load == other.load
            && self.entries.len() == other.entries.len()
            && self.entries.iter().zip(&other.entries).all(|(one, two)| is_same(one, two))
    }
}
