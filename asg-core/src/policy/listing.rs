//! A snapshot prepared for look-ups: the groups of each space, and the groups that stay unchanged
//! from one snapshot to the next.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::enforce::{Enforceable, Load};
use super::group::Phase;
use super::near::Reach;
use super::settings::{CellSettings, Settings};
use super::snapshot::Snapshot;
use super::stored::StoredRule;
use super::words::Words;

/// A rule as stored, as Cloud Controller means it, and as cells enforce it.
#[derive(Debug)]
pub(super) struct MadeRule {
    pub(super) enforceable: Enforceable,
    /// The number of addresses and points of its entries.
    pub(super) reach: Reach,
    pub(super) words: Words,
    pub(super) log: bool,
}

/// Snapshots in order. Rules that do not change from one to the next are parsed once.
#[derive(Debug)]
pub(super) struct Listings {
    all: Vec<Listing>,
    settings: CellSettings,
    /// For each version of a group's rules, a group that has it, and the rules as cells enforce
    /// them under each settings.
    versions: Vec<Version>,
}

#[derive(Debug)]
pub(super) struct Listing {
    pub(super) snapshot: Arc<Snapshot>,
    /// The number of the version of each group's rules.
    versions: Vec<u32>,
    /// A number that listings share if they differ in bindings only.
    shape: u32,
    /// The global groups, for each phase.
    globals: [Vec<u32>; 2],
    /// The groups that are bound to a space, for each phase.
    bound: [HashMap<Box<str>, Vec<u32>>; 2],
    places: HashMap<Box<str>, u32>,
}

/// All groups, and their bindings to one space; see [`Listing::neighbourhood`].
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Neighbourhood {
    shape: u32,
    bound: [Vec<u32>; 2],
}

#[derive(Debug)]
struct Version {
    snapshot: usize,
    group: usize,
    made: Vec<OnceLock<Box<[MadeRule]>>>,
}

impl Listings {
    pub(super) fn new(snapshots: Vec<Snapshot>, settings: CellSettings) -> Self {
        let snapshots: Vec<_> = Snapshot::join(snapshots).into_iter().map(Arc::new).collect();
        let count = settings.all().count();
        let mut versions = Vec::new();
        let mut known: HashMap<(&str, &[StoredRule]), u32> = HashMap::new();
        let mut numbers = Vec::new();
        for (n, snapshot) in snapshots.iter().enumerate() {
            let mut of_groups = Vec::with_capacity(snapshot.groups.len());
            for (place, group) in snapshot.groups.iter().enumerate() {
                let key = (group.guid.as_str(), group.rules.as_slice());
                of_groups.push(*known.entry(key).or_insert_with(|| {
                    let made = (0..count).map(|_| OnceLock::new()).collect();
                    versions.push(Version { snapshot: n, group: place, made });
                    versions.len() as u32 - 1
                }));
            }
            numbers.push(of_groups);
        }
        drop(known);
        let mut shapes = HashMap::new();
        let mut numbered = Vec::with_capacity(snapshots.len());
        for (snapshot, versions) in snapshots.iter().zip(&numbers) {
            let groups = snapshot.groups.iter().zip(versions);
            let shape = groups.map(|(group, version)| {
                (*version, group.name.as_str(), Phase::ALL.map(|phase| group.is_global(phase)))
            });
            let next = shapes.len() as u32;
            numbered.push(*shapes.entry(shape.collect::<Vec<_>>()).or_insert(next));
        }
        drop(shapes);
        let listings = snapshots.into_iter().zip(numbers).zip(numbered);
        let listings =
            listings.map(|((snapshot, versions), shape)| Listing::new(&snapshot, versions, shape));
        Self { all: listings.collect(), settings, versions }
    }

    pub(super) fn all(&self) -> &[Listing] {
        &self.all
    }

    pub(super) const fn settings(&self) -> &CellSettings {
        &self.settings
    }

    /// Returns the settings at this place.
    pub(super) fn settings_at(&self, place: usize) -> &Settings {
        self.settings.at(place)
    }

    /// Returns the rules of a group as cells with the settings at this place enforce them.
    pub(super) fn rules(&self, snapshot: usize, group: usize, settings: usize) -> &[MadeRule] {
        self.made(&self.versions[self.all[snapshot].versions[group] as usize], settings)
    }

    /// Returns whether a rule of any snapshot empties the chains of cells with these settings.
    pub(super) fn may_empty_chains(&self, settings: usize) -> bool {
        let mut rules = self.versions.iter().flat_map(|version| self.made(version, settings));
        rules.any(|made| made.enforceable.load == Load::Skipped)
    }

    fn made<'l>(&'l self, version: &'l Version, settings: usize) -> &'l [MadeRule] {
        version.made[settings].get_or_init(|| {
            let group = &self.all[version.snapshot].snapshot.groups[version.group];
            let settings = self.settings_at(settings);
            let make = |rule: &StoredRule| {
                let enforceable = rule.enforceable(settings);
                let reach = Reach::of(&enforceable.entries);
                MadeRule { enforceable, reach, words: Words::new(rule), log: rule.log() }
            };
            group.rules.iter().map(make).collect()
        })
    }
}

impl Listing {
    fn new(snapshot: &Arc<Snapshot>, versions: Vec<u32>, shape: u32) -> Self {
        let mut listing = Self {
            versions,
            shape,
            globals: [Vec::new(), Vec::new()],
            bound: [HashMap::new(), HashMap::new()],
            places: HashMap::new(),
            snapshot: Arc::clone(snapshot),
        };
        for (place, group) in (0_u32..).zip(&snapshot.groups) {
            listing.places.entry(group.guid.as_str().into()).or_insert(place);
            for phase in Phase::ALL {
                if group.is_global(phase) {
                    listing.globals[phase as usize].push(place);
                    continue;
                }
                let spaces = match phase {
                    Phase::Running => &group.running_spaces,
                    Phase::Staging => &group.staging_spaces,
                };
                for space in spaces {
                    let groups = listing.bound[phase as usize].entry(space.as_str().into());
                    let groups = groups.or_default();
                    if groups.last() != Some(&place) {
                        groups.push(place);
                    }
                }
            }
        }
        listing
    }

    /// Returns the groups that hold, global ones first, in the order of the listing.
    pub(super) fn effective(&self, space: Option<&str>, phase: Phase) -> impl Iterator<Item = u32> {
        let bound = space.and_then(|space| self.bound[phase as usize].get(space));
        let globals = self.globals[phase as usize].iter();
        globals.chain(bound.into_iter().flatten()).copied()
    }

    /// Returns the groups that hold as numbers that are equal if the rules are: version, and
    /// whether it is global.
    pub(super) fn key(&self, space: Option<&str>, phase: Phase) -> Vec<(u32, bool)> {
        let groups = self.effective(space, phase);
        let key = |place: u32| {
            let global = self.snapshot.groups[place as usize].is_global(phase);
            (self.versions[place as usize], global)
        };
        // The static profiles mix both parts, in the order of the listing.
        let mut places: Vec<u32> = groups.collect();
        places.sort_unstable();
        places.into_iter().map(key).collect()
    }

    /// Returns what the changes that would allow a packet of a space depend on: equal answers are
    /// of listings that give equal changes.
    pub(super) fn neighbourhood(&self, space: Option<&str>) -> Neighbourhood {
        let bound = |phase: Phase| {
            let bound = space.and_then(|space| self.bound[phase as usize].get(space));
            bound.cloned().unwrap_or_default()
        };
        Neighbourhood { shape: self.shape, bound: Phase::ALL.map(bound) }
    }

    /// Returns the place of a group.
    pub(super) fn place(&self, guid: &str) -> Option<usize> {
        self.places.get(guid).map(|place| *place as usize)
    }
}
