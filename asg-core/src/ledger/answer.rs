//! Answers which owners the evidence admits for a prefix.
//!
//! A prefix is the beginning of a name, so what it proves depends on the names that begin with it:
//!
//! | names that begin with it | the prefix names |
//! |---|---|
//! | one known handle that is a GUID: an instance, a task, a build | that container |
//! | one known app or process GUID, as old handles begin, `<process GUID>-<instance GUID>` and `<app GUID>-<digits>` | the app, and no container: others of the app look alike, and their lines may be lost |
//! | the app GUID behind `OK_<tag>_` | the app |
//! | several of these | nobody, unless time excludes all but one, and none of the excluded had the packet's address |
//!
//! A beginning counts as that of the one known owner, although lines about another may be lost.
//! This rests on arithmetic: 16 characters have 52 random bits and 19 have 60, so among ten million
//! unseen containers one begins like a given one with a chance of 10⁻¹¹ (19 characters; 2·10⁻⁹ for
//! 16). Shorter beginnings prove nothing.
//!
//! Time, cell and address never name an owner against the prefix. They can contradict it, and then
//! nothing is certain. If the prefix names none, several or an app, a proven lease can name the
//! container, as `inferred`.

use std::net::IpAddr;
use std::ops::Bound;

use super::index::LEAST_CHARACTERS;
use super::{Ledger, Lifetime, known};
use crate::bytes::work;
use crate::evidence::{Interface, NameKind};
use crate::guid::{Guid, GuidPrefix, HandlePrefix, ProcessName};
use crate::ledger::attribution::{Attribution, Certainty, MOST_CANDIDATES, Owners, Reason};
use crate::prefix::{LogPrefix, Subject};
use crate::time::TimeRange;

/// The place and time at which a prefix was seen, and the address of the packet. An unknown fact is
/// `None`, and excludes nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Sighting<'a> {
    /// The cell: its name in its log lines, or its own.
    pub cell: Option<&'a str>,
    /// The time when the packet was logged.
    pub time: Option<TimeRange>,
    /// The kind of that name.
    pub kind: NameKind,
    /// The packet's address on the side of the prefix' subject: its source for egress, its
    /// destination for ingress.
    pub address: Option<IpAddr>,
    /// The interface on that side, `IN=` for egress and `OUT=` for ingress, if its name shows an
    /// address.
    pub interface: Option<Interface>,
}

impl<'a> Sighting<'a> {
    /// Creates a sighting at this time.
    ///
    /// ```
    /// use asg_core::Timestamp;
    /// use asg_core::ledger::Sighting;
    /// let seen = Sighting::at(Timestamp::parse(b"2024-05-06T07:09:12Z")?);
    /// assert!(seen.time.is_some() && seen.cell.is_none());
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub fn at(time: impl Into<TimeRange>) -> Self {
        Self { time: Some(time.into()), ..Self::default() }
    }

    /// Sets the cell.
    ///
    /// ```
    /// use asg_core::ledger::Sighting;
    /// assert_eq!(Sighting::default().on("diego_cell/2").cell, Some("diego_cell/2"));
    /// ```
    #[must_use]
    pub const fn on(self, cell: &'a str) -> Self {
        Self { cell: Some(cell), ..self }
    }

    /// Sets the machine, by a name of this kind.
    ///
    /// ```
    /// use asg_core::evidence::NameKind;
    /// use asg_core::ledger::Sighting;
    /// let seen = Sighting::default().on_machine("10.0.16.15", NameKind::default());
    /// assert_eq!(seen.cell, Some("10.0.16.15"));
    /// ```
    #[must_use]
    pub const fn on_machine(self, name: &'a str, kind: NameKind) -> Self {
        Self { cell: Some(name), kind, ..self }
    }

    /// Sets the interface of the subject.
    ///
    /// ```
    /// use asg_core::evidence::Interface;
    /// use asg_core::ledger::Sighting;
    /// let seen = Sighting::default().through(Interface::classify(b"s-010255073004").unwrap());
    /// assert!(seen.interface.is_some());
    /// ```
    #[must_use]
    pub const fn through(self, interface: Interface) -> Self {
        Self { interface: Some(interface), ..self }
    }

    /// Returns whether the packet shows an address that its interface cannot have: it was made up.
    fn is_forged(&self) -> bool {
        let pair = self.interface.zip(self.address);
        pair.is_some_and(|(interface, address)| !interface.fits(address))
    }

    /// Sets the address of the subject.
    ///
    /// ```
    /// use asg_core::ledger::Sighting;
    /// let address = "10.255.73.4".parse()?;
    /// assert_eq!(Sighting::default().with_address(address).address, Some(address));
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub const fn with_address(self, address: IpAddr) -> Self {
        Self { address: Some(address), ..self }
    }
}

impl Ledger {
    /// Returns the owner of the prefix, for a packet that was logged at that place and time.
    ///
    /// # Example
    ///
    /// ```
    /// # use asg_core::event::Moment;
    /// # use asg_core::evidence::Evidence;
    /// # use asg_core::guid::Handle;
    /// # use asg_core::ledger::{Reason, Sighting};
    /// # use asg_core::prefix::LogPrefix;
    /// # use asg_core::{Certainty, Ledger, Origin, SourceId, Timestamp};
    /// let mut ledger = Ledger::new();
    /// let handle = Handle::parse(b"bfce786c-ab07-40ad-79f9-8f21").unwrap();
    /// let mut gone = Evidence::new(handle, Moment::Destroyed, Origin { source: SourceId(0), line: 1 });
    /// gone.time = Some(Timestamp::parse(b"2018-04-03T12:00:00Z")?);
    /// gone.cell = Some("0455ec2b-11fa-41ab-9d1c-f3a575cd55ea".into());
    /// ledger.add(gone);
    ///
    /// let prefix = LogPrefix::classify(b"bfce786c-ab07-40ad-79f9-8f21 ").unwrap();
    /// let before = Sighting::at(Timestamp::parse(b"2018-04-03T11:00:00Z")?);
    /// assert_eq!(ledger.attribute(&prefix, &before).certainty, Certainty::Exact);
    /// let after = Sighting::at(Timestamp::parse(b"2018-04-03T13:00:00Z")?);
    /// assert_eq!(ledger.attribute(&prefix, &after).reason, Reason::OutsideLifetime);
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub fn attribute(&self, prefix: &LogPrefix<'_>, seen: &Sighting<'_>) -> Attribution<'_> {
        let Some(shown) = prefix.handle_prefix else {
            return self.unnamed(seen);
        };
        let guid = shown.guid();
        if guid.is_none() && prefix.subject != Subject::App && shown.as_str().starts_with("check-")
        {
            return Attribution::unknown(Reason::HealthCheck);
        }
        if self.is_empty() && self.apps.values().is_empty() {
            return Attribution::unknown(Reason::NoEvidence);
        }
        match (prefix.subject, guid) {
            (_, Some(guid)) if guid.len() < LEAST_CHARACTERS => {
                Attribution::unknown(Reason::PrefixTooShort)
            }
            (Subject::App, Some(guid)) => {
                self.app(guid, [Reason::UniqueAppPrefix, Reason::UnknownApp], seen)
            }
            (Subject::App, None) => Attribution::unknown(Reason::UnknownApp),
            (_, Some(guid)) => self.container_or_app(guid, seen),
            (_, None) => self.named_by_text(shown, seen),
        }
    }

    /// Answers for a prefix that names nobody: only an address can help.
    fn unnamed(&self, seen: &Sighting<'_>) -> Attribution<'_> {
        self.holder_of(seen)
            .map_or_else(|| Attribution::unknown(Reason::NoOwnerInPrefix), Attribution::leased)
    }

    /// Returns the one container that surely had the packet's address, or the one that its
    /// interface's name shows.
    fn holder_of(&self, seen: &Sighting<'_>) -> Option<Lifetime<'_>> {
        if seen.is_forged() {
            return None;
        }
        let of_interface = || seen.interface.and_then(Interface::address);
        let by = |address: Option<IpAddr>| self.holder(address?, seen);
        by(seen.address).or_else(|| by(of_interface()))
    }

    fn container_or_app(&self, shown: GuidPrefix, seen: &Sighting<'_>) -> Attribution<'_> {
        let key_of = |row: u32| self.rows[row as usize].key();
        let begin_so = || self.heads.starting(shown, key_of);
        let all: Vec<_> = begin_so().take(MOST_CANDIDATES + 1).collect();
        if all.is_empty() {
            return self.app(shown, [Reason::AppGuidPrefix, Reason::UnknownHandle], seen);
        }
        let no_app = self.apps_that_begin(shown).next().is_none();
        let is_whole = |row: u32| self.rows[row as usize].len == shown.len() as u8;
        let begins_so = |it: Lifetime<'_>| {
            let (low, high) = shown.range();
            let (bits, len) = key_of(it.row());
            (low..=high).contains(&bits) && shown.len() <= usize::from(len)
        };
        match all.as_slice() {
            [one] if no_app => self.one(Lifetime::new(self, *one), is_whole(*one), seen),
            few if few.len() <= MOST_CANDIDATES => {
                let few = few.iter().map(|row| Lifetime::new(self, *row)).collect();
                if no_app { self.one_of(few, seen) } else { Attribution::alike(few) }
            }
            _ => {
                let text = shown.to_string().into();
                let count = self.alike.get_or(text, || begin_so().count());
                self.many(&all, count, begins_so, seen)
            }
        }
    }

    fn named_by_text(&self, shown: HandlePrefix<'_>, seen: &Sighting<'_>) -> Attribution<'_> {
        if let Some(row) = self.texts.get(shown.as_str()) {
            return self.one(Lifetime::new(self, *row), true, seen);
        }
        if shown.len() < LEAST_CHARACTERS {
            return Attribution::unknown(Reason::UnknownHandle);
        }
        let begin_so = || {
            let from = (Bound::Excluded(shown.as_str()), Bound::Unbounded);
            let all = self.texts.range::<str, _>(from).inspect(|_| work::count(1));
            all.take_while(|(text, _)| text.starts_with(shown.as_str())).map(|(_, row)| *row)
        };
        let all: Vec<_> = begin_so().take(MOST_CANDIDATES + 1).collect();
        match all.as_slice() {
            [] => Attribution::unknown(Reason::UnknownHandle),
            [one] => self.one(Lifetime::new(self, *one), false, seen),
            few if few.len() <= MOST_CANDIDATES => {
                self.one_of(few.iter().map(|row| Lifetime::new(self, *row)).collect(), seen)
            }
            _ => {
                let count = self.alike.get_or(shown.as_str().into(), || begin_so().count());
                let begins_so =
                    |it: Lifetime<'_>| it.handle().to_string().starts_with(shown.as_str());
                self.many(&all, count, begins_so, seen)
            }
        }
    }

    /// Answers if one handle begins with the prefix. The other facts about the container and the
    /// packet must not contradict it.
    fn one<'l>(&'l self, it: Lifetime<'l>, is_whole: bool, seen: &Sighting<'_>) -> Attribution<'l> {
        let doubt = if it.conflict().is_some() {
            Reason::ConflictingEvidence
        } else if !it.may_live_at(seen.time) {
            Reason::OutsideLifetime
        } else if seen.cell.and_then(|cell| self.was_on(it, cell, seen.kind)) == Some(false) {
            Reason::OtherCell
        } else if it.had_another(seen) {
            Reason::ConflictingAddress
        } else if is_whole {
            return Attribution::of(Certainty::Exact, Reason::WholeHandle, Owners::Container(it));
        } else {
            let reason = Reason::UniqueHandlePrefix;
            return Attribution::of(Certainty::UniquePrefix, reason, Owners::Container(it));
        };
        Attribution::doubted(it, doubt)
    }

    /// Answers if several handles begin with it: time may leave one, or a lease pick one of them.
    fn one_of<'l>(&'l self, all: Vec<Lifetime<'l>>, seen: &Sighting<'_>) -> Attribution<'l> {
        let mut alive = all.iter().filter(|it| it.may_live_at(seen.time));
        if let (Some(one), None) = (alive.next(), alive.next()) {
            let is_rivalled = !one.had(seen)
                && all.iter().any(|it| {
                    let elsewhere = || seen.cell.and_then(|cell| self.was_on(*it, cell, seen.kind));
                    it != one && it.had(seen) && elsewhere() != Some(false)
                });
            // Time alone excludes the container that had just this address. A time can be wrong.
            if !is_rivalled {
                return self.one(*one, false, seen);
            }
        }
        match self.holder_of(seen) {
            Some(holder) if all.contains(&holder) => Attribution::leased(holder),
            _ => Attribution::alike(all),
        }
    }

    /// Answers if too many handles begin with it to list them, and to let time pick one.
    fn many<'l>(
        &'l self,
        all: &[u32],
        count: usize,
        begins_so: impl Fn(Lifetime<'_>) -> bool,
        seen: &Sighting<'_>,
    ) -> Attribution<'l> {
        if let Some(holder) = self.holder_of(seen).filter(|holder| begins_so(*holder)) {
            return Attribution::leased(holder);
        }
        let first = all.iter().take(MOST_CANDIDATES).map(|row| Lifetime::new(self, *row));
        Attribution::several(first.collect(), count, Reason::AmbiguousHandlePrefix)
    }

    fn apps_that_begin(&self, shown: GuidPrefix) -> impl Iterator<Item = u32> + '_ {
        self.app_heads.starting(shown, |number| super::app_key(*self.apps.get(number)))
    }

    fn app(
        &self,
        shown: GuidPrefix,
        [found, none]: [Reason; 2],
        seen: &Sighting<'_>,
    ) -> Attribution<'_> {
        let mut apps = self.apps_that_begin(shown);
        let Some(number) = apps.next() else { return Attribution::unknown(none) };
        let holder = self.holder_of(seen);
        if apps.next().is_some() {
            return self.one_of_apps(shown, holder);
        }
        let facts = &self.app_facts[number as usize];
        let app = *self.apps.get(number);
        let (certainty, reason) = if facts.is_contradicted {
            (Certainty::Ambiguous, Reason::ConflictingEvidence)
        } else if shown.full().is_some() {
            (Certainty::Exact, found)
        } else {
            (Certainty::UniquePrefix, found)
        };
        let lease = holder.filter(|holder| holder.is_of(app));
        let owners = Owners::App { app, line: known(facts.origin) };
        Attribution { lease, ..Attribution::of(certainty, reason, owners) }
    }

    /// Answers if several apps begin with it: a lease may be of one of them.
    fn one_of_apps<'l>(
        &'l self,
        shown: GuidPrefix,
        holder: Option<Lifetime<'l>>,
    ) -> Attribution<'l> {
        let known = holder.and_then(|holder| {
            let mut apps =
                holder.apps().into_iter().flatten().filter(|app| shown.starts((*app).into()));
            let app = apps.next()?;
            apps.all(|other| other == app).then_some(app)
        });
        let Some(app) = known else {
            return Attribution::several(Vec::new(), 0, Reason::AmbiguousAppPrefix);
        };
        let number = self.apps.find(&app, |known| *known == app);
        let line = number.and_then(|number| super::known(self.app_facts[number as usize].origin));
        Attribution {
            lease: holder,
            ..Attribution::of(Certainty::Inferred, Reason::AddressLease, Owners::App { app, line })
        }
    }
}

impl Lifetime<'_> {
    /// Returns whether it runs this app, or the process with this GUID.
    fn is_of(self, guid: Guid) -> bool {
        self.apps().contains(&Some(guid))
    }

    /// Returns the GUIDs by which a prefix may name the app that it runs.
    fn apps(self) -> [Option<Guid>; 3] {
        let process = self.process().and_then(ProcessName::guid).map(|guid| guid.process);
        [self.app(), process, self.subject()]
    }

    /// Returns whether the container is known to have had an address that the packet shows.
    fn had(self, seen: &Sighting<'_>) -> bool {
        let shown = [seen.address, seen.interface.and_then(Interface::address)];
        self.addresses().any(|known| shown.contains(&Some(known)))
    }

    /// Returns whether the packet shows an address and the container is known to have another of
    /// its family, or one that its interface cannot have.
    fn had_another(self, seen: &Sighting<'_>) -> bool {
        let none_fits = |fits: &dyn Fn(IpAddr) -> bool, is_v4: bool| {
            let mut known = self.addresses().filter(|known| known.is_ipv4() == is_v4).peekable();
            known.peek().is_some() && !known.any(fits)
        };
        seen.is_forged()
            || seen.address.is_some_and(|shown| none_fits(&|known| known == shown, shown.is_ipv4()))
            || seen
                .interface
                .is_some_and(|interface| none_fits(&|known| interface.fits(known), true))
    }
}
