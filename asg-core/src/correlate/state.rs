//! The facts from lines so far, and the answers that follow from them.
//!
//! [`State`] changes only by taking records; all answers come through `&self`. The first phase of a
//! correlation and the follower fill it, and their flows come from the same functions.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::duplicates::Told;
use super::flow::{Flow, Peer};
use super::logger::{self, Candidate};
use super::reports::Reports;
use super::rule_updates::RuleUpdates;
use super::{Counts, own_address, own_interface};
use crate::clock::{KnownTimes, UptimeClocks, When};
use crate::completeness::Completeness;
use crate::evidence::{NameKind, Origin};
use crate::guid::Guid;
use crate::ledger::attribution::{Attribution, Reason};
use crate::ledger::{Ledger, Lifetime, Sighting};
use crate::line::envelope::Envelope;
use crate::names::directory::Directory;
use crate::names::identity::{AppState, Entity, Identity};
use crate::packet::{Address, Packet};
use crate::prefix::{Direction, LogPrefix, Plane};
use crate::record::outcome::Outcomes;
use crate::record::{Content, Record};
use crate::time::{TimePolicy, Timestamp};

/// Everything that is known about a foundation.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(super) ledger: Ledger,
    pub(super) clocks: UptimeClocks,
    pub(super) completeness: Completeness,
    pub(super) rule_updates: RuleUpdates,
    pub(super) reports: Reports,
    pub(super) counts: Counts,
    pub(super) outcomes: Outcomes,
    pub(super) policy: TimePolicy,
    names: Names,
}

/// The owners whose names are known.
#[derive(Debug, Clone, Default)]
struct Names {
    identities: HashMap<Guid, Identity>,
    /// Those for which a directory has answered.
    asked: HashSet<Guid>,
}

impl State {
    pub(super) fn with_policy(policy: TimePolicy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// The times of lines, as far as all lines so far prove them.
    #[cfg(test)]
    pub(super) fn times(&self) -> KnownTimes<'_> {
        self.clocks.complete(&self.policy)
    }

    /// Takes the first record of a line. Returns whether another line reported the packet, if it
    /// reports one; `now` is when the line came, by the log's own time.
    pub(super) fn take(
        &mut self,
        origin: Origin,
        record: &Record<'_>,
        now: Timestamp,
    ) -> Option<Told> {
        self.counts.lines += 1;
        self.take_record(origin, record, |reports| reports.packet(origin, record, now))
    }

    /// Takes a record behind the first one. Returns whether it is a packet.
    pub(super) fn take_more(&mut self, origin: Origin, record: &Record<'_>) -> bool {
        self.take_record(origin, record, |_| Told::First).is_some()
    }

    fn take_record(
        &mut self,
        origin: Origin,
        record: &Record<'_>,
        tell: impl FnOnce(&mut Reports) -> Told,
    ) -> Option<Told> {
        let own = record.own_time();
        if record.is_platform() {
            self.clocks.learn(origin.source, &record.envelope_of_clocks(), own);
        } else if own.is_some() {
            // An uptime in the text of an app is the app's.
            let envelope = Envelope { uptime: None, ..record.envelope };
            self.clocks.learn(origin.source, &envelope, own);
        }
        if record.not_platform() {
            return None;
        }
        self.counts.damaged += u64::from(matches!(record.content, Content::Damaged(_)));
        if record.proven_packet().is_some() {
            self.counts.packets += 1;
            let told = tell(&mut self.reports);
            self.counts.duplicates = self.reports.copies();
            self.counts.displaced = self.reports.displaced();
            if told == Told::First {
                self.completeness.observe(origin.source, record);
            }
            return Some(told);
        }
        self.counts.other_kernel_lines += u64::from(record.is_kernel());
        self.completeness.observe(origin.source, record);
        let mut told = None;
        if let Content::Logger(event) = &record.content {
            self.counts.logger_lines += 1;
            told = Some(self.reports.logger(origin, event));
        }
        let machine = NameKind::of(&record.envelope);
        let mut found = 0;
        record.evidence(origin, |mut evidence| {
            found = 1;
            if let Some((name, kind)) = machine.as_ref().filter(|_| evidence.is_cells_own) {
                evidence.machine = Some(name.as_str().into());
                evidence.machine_kind = *kind;
            }
            self.rule_updates.take(&evidence);
            self.ledger.add(evidence);
        });
        self.counts.evidence += found;
        told
    }

    /// A packet of the kernel as a candidate for lines of iptables-logger.
    pub(super) fn candidate(
        reports: &Reports,
        times: &KnownTimes<'_>,
        origin: Origin,
        record: &Record<'_>,
    ) -> Option<Candidate> {
        record.proven_packet()?;
        let when = times.when(origin.source, &record.envelope_of_clocks())?;
        reports.candidate(origin, record, when.range)
    }

    /// The flow of a packet's first line; `None` for any other line.
    pub(super) fn flow<'a, 'l>(
        &'l self,
        times: &KnownTimes<'_>,
        origin: Origin,
        record: Record<'a>,
    ) -> Option<Flow<'a, 'l>> {
        if self.reports.is_copy(origin) {
            return None;
        }
        let flow = self.flow_alone(times, origin, record)?;
        Some(Flow { also: self.reports.others(origin), ..flow })
    }

    /// The flow of a packet of the kernel, compared with no other line, or of a packet that only
    /// iptables-logger reports.
    pub(super) fn flow_alone<'a, 'l>(
        &'l self,
        times: &KnownTimes<'_>,
        origin: Origin,
        record: Record<'a>,
    ) -> Option<Flow<'a, 'l>> {
        if let Content::Logger(event) = &record.content {
            let is_alone = self.reports.is_alone(origin, event);
            let (record, time, range) = logger::as_packet(&record).filter(|_| is_alone)?;
            return self.flow_at(origin, record, Some(When { time, range }));
        }
        record.proven_packet()?;
        let when = times.when(origin.source, &record.envelope_of_clocks());
        self.flow_at(origin, record, when)
    }

    fn flow_at<'a, 'l>(
        &'l self,
        origin: Origin,
        record: Record<'a>,
        when: Option<When>,
    ) -> Option<Flow<'a, 'l>> {
        let (packet, cf) = record.packet()?;
        let cf = cf.copied();
        let range = when.map(|When { range, .. }| range);
        let machine = NameKind::of(&record.envelope);
        let (cell, kind) = match &machine {
            Some((name, kind)) => (Some(name.as_str()), *kind),
            None => (None, NameKind::Unknown),
        };
        let seen = Sighting { cell, kind, time: range, ..Sighting::default() };
        let attribution = self.attribute(&record, seen);
        let peer = self.peer(packet, cf.as_ref(), &seen);
        let own = record.envelope.cell().map(Cow::Owned);
        let cell = own.or_else(|| Some(Cow::Borrowed(attribution.container()?.cell()?)));
        Some(Flow {
            time: when.map(|When { time, .. }| time),
            range,
            origin,
            also: Vec::new(),
            cell,
            cf,
            identity: self.identity(&attribution),
            attribution,
            peer,
            record,
            key: None,
        })
    }

    /// The sender of a record's packet, for a place and a time.
    fn attribute<'l>(&'l self, record: &Record<'_>, seen: Sighting<'_>) -> Attribution<'l> {
        let Some((packet, Some(cf))) = record.packet() else {
            return Attribution::unknown(Reason::of_foreign(record.shows_prefix()));
        };
        let (address, interface) = (own_address(packet, cf), own_interface(packet, cf));
        let seen = Sighting { address, interface, ..seen };
        self.ledger.attribute(cf, &seen)
    }

    /// The other container of a packet between two, for a place and a time.
    pub(super) fn peer(
        &self,
        packet: &Packet<'_>,
        cf: Option<&LogPrefix<'_>>,
        seen: &Sighting<'_>,
    ) -> Option<Peer<'_>> {
        let address = peer_address(packet, cf)?;
        let attribution = self.ledger.peer(address, seen);
        Some(Peer { identity: self.identity(&attribution), address, attribution })
    }

    /// The names of an owner.
    pub(super) fn identity(&self, attribution: &Attribution<'_>) -> Option<&Identity> {
        self.names.identities.get(&attribution.subject()?)
    }

    /// Returns the identities that a directory returned.
    pub(super) fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.names.identities.values()
    }

    /// Adds the owners of all known containers, where a prefix shows an app that no line names: one
    /// of the known processes may turn out to be its.
    pub(super) fn add_all_owners(&self, wanted: &mut Vec<Guid>) {
        wanted.extend(self.ledger.lifetimes().filter_map(Lifetime::subject));
    }

    /// Asks a directory for the names of these owners, unless it has answered for them before. That
    /// an identity is unavailable is not an answer.
    pub(super) fn resolve<D: Directory>(
        &mut self,
        mut wanted: Vec<Guid>,
        directory: &mut D,
    ) -> Result<(), D::Error> {
        wanted.retain(|guid| !self.names.asked.contains(guid));
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return Ok(());
        }
        let mut found = directory.identities(&wanted)?;
        for guid in wanted {
            let told = found.remove(&guid);
            if told.as_ref().is_some_and(|told| told.state != AppState::Unavailable) {
                self.names.asked.insert(guid);
            }
            let state = told.as_ref().map_or(AppState::NotAsked, |identity| identity.state);
            // A line may show what the directory does not.
            let named = told.as_ref().is_some_and(|identity| identity.app.is_some());
            let spelled_out = if named { None } else { self.spelled_out(guid, state) };
            let Some(identity) = spelled_out.or(told) else { continue };
            let app = identity.app.as_ref().and_then(|app| app.guid.parse().ok());
            if let Some(app) = app {
                self.ledger.learn_app(guid, app);
                self.names.identities.entry(app).or_insert_with(|| Identity {
                    process_type: None,
                    workload: None,
                    ..identity.clone()
                });
            }
            self.names.identities.insert(guid, identity);
        }
        Ok(())
    }

    /// Gives each app that lines spell out its identity, where no directory has answered for it.
    pub(super) fn spell_out(&mut self) {
        let named: Vec<_> = self.ledger.named_apps().collect();
        for app in named {
            if !self.names.identities.contains_key(&app)
                && let Some(identity) = self.spelled_out(app, AppState::NotAsked)
            {
                self.names.identities.insert(app, identity);
            }
        }
    }

    /// The identity that lines spell out.
    fn spelled_out(&self, app: Guid, state: AppState) -> Option<Identity> {
        let names = self.ledger.names(app)?;
        let entity = |guid: Option<&str>, name: Option<&str>| {
            guid.map(|guid| Entity { guid: guid.into(), name: name.map(Into::into) })
        };
        Some(Identity {
            app: entity(Some(&app.to_string()), names.app_name()),
            space: entity(names.space_guid(), names.space_name()),
            org: entity(names.org_guid(), names.org_name()),
            state,
            ..Identity::unknown()
        })
    }

    /// Forgets packets that came before this time, and containers for which `keep` is false, with
    /// their names.
    pub(super) fn forget(&mut self, time: Timestamp, keep: impl FnMut(Lifetime<'_>) -> bool) {
        self.reports.forget_before(time);
        let known = self.ledger.len();
        self.ledger.retain(keep);
        if self.ledger.len() == known {
            return;
        }
        let mut named = HashSet::new();
        for lifetime in self.ledger.lifetimes() {
            named.extend(lifetime.subject());
            named.extend(lifetime.app());
        }
        self.names.identities.retain(|guid, _| named.contains(guid));
        self.names.asked.retain(|guid| named.contains(guid));
    }
}

/// The address at the other end of a packet between two containers.
pub(super) fn peer_address(packet: &Packet<'_>, cf: Option<&LogPrefix<'_>>) -> Option<IpAddr> {
    let cf = cf.filter(|cf| cf.plane == Plane::C2c)?;
    let address = match cf.direction {
        Direction::Egress => packet.ip.dst,
        Direction::Ingress => packet.ip.src,
    };
    address.and_then(Address::ip)
}
