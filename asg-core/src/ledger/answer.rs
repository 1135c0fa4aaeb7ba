//! The answer: which owners the evidence admits for what a prefix shows.
//!
//! A prefix is a beginning, so what it proves depends on what it is the beginning of:
//!
//! | what begins so | the prefix names |
//! |---|---|
//! | one known handle that is a GUID: an instance, a task, a build | that container |
//! | one known app or process GUID, as old handles begin, `<process GUID>-<instance GUID>` and `<app GUID>-<digits>` | the app, and no container: others of the app look alike, and their lines may be lost |
//! | the app GUID behind `OK_<tag>_` | the app |
//! | several of these | nobody, unless time excludes all but one |
//!
//! That a beginning is claimed for the one known owner, although lines about another may be lost, rests on arithmetic: 16
//! characters have 52 random bits and 19 have 60, so of ten million containers that were never seen one begins like a given
//! one with a chance of 10⁻¹¹ (19 characters; 2·10⁻⁹ for 16). Shorter beginnings prove nothing.
//!
//! Time, cell and address never name an owner against the prefix. They can contradict it, and then nothing is certain; and
//! where the prefix names none, or an app, a lease that is proven can tell the container, as `inferred`.

use std::net::IpAddr;

use super::index::LEAST_CHARACTERS;
use super::row::Field;
use super::{Ledger, Lifetime, known};
use crate::guid::{GuidPrefix, HandlePrefix};
use crate::ledger::attribution::{Attribution, Certainty, Owners, Reason};
use crate::prefix::{LogPrefix, Subject};
use crate::time::TimeRange;

/// Where and when a prefix was seen, and on a packet of which address. What is not known is `None`; it is not held against
/// anyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Sighting<'a> {
    /// The cell: the name under which its lines reach us, or its own.
    pub cell: Option<&'a str>,
    /// When the packet was logged.
    pub time: Option<TimeRange>,
    /// The packet's address on the side of the prefix' subject: its source for egress, its destination for ingress.
    pub address: Option<IpAddr>,
}

impl<'a> Sighting<'a> {
    /// Then, and nothing else is known.
    #[must_use]
    pub fn at(time: impl Into<TimeRange>) -> Self {
        Self { time: Some(time.into()), ..Self::default() }
    }

    /// The same on this cell.
    #[must_use]
    pub const fn on(self, cell: &'a str) -> Self {
        Self { cell: Some(cell), ..self }
    }

    /// The same with this address of the subject's.
    #[must_use]
    pub const fn with_address(self, address: IpAddr) -> Self {
        Self { address: Some(address), ..self }
    }
}

impl Ledger {
    /// Who the prefix belongs to, for a packet that was logged there and then.
    ///
    /// # Example
    ///
    /// ```
    /// # use asg_core::{Certainty, Evidence, Handle, Ledger, LogPrefix, Moment, Origin, Reason, Sighting, SourceId, Timestamp};
    /// let mut ledger = Ledger::new();
    /// let handle = Handle::parse("bfce786c-ab07-40ad-79f9-8f21").unwrap();
    /// let mut gone = Evidence::new(handle, Moment::Destroyed, Origin { source: SourceId(0), line: 1 });
    /// gone.time = Some(Timestamp::parse(b"2018-04-03T12:00:00Z")?);
    /// gone.cell = Some("0455ec2b-11fa-41ab-9d1c-f3a575cd55ea".into());
    /// ledger.add(gone);
    ///
    /// let prefix = LogPrefix::parse(b"bfce786c-ab07-40ad-79f9-8f21 ").unwrap();
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
            (Subject::App, Some(guid)) => self.app(guid, Reason::NoSuchApp, seen),
            (Subject::App, None) => Attribution::unknown(Reason::NoSuchApp),
            (_, Some(guid)) => self.container_or_app(guid, seen),
            (_, None) => self.named_by_text(shown, seen),
        }
    }

    /// A prefix that names nobody: only an address can tell.
    fn unnamed(&self, seen: &Sighting<'_>) -> Attribution<'_> {
        match seen.address.and_then(|address| self.holder(address, seen)) {
            Some(holder) => Attribution {
                certainty: Certainty::Inferred,
                reason: Reason::AddressLease,
                owners: Owners::Container(holder),
                lease: Some(holder),
            },
            None => Attribution::unknown(Reason::NamesNobody),
        }
    }

    fn container_or_app(&self, shown: GuidPrefix, seen: &Sighting<'_>) -> Attribution<'_> {
        let bits = shown.range().0;
        let begins_so = |row: &u32| self.rows[*row as usize].begins(shown);
        let mut rows = self.heads.find(bits).filter(begins_so);
        let Some(first) = rows.next() else {
            return self.app(shown, Reason::NoSuchHandle, seen);
        };
        let first = Lifetime::new(self, first);
        let no_app = self.apps_that_begin(shown).next().is_none();
        let Some(second) = rows.next() else {
            let is_whole = self.rows[first.row() as usize].len == shown.len() as u8;
            return if no_app {
                self.one(first, is_whole, seen)
            } else {
                Self::several(vec![first])
            };
        };
        let mut all = vec![first, Lifetime::new(self, second)];
        all.extend(rows.map(|row| Lifetime::new(self, row)));
        if no_app { self.one_of(all, seen) } else { Self::several(all) }
    }

    fn named_by_text(&self, shown: HandlePrefix<'_>, seen: &Sighting<'_>) -> Attribution<'_> {
        if let Some(row) = self.texts.get(shown.as_str()) {
            return self.one(Lifetime::new(self, *row), true, seen);
        }
        if shown.len() < LEAST_CHARACTERS {
            return Attribution::unknown(Reason::NoSuchHandle);
        }
        let from = self.texts.range::<str, _>((
            std::ops::Bound::Excluded(shown.as_str()),
            std::ops::Bound::Unbounded,
        ));
        let all: Vec<_> = from
            .take_while(|(text, _)| text.starts_with(shown.as_str()))
            .map(|(_, row)| Lifetime::new(self, *row))
            .collect();
        match all.as_slice() {
            [] => Attribution::unknown(Reason::NoSuchHandle),
            [one] => self.one(*one, false, seen),
            _ => self.one_of(all, seen),
        }
    }

    /// One container begins so. What else is known of it and of the packet must not contradict that.
    fn one<'l>(&'l self, it: Lifetime<'l>, is_whole: bool, seen: &Sighting<'_>) -> Attribution<'l> {
        let doubt = if it.is_contradicted() {
            Reason::ProcessesContradict
        } else if !it.may_live_at(seen.time) {
            Reason::OutsideLifetime
        } else if seen.cell.and_then(|cell| self.was_on(it, cell)) == Some(false) {
            Reason::OnAnotherCell
        } else if seen.address.is_some_and(|address| self.had_another(it, address)) {
            Reason::AddressContradicts
        } else {
            let (certainty, reason) = if is_whole {
                (Certainty::Exact, Reason::WholeHandle)
            } else {
                (Certainty::UniquePrefix, Reason::OneHandleBeginsSo)
            };
            return Attribution { certainty, reason, owners: Owners::Container(it), lease: None };
        };
        Attribution {
            certainty: Certainty::Ambiguous,
            reason: doubt,
            owners: Owners::Several(vec![it]),
            lease: None,
        }
    }

    /// Several begin so: time may leave one, or a lease pick one of them.
    fn one_of<'l>(&'l self, all: Vec<Lifetime<'l>>, seen: &Sighting<'_>) -> Attribution<'l> {
        let mut alive = all.iter().filter(|it| it.may_live_at(seen.time));
        if let (Some(one), None) = (alive.next(), alive.next()) {
            return self.one(*one, false, seen);
        }
        match seen.address.and_then(|address| self.holder(address, seen)) {
            Some(holder) if all.contains(&holder) => Attribution {
                certainty: Certainty::Inferred,
                reason: Reason::AddressLease,
                owners: Owners::Container(holder),
                lease: Some(holder),
            },
            _ => Self::several(all),
        }
    }

    const fn several(all: Vec<Lifetime<'_>>) -> Attribution<'_> {
        Attribution {
            certainty: Certainty::Ambiguous,
            reason: Reason::SeveralHandlesBeginSo,
            owners: Owners::Several(all),
            lease: None,
        }
    }

    fn apps_that_begin(&self, shown: GuidPrefix) -> impl Iterator<Item = u32> + '_ {
        self.app_heads
            .find(shown.range().0)
            .filter(move |app| shown.starts((*self.apps.get(*app)).into()))
    }

    fn app(&self, shown: GuidPrefix, none: Reason, seen: &Sighting<'_>) -> Attribution<'_> {
        let mut apps = self.apps_that_begin(shown);
        let Some(number) = apps.next() else { return Attribution::unknown(none) };
        if apps.next().is_some() {
            return Self::several(Vec::new());
        }
        let facts = &self.app_facts[number as usize];
        let app = *self.apps.get(number);
        let certainty = if facts.is_contradicted {
            Certainty::Ambiguous
        } else if shown.full().is_some() {
            Certainty::Exact
        } else {
            Certainty::UniquePrefix
        };
        let reason = match certainty {
            Certainty::Ambiguous => Reason::ProcessesContradict,
            _ => Reason::OneAppBeginsSo,
        };
        let holder = seen.address.and_then(|address| self.holder(address, seen));
        let lease = holder.filter(|holder| holder.is_of(app));
        Attribution {
            certainty,
            reason,
            owners: Owners::App { app, line: known(facts.origin) },
            lease,
        }
    }

    /// True if the packet shows an address of a family of which the container is known to have another.
    fn had_another(&self, it: Lifetime<'_>, shown: IpAddr) -> bool {
        let of_family = |known: &IpAddr| known.is_ipv4() == shown.is_ipv4();
        let mut known = self
            .values(it.row(), Field::Address)
            .map(|number| *self.addresses.get(number))
            .filter(of_family)
            .peekable();
        known.peek().is_some() && known.all(|known| known != shown)
    }
}

impl Lifetime<'_> {
    /// True if it runs this app, or the process with this GUID.
    fn is_of(self, guid: crate::guid::Guid) -> bool {
        let process =
            self.process().and_then(crate::guid::ProcessName::guid).map(|guid| guid.process);
        self.app() == Some(guid) || process == Some(guid) || self.subject() == Some(guid)
    }
}
