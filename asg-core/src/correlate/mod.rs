//! The correlator: lines in, flows out. It opens nothing and asks nobody; the caller reads and looks names up.

mod duplicates;
pub(crate) mod flow;
pub(crate) mod follower;
mod reports;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::IpAddr;

pub(crate) use self::duplicates::Told;
use self::reports::Reports;
pub use self::tally::{Counted, Tally, TallyReader, TallyReading};

use crate::clock::{KnownTimes, UptimeClocks, When};
use crate::completeness::Completeness;
use crate::correlate::flow::{Flow, Peer};
use crate::evidence::{Interface, NameKind, Origin};
use crate::guid::Guid;
use crate::ledger::attribution::{Attribution, Reason};
use crate::ledger::{Ledger, Lifetime, Sighting};
use crate::line::Line;
use crate::names::identity::{AppState, Entity, Identity};
use crate::packet::{Address, Packet};
use crate::prefix::{Direction, LogPrefix, Plane};
use crate::record::{Content, Record};
use crate::time::{TimePolicy, TimeRange, Timestamp};

/// Joins packets with evidence and names, over a finished set of logs, in two passes.
///
/// In the first pass every line goes to [`Correlator::observe`], in any order. In the second, packet lines go to
/// [`Correlator::flows`] in batches; it asks for names once per batch and gives the flows in order. Memory grows with the
/// containers and apps that are seen, not with packets.
///
/// A packet that several lines tell gives one flow, at the least of their places; [`Flow::also`] has the others. These are
/// lines that reached us twice, with the same text and the same uptime (or, without one, the same time of day and an IP ID
/// that is not 0), and iptables-logger's line about it. Whatever is in doubt is two packets. The first pass compares each
/// packet with the 262,144 before it; what lies further apart is told twice.
///
/// # Example
///
/// ```
/// use asg_core::{Correlator, Entity, Identity, AppState, Origin, SourceId};
///
/// let rep = br#"{"timestamp":"1498136872.889604807","source":"rep","message":"rep.executing-container-operation.starting",
///     "log_level":1,"data":{"container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4","lrp-key":{"process_guid":
///     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11","index":0,"domain":"cf-apps"}}}"#;
/// let packet = b"[1122561.945562] d08bb414-cdba-4381-412a-e9eccIN=wbrdg-0afe0008 OUT=eth0 SRC=10.254.0.10 \
///     DST=10.0.16.10 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=60879 DF PROTO=TCP SPT=42630 DPT=80 WINDOW=28280 RES=0x00 \
///     SYN URGP=0 ";
/// let at = |line| Origin { source: SourceId(0), line };
///
/// let mut correlator = Correlator::new();
/// correlator.observe(at(1), rep);
/// let mut names = Vec::new();
/// correlator.flows(
///     &[(at(2), packet.as_slice())],
///     |guids| guids.iter().map(|guid| Identity {
///         state: AppState::Live,
///         app: Some(Entity::named(guid.to_string(), "proxy")),
///         ..Identity::unknown()
///     }).collect(),
///     |flow| names.push(flow.identity.and_then(|i| i.app.as_ref()?.name.clone())),
/// );
/// assert_eq!(names, [Some("proxy".to_owned())]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Correlator {
    ledger: Ledger,
    identities: HashMap<Guid, Identity>,
    policy: TimePolicy,
    reports: Reports,
    clocks: UptimeClocks,
    completeness: Completeness,
    counts: Counts,
}

/// What a correlator has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Lines of the first pass.
    pub lines: u64,
    /// Packet lines among them, damaged ones included.
    pub packets: u64,
    /// Packet lines among these that tell a packet which another has told: they give no flow of their own.
    pub duplicates: u64,
    /// Lines of iptables-logger's, which tell a packet in their own way.
    pub logger_lines: u64,
    /// Lines that are evidence about a container.
    pub evidence: u64,
    /// Lines that are cut, split or malformed.
    pub damaged: u64,
}

impl Counts {
    /// What was seen by both.
    const fn add(&mut self, other: &Self) {
        let Self { lines, packets, duplicates, logger_lines, evidence, damaged } = other;
        self.lines += *lines;
        self.packets += *packets;
        self.duplicates += *duplicates;
        self.logger_lines += *logger_lines;
        self.evidence += *evidence;
        self.damaged += *damaged;
    }
}

impl Correlator {
    /// A correlator that takes a missing year from the lines with a year, of the machine, or of the source, or of all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A correlator that completes times by this policy. Where the policy leaves the year open, it is as with
    /// [`Correlator::new`].
    #[must_use]
    pub fn with_policy(policy: TimePolicy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// The same, with this evidence to begin with: a saved ledger's, say.
    ///
    /// ```
    /// use asg_core::{Correlator, Evidence, Handle, Ledger, Moment, Origin, SourceId};
    ///
    /// let mut before = Ledger::new();
    /// let handle = Handle::parse("bfce786c-ab07-40ad-79f9-8f21").unwrap();
    /// before.add(Evidence::new(handle, Moment::Seen, Origin { source: SourceId(0), line: 1 }));
    /// let correlator = Correlator::new().with_ledger(before);
    /// assert_eq!(correlator.into_ledger().len(), 1);
    /// ```
    #[must_use]
    pub fn with_ledger(self, ledger: Ledger) -> Self {
        Self { ledger, ..self }
    }

    /// All evidence so far, to be kept.
    #[must_use]
    pub fn into_ledger(self) -> Ledger {
        self.ledger
    }

    /// All evidence so far.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The machines' uptimes beside their times.
    #[must_use]
    pub const fn clocks(&self) -> &UptimeClocks {
        &self.clocks
    }

    /// What is missing from the logs, as far as they tell it themselves.
    #[must_use]
    pub const fn completeness(&self) -> &Completeness {
        &self.completeness
    }

    /// What was seen.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The times of lines, as far as all lines so far prove them.
    #[must_use]
    pub fn times(&self) -> KnownTimes<'_> {
        self.clocks.complete(&self.policy)
    }

    /// First pass: takes what the line proves. Gives true if it is a packet, for the second pass.
    pub fn observe(&mut self, origin: Origin, line: &[u8]) -> bool {
        let line = Line::new(line);
        self.take(origin, &Record::read(&line), Timestamp::from_nanos(0)).is_some()
    }

    /// Takes what a record proves. Tells of a packet whether another line has told it; `now` is when it came, by the log's
    /// time.
    pub(crate) fn take(
        &mut self,
        origin: Origin,
        record: &Record<'_>,
        now: Timestamp,
    ) -> Option<Told> {
        self.counts.lines += 1;
        self.clocks.learn(origin.source, &record.envelope, record.own_time());
        self.counts.damaged += u64::from(matches!(record.content, Content::Damaged(_)));
        if record.packet().is_some() {
            self.counts.packets += 1;
            let told = self.reports.packet(origin, record, now);
            self.counts.duplicates = self.reports.copies();
            if told == Told::First {
                self.completeness.observe(origin.source, record);
            }
            return Some(told);
        }
        self.completeness.observe(origin.source, record);
        if let Content::Logger(event) = &record.content {
            self.counts.logger_lines += 1;
            self.reports.logger(origin, event);
        }
        let machine = NameKind::of(&record.envelope);
        let mut found = 0;
        record.evidence(origin, |mut evidence| {
            found = 1;
            if let Some((name, kind)) = machine.as_ref().filter(|_| evidence.is_cells_own) {
                evidence.machine = Some(name.as_str().into());
                evidence.machine_kind = *kind;
            }
            self.ledger.add(evidence);
        });
        self.counts.evidence += found;
        None
    }

    /// Second pass: gives the flow of each packet, in order, at the first line that tells it. `resolve` is asked at most
    /// twice, for all owners that are not known yet together; it gives one identity for each GUID, in order.
    pub fn flows(
        &mut self,
        lines: &[(Origin, &[u8])],
        mut resolve: impl FnMut(&[Guid]) -> Vec<Identity>,
        mut each: impl FnMut(&Flow<'_, '_>),
    ) {
        let mut wanted = Vec::new();
        let mut names_apps = false;
        // Of each packet, in order.
        let mut times = Vec::with_capacity(lines.len());
        let known = self.clocks.complete(&self.policy);
        for (origin, line) in lines {
            if self.reports.is_copy(*origin) {
                continue;
            }
            let line = Line::new(line);
            let record = Record::read(&line);
            let Some((packet, cf)) = record.packet() else { continue };
            let when = known.when(origin.source, &record.envelope);
            let time = when.map(|when| when.range);
            self.reports.join_logger(*origin, packet, cf, time);
            times.push(when);
            let Some(answer) = self.attribute(&record, time) else { continue };
            wanted.extend(answer.subject());
            wanted.extend(self.peer(packet, cf, time).and_then(|(_, peer)| peer.subject()));
            names_apps |= answer.reason == Reason::UnknownApp;
        }
        self.learn_owners(wanted, names_apps, &mut resolve);
        let mut times = times.into_iter();
        for (origin, line) in lines {
            if self.reports.is_copy(*origin) {
                continue;
            }
            let line = Line::new(line);
            let record = Record::read(&line);
            let Some((packet, cf)) = record.packet() else { continue };
            let Some(when) = times.next() else { continue };
            let range = when.map(|When { range, .. }| range);
            let Some(attribution) = self.attribute(&record, range) else { continue };
            let identity_of = |of: &Attribution<'_>| self.identities.get(&of.subject()?);
            let identity = identity_of(&attribution);
            let peer = self.peer(packet, cf, range).map(|(address, attribution)| Peer {
                identity: identity_of(&attribution),
                address,
                attribution,
            });
            let cell = record
                .envelope
                .cell()
                .or_else(|| Some(attribution.container()?.cell()?.to_owned()));
            let time = when.map(|When { time, .. }| time);
            let also = self.reports.others(*origin);
            each(&Flow {
                time,
                range,
                origin: *origin,
                also,
                cell,
                cf: cf.copied(),
                record: &record,
                packet,
                attribution,
                identity,
                peer,
            });
        }
    }

    /// The flow of this line was given, and its packet will not be asked for again.
    pub(crate) fn given(&mut self, origin: Origin) {
        self.reports.given(origin);
    }

    /// Forgets packets that came before this time, and containers that `keep` does not say, with what belongs to them.
    pub(crate) fn forget(&mut self, time: Timestamp, keep: impl FnMut(Lifetime<'_>) -> bool) {
        self.reports.forget_before(time);
        let known = self.ledger.len();
        self.ledger.retain(keep);
        if self.ledger.len() == known {
            return;
        }
        let mut named = std::collections::HashSet::new();
        for lifetime in self.ledger.lifetimes() {
            named.extend(lifetime.subject());
            named.extend(lifetime.app());
        }
        self.identities.retain(|guid, _| named.contains(guid));
    }

    /// Who sent the packet; `None` if the record is none.
    fn attribute(&self, record: &Record<'_>, time: Option<TimeRange>) -> Option<Attribution<'_>> {
        let (packet, cf) = record.packet()?;
        let Some(cf) = cf else { return Some(Attribution::unknown(Reason::NotCloudFoundry)) };
        let machine = NameKind::of(&record.envelope);
        let (cell, kind) = match &machine {
            Some((name, kind)) => (Some(name.as_str()), *kind),
            None => (None, NameKind::Unknown),
        };
        let seen = Sighting {
            cell,
            kind,
            time,
            address: own_address(packet, cf),
            interface: own_interface(packet, cf),
        };
        Some(self.ledger.attribute(cf, &seen))
    }

    /// The other container of a packet between two.
    fn peer(
        &self,
        packet: &Packet<'_>,
        cf: Option<&LogPrefix<'_>>,
        time: Option<TimeRange>,
    ) -> Option<(IpAddr, Attribution<'_>)> {
        let cf = cf.filter(|cf| cf.plane == Plane::C2c)?;
        let address = match cf.direction {
            Direction::Egress => packet.ip.dst,
            Direction::Ingress => packet.ip.src,
        };
        let address = address.and_then(Address::ip)?;
        let attribution = match time {
            Some(time) => self.ledger.peer(address, time),
            None => Attribution::unknown(Reason::NoAddressLease),
        };
        Some((address, attribution))
    }

    /// Asks for the names of these owners.
    fn learn_owners(
        &mut self,
        mut wanted: Vec<Guid>,
        names_apps: bool,
        resolve: &mut impl FnMut(&[Guid]) -> Vec<Identity>,
    ) {
        // Prefixes that name an app which no line shows: one of the known processes may turn out to be its.
        if names_apps {
            wanted.extend(self.ledger.lifetimes().filter_map(Lifetime::subject));
        }
        self.learn(wanted, resolve);
    }

    fn learn(&mut self, mut wanted: Vec<Guid>, resolve: &mut impl FnMut(&[Guid]) -> Vec<Identity>) {
        wanted.retain(|guid| !self.identities.contains_key(guid));
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return;
        }
        let mut found = resolve(&wanted).into_iter();
        for guid in wanted {
            let told = found.next();
            let state = told.as_ref().map_or(AppState::Unknown, |identity| identity.state);
            // Where no directory tells, a line may have.
            let told = told.filter(|identity| identity.app.is_some());
            let identity = told.or_else(|| self.spelled_out(guid, state));
            let identity = identity.unwrap_or(Identity { state, ..Identity::unknown() });
            let app = identity.app.as_ref().and_then(|app| app.guid.parse().ok());
            if let Some(app) = app {
                self.ledger.learn_app(guid, app);
                self.identities
                    .entry(app)
                    .or_insert_with(|| Identity { process_type: None, ..identity.clone() });
            }
            self.identities.insert(guid, identity);
        }
    }

    /// The identity that lines spell out.
    fn spelled_out(&self, app: Guid, state: AppState) -> Option<Identity> {
        let names = self.ledger.names(app)?;
        let entity = |guid: Option<&str>, name: Option<&str>| {
            guid.map(|guid| Entity { guid: guid.into(), name: name.map(Into::into) })
        };
        Some(Identity {
            state,
            app: entity(Some(&app.to_string()), names.app_name()),
            space: entity(names.space_guid(), names.space_name()),
            org: entity(names.org_guid(), names.org_name()),
            ..Identity::unknown()
        })
    }
}

/// The packet's address on the side of whom its prefix names.
pub(crate) fn own_address(packet: &Packet<'_>, cf: &LogPrefix<'_>) -> Option<IpAddr> {
    let side = match cf.direction {
        Direction::Egress => packet.ip.src,
        Direction::Ingress => packet.ip.dst,
    };
    side.and_then(Address::ip)
}

/// The packet's interface on that side, where its name shows an address.
pub(crate) fn own_interface(packet: &Packet<'_>, cf: &LogPrefix<'_>) -> Option<Interface> {
    let side = match cf.direction {
        Direction::Egress => packet.in_if,
        Direction::Ingress => packet.out_if,
    };
    side.and_then(|name| Interface::parse(name.as_bytes()))
}
