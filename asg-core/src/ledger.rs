//! The ledger: all evidence so far, answering "whose handle begins so?".

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::ops::{Bound, RangeInclusive};

use crate::attribution::{Attribution, Certainty, Owners, Reason};
use crate::evidence::{Evidence, Moment, Origin, ProcessName};
use crate::{Guid, GuidPrefix, Handle, HandlePrefix, LogPrefix, ProcessGuid, Subject, Timestamp};

/// All evidence so far. The order in which it comes does not matter.
///
/// # Example
///
/// ```
/// use asg_core::{Certainty, Evidence, Handle, Ledger, LogPrefix, Moment, Origin, ProcessName, SourceId};
///
/// let mut ledger = Ledger::new();
/// let handle = Handle::parse("d08bb414-cdba-4381-412a-e9ecc1b7d0f4").unwrap();
/// let mut created = Evidence::new(handle.clone(), Moment::Created, Origin { source: SourceId(0), line: 1 });
/// let process = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11";
/// created.process = Some(ProcessName::parse(process));
/// ledger.add(created);
///
/// let prefix = LogPrefix::parse(b"d08bb414-cdba-4381-412a-e9ecc").unwrap();
/// let answer = ledger.attribute(&prefix, None);
/// assert_eq!(answer.certainty, Certainty::UniquePrefix);
/// assert_eq!(answer.container().unwrap().handle(), &handle);
/// assert_eq!(answer.process().unwrap().to_string(), process);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    lifetimes: Vec<Lifetime>,
    by_handle: HashMap<Handle, Id>,
    /// Lifetimes by the GUID that their handle begins with: one number, but for old handles, which begin with an app's.
    by_guid: BTreeMap<u128, Vec<Id>>,
    /// Lifetimes by the text of handles that do not begin with a GUID.
    by_text: BTreeMap<Box<str>, Id>,
    /// Lifetimes by the app that their process GUID begins with, or that a line names outright.
    by_app: BTreeMap<Guid, Vec<Id>>,
}

/// A place in [`Ledger::lifetimes`].
type Id = u32;

/// Clocks of cells and of the machine that stamps a line differ; what is out by less than this is no contradiction.
const CLOCK_TOLERANCE_NANOS: i64 = 120_000_000_000;

impl Ledger {
    /// A ledger without evidence.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many containers are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lifetimes.len()
    }

    /// True if no line about a container was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lifetimes.is_empty()
    }

    /// The containers, in no particular order.
    pub fn lifetimes(&self) -> impl Iterator<Item = &Lifetime> {
        self.lifetimes.iter()
    }

    /// Takes the facts of one line.
    pub fn add(&mut self, evidence: Evidence) {
        let id = self.id_of(&evidence.handle);
        let lifetime = &mut self.lifetimes[id as usize];
        let before = lifetime.apps();
        lifetime.add(evidence);
        for app in lifetime.apps().into_iter().flatten().filter(|app| !before.contains(&Some(*app)))
        {
            self.by_app.entry(app).or_default().push(id);
        }
    }

    /// Takes a directory's word that a process belongs to an app, so that the app's GUID leads to its containers too. After
    /// a rolling deployment no log line does that.
    ///
    /// ```
    /// # use asg_core::{Evidence, Guid, Handle, Ledger, LogPrefix, Moment, Origin, ProcessName, Reason, SourceId};
    /// # let mut ledger = Ledger::new();
    /// # let handle = Handle::parse("2d7e64b1-95c0-4f18-6a3b-c4d2").unwrap();
    /// # let mut seen = Evidence::new(handle, Moment::Seen, Origin { source: SourceId(0), line: 1 });
    /// # let process = "d2c81f6e-4b3a-4e59-8c07-91a2b3c4d5e6-5b7d9e1f-2c4a-4d68-a0b3-c5e7f9012345";
    /// # seen.process = Some(ProcessName::parse(process));
    /// # ledger.add(seen);
    /// let app: Guid = "7e3b9c54-0d6f-4f7a-9b21-6a5c4d3e2f10".parse()?;
    /// let allowed = LogPrefix::parse(b"OK_0001_7e3b9c54-0d6f-4f7a-9 ").unwrap();
    /// assert_eq!(ledger.attribute(&allowed, None).reason, Reason::NoSuchApp);
    /// ledger.learn_app("d2c81f6e-4b3a-4e59-8c07-91a2b3c4d5e6".parse()?, app);
    /// assert_eq!(ledger.attribute(&allowed, None).subject(), Some(app));
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn learn_app(&mut self, process: Guid, app: Guid) {
        if process == app {
            return;
        }
        // A task has no process: its own GUID is its handle.
        let ids = self.by_app.get(&process).or_else(|| self.by_guid.get(&process.as_u128()));
        let Some(ids) = ids.cloned() else { return };
        let known = self.by_app.entry(app).or_default();
        known.extend(ids);
        known.sort_unstable();
        known.dedup();
    }

    /// Who the prefix belongs to, for a packet that was logged at this time.
    #[must_use]
    pub fn attribute(&self, prefix: &LogPrefix<'_>, at: Option<Timestamp>) -> Attribution<'_> {
        let Some(seen) = prefix.handle_prefix else {
            return Attribution::unknown(Reason::NamesNobody);
        };
        if prefix.subject == Subject::App {
            return self.by_app_prefix(seen);
        }
        if seen.as_str().starts_with("check-") {
            return Attribution::unknown(Reason::HealthCheck);
        }
        if self.is_empty() {
            return Attribution::unknown(Reason::NoEvidence);
        }
        let found = self.containers(seen);
        let alive: Vec<_> = found.iter().copied().filter(|l| l.may_live_at(at)).collect();
        if let Some(app) = Self::app_of_old_handles(&found, seen) {
            return Attribution {
                certainty: Certainty::UniquePrefix,
                reason: Reason::OneAppBeginsSo,
                owners: Owners::App {
                    app,
                    lifetimes: if alive.is_empty() { found } else { alive },
                },
            };
        }
        match (alive.as_slice(), found.as_slice()) {
            ([one], _) => Self::one(one, seen, found.len() == 1),
            ([], [one]) => Attribution {
                certainty: Certainty::UniquePrefix,
                reason: Reason::OutsideLifetime,
                owners: Owners::Container(one),
            },
            ([], []) => Attribution::unknown(Reason::NoSuchHandle),
            ([], several) | (several, _) => Attribution {
                certainty: Certainty::Ambiguous,
                reason: Reason::SeveralHandlesBeginSo,
                owners: Owners::Several(several.to_vec()),
            },
        }
    }

    fn one<'l>(lifetime: &'l Lifetime, seen: HandlePrefix<'_>, only: bool) -> Attribution<'l> {
        let owners = Owners::Container(lifetime);
        if lifetime.is_contradicted() {
            return Attribution {
                certainty: Certainty::Ambiguous,
                reason: Reason::ProcessesContradict,
                owners,
            };
        }
        if only && seen.len() == lifetime.handle.len() {
            return Attribution {
                certainty: Certainty::Exact,
                reason: Reason::WholeHandle,
                owners,
            };
        }
        Attribution {
            certainty: Certainty::UniquePrefix,
            reason: Reason::OneHandleBeginsSo,
            owners,
        }
    }

    /// The app, if the prefix shows no more than that. Old handles go on behind the app's GUID, so whatever is known begins
    /// alike, and so does what is not known: even of a single container only the app is certain.
    fn app_of_old_handles(found: &[&Lifetime], seen: HandlePrefix<'_>) -> Option<Guid> {
        let app = found.first()?.handle.leading_guid()?.full()?;
        let is_old = |l: &&Lifetime| {
            l.handle.leading_guid() == Some(app.into()) && l.handle.len() > app.to_string().len()
        };
        (seen.guid().is_some() && found.iter().all(is_old)).then_some(app)
    }

    fn by_app_prefix(&self, seen: HandlePrefix<'_>) -> Attribution<'_> {
        let Some(guid) = seen.guid() else {
            return Attribution::unknown(Reason::NoSuchApp);
        };
        let (low, high) = guid.range();
        let mut apps = self.by_app.range(Guid::from_u128(low)..=Guid::from_u128(high));
        match (apps.next(), apps.next()) {
            (None, _) if self.is_empty() => Attribution::unknown(Reason::NoEvidence),
            (None, _) => Attribution::unknown(Reason::NoSuchApp),
            (Some((app, ids)), None) => Attribution {
                certainty: if seen.len() == 36 {
                    Certainty::Exact
                } else {
                    Certainty::UniquePrefix
                },
                reason: Reason::OneAppBeginsSo,
                owners: Owners::App { app: *app, lifetimes: self.get(ids).collect() },
            },
            (Some((_, first)), Some((_, second))) => {
                let rest = apps.flat_map(|(_, ids)| ids);
                let all = self.get(first.iter().chain(second).chain(rest));
                Attribution {
                    certainty: Certainty::Ambiguous,
                    reason: Reason::SeveralHandlesBeginSo,
                    owners: Owners::Several(all.collect()),
                }
            }
        }
    }

    /// The containers whose handle begins so.
    fn containers(&self, seen: HandlePrefix<'_>) -> Vec<&Lifetime> {
        if let Some(guid) = seen.guid() {
            let (low, high) = guid.range();
            let ids = self.by_guid.range(low..=high).flat_map(|(_, ids)| ids);
            self.get(ids).filter(|l| seen.matches(&l.handle)).collect()
        } else {
            let from =
                self.by_text.range::<str, _>((Bound::Included(seen.as_str()), Bound::Unbounded));
            let ids =
                from.take_while(|(text, _)| text.starts_with(seen.as_str())).map(|(_, id)| id);
            self.get(ids).collect()
        }
    }

    fn get<'l, 'i>(
        &'l self,
        ids: impl IntoIterator<Item = &'i Id>,
    ) -> impl Iterator<Item = &'l Lifetime> {
        ids.into_iter().map(|id| &self.lifetimes[*id as usize])
    }

    fn id_of(&mut self, handle: &Handle) -> Id {
        if let Some(id) = self.by_handle.get(handle) {
            return *id;
        }
        let id = Id::try_from(self.lifetimes.len()).expect("fewer than 2^32 containers");
        match handle.leading_guid() {
            Some(guid) => self.by_guid.entry(guid.range().0).or_default().push(id),
            None => drop(self.by_text.insert(handle.to_string().into(), id)),
        }
        self.by_handle.insert(handle.clone(), id);
        self.lifetimes.push(Lifetime::new(handle.clone()));
        id
    }
}

/// What is known of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifetime {
    handle: Handle,
    process: Fact<ProcessName>,
    index: Fact<u32>,
    app: Fact<Guid>,
    cell: Fact<Box<str>>,
    address: Fact<IpAddr>,
    created: Option<Timestamp>,
    destroyed: Option<Timestamp>,
    seen: Option<RangeInclusive<Timestamp>>,
    /// The first line about it.
    first: Option<Origin>,
}

impl Lifetime {
    fn new(handle: Handle) -> Self {
        Self {
            handle,
            process: Fact::default(),
            index: Fact::default(),
            app: Fact::default(),
            cell: Fact::default(),
            address: Fact::default(),
            created: None,
            destroyed: None,
            seen: None,
            first: None,
        }
    }

    /// The container's name.
    #[must_use]
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// What runs in it; `None` if no line says so: a task, or a container of which only bare lines survived.
    #[must_use]
    pub const fn process(&self) -> Option<&ProcessName> {
        self.process.get()
    }

    /// Which instance of the process, from 0.
    #[must_use]
    pub fn index(&self) -> Option<u32> {
        self.index.get().copied()
    }

    /// The cell's own name for itself.
    #[must_use]
    pub fn cell(&self) -> Option<&str> {
        self.cell.get().map(|cell| &**cell)
    }

    /// The container's own address.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.address.get().copied()
    }

    /// When it was made, if a line says so.
    #[must_use]
    pub const fn created(&self) -> Option<Timestamp> {
        self.created
    }

    /// When it was destroyed, if a line says so.
    #[must_use]
    pub const fn destroyed(&self) -> Option<Timestamp> {
        self.destroyed
    }

    /// From the first to the last time that a line speaks of it.
    #[must_use]
    pub const fn seen(&self) -> Option<&RangeInclusive<Timestamp>> {
        self.seen.as_ref()
    }

    /// The GUID under which a directory knows what runs here: the app that a line names, else the process, else the
    /// task or build, whose GUID the handle is.
    #[must_use]
    pub fn subject(&self) -> Option<Guid> {
        let process = || self.process().and_then(ProcessName::guid).map(|guid| guid.process);
        let task = || match (self.process(), self.handle.guid().and_then(GuidPrefix::full)) {
            (None, Some(guid)) if !guid.is_rep_made() => Some(guid),
            _ => None,
        };
        self.app.get().copied().or_else(process).or_else(task)
    }

    /// The lines that say who it is: those that name the process or the app, else the first about it.
    pub fn evidence(&self) -> impl Iterator<Item = Origin> + use<> {
        let (process, app) = (self.process.origin(), self.app.origin());
        let first = if process.is_none() && app.is_none() { self.first } else { None };
        [process, app, first].into_iter().flatten()
    }

    /// True if lines name different processes or different apps for it.
    #[must_use]
    pub const fn is_contradicted(&self) -> bool {
        self.process.contradicted || self.app.contradicted
    }

    /// The apps that it may be found under: that of its process GUID's first half, and the one named outright.
    fn apps(&self) -> [Option<Guid>; 2] {
        let process: Option<ProcessGuid> = self.process().and_then(ProcessName::guid);
        let process = process.or_else(|| self.handle.embedded_process()).map(|guid| guid.process);
        let app = self.app.get().copied();
        [process, app.filter(|app| Some(*app) != process)]
    }

    /// False if the evidence says that it was not there yet, or no longer.
    fn may_live_at(&self, at: Option<Timestamp>) -> bool {
        let Some(at) = at.map(Timestamp::as_nanos) else { return true };
        let born =
            self.created.map_or(i64::MIN, |t| t.as_nanos().saturating_sub(CLOCK_TOLERANCE_NANOS));
        let dead =
            self.destroyed.map_or(i64::MAX, |t| t.as_nanos().saturating_add(CLOCK_TOLERANCE_NANOS));
        (born..=dead).contains(&at)
    }

    /// Takes one line's facts. What comes of it does not depend on the order of the lines.
    fn add(&mut self, evidence: Evidence) {
        let origin = evidence.origin;
        self.process.learn(evidence.process, origin);
        self.index.learn(evidence.index, origin);
        self.app.learn(evidence.app, origin);
        self.cell.learn(evidence.cell, origin);
        self.address.learn(evidence.address, origin);
        self.first = Some(self.first.map_or(origin, |first| first.min(origin)));
        let Some(time) = evidence.time else { return };
        match evidence.moment {
            Moment::Created => self.created = Some(self.created.map_or(time, |t| t.min(time))),
            Moment::Destroyed => {
                self.destroyed = Some(self.destroyed.map_or(time, |t| t.max(time)));
            }
            Moment::Seen => {}
        }
        self.seen = Some(match self.seen.take() {
            Some(seen) => time.min(*seen.start())..=time.max(*seen.end()),
            None => time..=time,
        });
    }
}

/// What lines say of one thing: the word of the line that stands first, and whether any other line contradicts it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fact<T> {
    known: Option<(T, Origin)>,
    contradicted: bool,
}

impl<T> Default for Fact<T> {
    fn default() -> Self {
        Self { known: None, contradicted: false }
    }
}

impl<T> Fact<T> {
    const fn get(&self) -> Option<&T> {
        match &self.known {
            Some((value, _)) => Some(value),
            None => None,
        }
    }

    fn origin(&self) -> Option<Origin> {
        self.known.as_ref().map(|(_, origin)| *origin)
    }
}

impl<T: PartialEq> Fact<T> {
    fn learn(&mut self, value: Option<T>, origin: Origin) {
        let Some(value) = value else { return };
        match &mut self.known {
            Some((known, at)) => {
                self.contradicted |= *known != value;
                if origin < *at {
                    (*known, *at) = (value, origin);
                }
            }
            none => *none = Some((value, origin)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SourceId;

    const APP: &str = "46ab3511-e11c-45cd-9f3e-a20ad836a9e4";
    const VERSION: &str = "843b85ee-f2b7-4c4b-9ee7-4833ec1e066f";

    fn evidence(line: u64, handle: &str, process: &str) -> Evidence {
        let origin = Origin { source: SourceId(0), line };
        let mut evidence = Evidence::new(Handle::parse(handle).unwrap(), Moment::Seen, origin);
        evidence.process = (!process.is_empty()).then(|| ProcessName::parse(process));
        evidence
    }

    fn ledger(evidence: impl IntoIterator<Item = Evidence>) -> Ledger {
        let mut ledger = Ledger::new();
        evidence.into_iter().for_each(|e| ledger.add(e));
        ledger
    }

    fn ask(ledger: &Ledger, prefix: &str, at: Option<i64>) -> (Certainty, Reason) {
        let prefix = LogPrefix::parse(prefix.as_bytes()).expect(prefix);
        let answer = ledger.attribute(&prefix, at.map(Timestamp::from_nanos));
        (answer.certainty, answer.reason)
    }

    #[test]
    fn nothing_is_known_without_evidence_and_each_reason_is_told_apart() {
        let empty = Ledger::new();
        let one = ledger([evidence(1, "d08bb414-cdba-4381-412a-e9ecc1b7d0f4", "")]);
        for (ledger, prefix, reason) in [
            (&empty, "OK_bfce786c-ab07-40ad-79f9-8", Reason::NoEvidence),
            (&empty, "OK_0001_bc6f229d-5e4a-4c41-a", Reason::NoEvidence),
            (&one, "OK_bfce786c-ab07-40ad-79f9-8", Reason::NoSuchHandle),
            (&one, "OK_0001_bc6f229d-5e4a-4c41-a", Reason::NoSuchApp),
            (&one, "REJECT_LOCAL: ", Reason::NamesNobody),
            (&one, "OK_check-3f0d2b1c-8a77-4e21-", Reason::HealthCheck),
        ] {
            assert_eq!(ask(ledger, prefix, None), (Certainty::Unknown, reason), "{prefix}");
        }
    }

    #[test]
    fn a_whole_handle_is_exact_and_a_beginning_is_not() {
        let short = "bfce786c-ab07-40ad-79f9-8f21";
        let ledger = ledger([
            evidence(1, short, ""),
            evidence(2, "d08bb414-cdba-4381-412a-e9ecc1b7d0f4", ""),
        ]);
        assert_eq!(
            ask(&ledger, &format!("{short} "), None),
            (Certainty::Exact, Reason::WholeHandle)
        );
        for prefix in [
            "OK_bfce786c-ab07-40ad-79f9-8 ",
            "DENY_C2C_bfce786c-ab07-40ad- ",
            "d08bb414-cdba-4381-412a-e9ecc",
        ] {
            assert_eq!(
                ask(&ledger, prefix, None),
                (Certainty::UniquePrefix, Reason::OneHandleBeginsSo),
                "{prefix}"
            );
        }
    }

    #[test]
    fn two_handles_that_begin_alike_are_ambiguous_until_time_tells_them_apart() {
        let mut old = evidence(1, "d08bb414-cdba-4381-412a-e9ecc1b7d0f4", "");
        let mut new = evidence(2, "d08bb414-cdba-4381-412a-e9ecc1b7d0f5", "");
        (old.moment, old.time) =
            (Moment::Destroyed, Some(Timestamp::from_nanos(1_000_000_000_000)));
        (new.moment, new.time) = (Moment::Created, Some(Timestamp::from_nanos(2_000_000_000_000)));
        let ledger = ledger([old, new]);
        let prefix = "d08bb414-cdba-4381-412a-e9ecc";
        assert_eq!(ask(&ledger, prefix, None).0, Certainty::Ambiguous);
        assert_eq!(ask(&ledger, prefix, Some(0)).0, Certainty::UniquePrefix);
        assert_eq!(
            ask(&ledger, prefix, Some(1_500_000_000_000)).0,
            Certainty::Ambiguous,
            "neither lived then"
        );
        assert_eq!(ask(&ledger, prefix, Some(3_000_000_000_000)).0, Certainty::UniquePrefix);
    }

    #[test]
    fn a_packet_outside_its_containers_life_is_never_exact() {
        let handle = "bfce786c-ab07-40ad-79f9-8f21";
        let mut gone = evidence(1, handle, "");
        (gone.moment, gone.time) = (Moment::Destroyed, Some(Timestamp::from_nanos(0)));
        let ledger = ledger([gone]);
        assert_eq!(
            ask(&ledger, handle, Some(60_000_000_000)).0,
            Certainty::Exact,
            "clocks differ by a minute"
        );
        let late = ask(&ledger, handle, Some(3_600_000_000_000));
        assert_eq!(late, (Certainty::UniquePrefix, Reason::OutsideLifetime));
    }

    #[test]
    fn lines_that_contradict_each_other_leave_nothing_certain() {
        let handle = "bfce786c-ab07-40ad-79f9-8f21";
        let other = format!("{VERSION}-{APP}");
        let ledger =
            ledger([evidence(1, handle, &format!("{APP}-{VERSION}")), evidence(2, handle, &other)]);
        assert_eq!(ask(&ledger, handle, None), (Certainty::Ambiguous, Reason::ProcessesContradict));
    }

    #[test]
    fn old_handles_name_the_app_but_not_the_container() {
        let handles =
            ["a85d5b3b-ccef-47ca-5ee1-3620b3a349d9", "b85d5b3b-ccef-47ca-5ee1-3620b3a349d9"];
        let process = format!("{APP}-{VERSION}");
        let ledger = ledger(
            (1..)
                .zip(handles)
                .map(|(n, instance)| evidence(n, &format!("{process}-{instance}"), &process)),
        );
        let prefix = LogPrefix::parse(b"46ab3511-e11c-45cd-9f3e-a20ad").unwrap();
        let answer = ledger.attribute(&prefix, None);
        assert_eq!(
            (answer.certainty, answer.reason),
            (Certainty::UniquePrefix, Reason::OneAppBeginsSo)
        );
        assert_eq!(answer.container(), None);
        assert_eq!(answer.subject().unwrap().to_string(), APP);
        assert_eq!(answer.process(), None, "another version may have run that no line tells of");
    }

    #[test]
    fn one_known_container_with_an_old_handle_need_not_be_the_one() {
        let process = format!("{APP}-{VERSION}");
        for handle in [
            format!("{process}-a85d5b3b-ccef-47ca-5ee1-3620b3a349d9"),
            format!("{APP}-0793c860bc044a6cbda7edaf80eaa671"),
        ] {
            let ledger = ledger([evidence(1, &handle, "")]);
            let prefix = LogPrefix::parse(b"46ab3511-e11c-45cd-9f3e-a20ad").unwrap();
            let answer = ledger.attribute(&prefix, None);
            assert_eq!(answer.container(), None);
            assert_eq!(answer.subject().unwrap().to_string(), APP);
        }
    }

    #[test]
    fn a_task_leads_to_its_app_once_a_directory_has_said_so() {
        let task = "5a0b8c1d-6f0e-4b7a-9c3d-1e2f3a4b5c6d";
        let mut ledger = ledger([evidence(1, task, "")]);
        ledger.learn_app(task.parse().unwrap(), APP.parse().unwrap());
        let prefix = LogPrefix::parse(b"OK_0001_46ab3511-e11c-45cd-9 ").unwrap();
        assert_eq!(ledger.attribute(&prefix, None).subject().unwrap().to_string(), APP);
    }

    #[test]
    fn a_policy_line_names_the_app_of_any_of_its_processes() {
        let ledger =
            ledger([evidence(1, "bfce786c-ab07-40ad-79f9-8f21", &format!("{APP}-{VERSION}"))]);
        let prefix = LogPrefix::parse(b"OK_0001_46ab3511-e11c-45cd-9 ").unwrap();
        let answer = ledger.attribute(&prefix, None);
        assert_eq!(answer.reason, Reason::OneAppBeginsSo);
        assert_eq!(answer.subject().unwrap().to_string(), APP);
    }

    proptest! {
        #[test]
        fn the_order_of_evidence_never_matters(
            facts in prop::collection::vec((0_u8..3, 0_u8..3, prop::option::of(0_u32..3), 0_i64..5, 0_u8..3), 1..12),
            shuffle in any::<prop::sample::Index>(),
        ) {
            let handles = ["d08bb414-cdba-4381-412a-e9ecc1b7d0f4", "d08bb414-cdba-4381-412a-e9ecc1b7d0f5", "check-x"];
            let all: Vec<_> = (1..).zip(&facts).map(|(line, &(handle, process, index, time, moment))| {
                let process = ["", &format!("{APP}-{VERSION}"), "lattice"][usize::from(process)].to_owned();
                let mut e = evidence(line, handles[usize::from(handle)], &process);
                e.index = index;
                e.time = Some(Timestamp::from_nanos(time));
                e.moment = [Moment::Created, Moment::Seen, Moment::Destroyed][usize::from(moment)];
                e
            }).collect();
            let mut turned = all.clone();
            turned.rotate_left(shuffle.index(all.len()));
            turned.reverse();
            let sorted = |l: &Ledger| {
                let mut lifetimes: Vec<_> = l.lifetimes().cloned().collect();
                lifetimes.sort_by(|a, b| a.handle.cmp(&b.handle));
                lifetimes
            };
            prop_assert_eq!(sorted(&ledger(all)), sorted(&ledger(turned)));
        }

        #[test]
        fn an_attribution_is_never_wrong(others: Vec<u128>, own: u128, cut in 8_usize..=28) {
            let handle = |bits: u128| GuidPrefix::from(Guid::from_u128(bits)).truncated(28).unwrap().to_string();
            let own = handle(own);
            let known = (1..).zip(others.iter().map(|&o| handle(o)).chain([own.clone()]));
            let ledger = ledger(known.map(|(n, h)| evidence(n, &h, "")));
            let seen = format!("OK_{}", &own[..cut]);
            let answer = ledger.attribute(&LogPrefix::parse(seen.as_bytes()).unwrap(), None);
            let candidates = ledger.lifetimes().filter(|l| l.handle.to_string().starts_with(&own[..cut])).count();
            match answer.container() {
                Some(one) => prop_assert!(candidates == 1 && one.handle.to_string() == own),
                None => prop_assert!(candidates > 1),
            }
        }
    }
}
