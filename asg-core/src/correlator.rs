//! The correlator: lines in, flows out. It opens nothing and asks nobody; the caller reads and looks names up.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use crate::attribution::{Attribution, Reason};
use crate::evidence::Origin;
use crate::flow::Flow;
use crate::record::{Content, Damaged, Part, Record};
use crate::{
    Address, AppState, Direction, Entity, Envelope, Guid, Identity, Ledger, Lifetime, Line,
    LogPrefix, Packet, Sighting, SourceId, TimePolicy, TimeRange, Timestamp, YearPolicy,
};

/// Joins packets with evidence and names, over a finished set of logs, in two passes.
///
/// In the first pass every line goes to [`Correlator::observe`], in any order. In the second, packet lines go to
/// [`Correlator::flows`] in batches; it asks for names once per batch and gives the flows in order. Memory grows with the
/// containers and apps that are seen, not with packets.
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
    /// The latest time with a year that a source shows: old logs and new ones are read together.
    latest: BTreeMap<SourceId, Timestamp>,
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
    /// Lines that are evidence about a container.
    pub evidence: u64,
    /// Lines that are cut, split or malformed.
    pub damaged: u64,
}

impl Correlator {
    /// A correlator that takes a missing year to be the one nearest to the latest time with a year in the same source, or
    /// where that shows none, in any.
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

    /// What was seen.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How times of this source are completed.
    #[must_use]
    pub fn policy(&self, source: SourceId) -> TimePolicy {
        let latest = self.latest.get(&source).or_else(|| self.latest.values().max()).copied();
        match (self.policy.year, latest) {
            (YearPolicy::Unset, Some(latest)) => {
                TimePolicy { year: YearPolicy::Nearest(latest), ..self.policy }
            }
            _ => self.policy,
        }
    }

    /// First pass: takes what the line proves. Gives true if it is a packet, for the second pass.
    pub fn observe(&mut self, origin: Origin, line: &[u8]) -> bool {
        self.counts.lines += 1;
        let line = Line::new(line);
        let record = Record::read(&line);
        if let Some(time) = record.time(&TimePolicy::default()) {
            let latest = self.latest.entry(origin.source).or_insert(time);
            *latest = time.max(*latest);
        }
        self.counts.damaged += u64::from(matches!(record.content, Content::Damaged(_)));
        if record.packet().is_some() {
            self.counts.packets += 1;
            return true;
        }
        let machine = own_machine(&record);
        let mut found = 0;
        record.evidence(origin, |mut evidence| {
            found = 1;
            evidence.machine.clone_from(&machine);
            self.ledger.add(evidence);
        });
        self.counts.evidence += found;
        false
    }

    /// Second pass: gives the flow of each line that is a packet, in order. `resolve` is asked at most twice, for all owners
    /// that are not known yet together; it gives one identity for each GUID, in order.
    pub fn flows(
        &mut self,
        lines: &[(Origin, &[u8])],
        mut resolve: impl FnMut(&[Guid]) -> Vec<Identity>,
        mut each: impl FnMut(&Flow<'_, '_>),
    ) {
        let mut wanted = Vec::new();
        let mut names_apps = false;
        for (origin, line) in lines {
            let line = Line::new(line);
            let record = Record::read(&line);
            let Some(answer) = self.attribute(origin.source, &record) else { continue };
            wanted.extend(answer.subject());
            names_apps |= answer.reason == Reason::NoSuchApp;
        }
        // Prefixes that name an app which no line shows: one of the known processes may turn out to be its.
        if names_apps {
            wanted.extend(self.ledger.lifetimes().filter_map(Lifetime::subject));
        }
        self.learn(wanted, &mut resolve);
        for (origin, line) in lines {
            let line = Line::new(line);
            let record = Record::read(&line);
            let Some(attribution) = self.attribute(origin.source, &record) else { continue };
            let Some((packet, cf)) = record.packet() else { continue };
            let identity = attribution.subject().and_then(|guid| self.identities.get(&guid));
            let cell = record
                .envelope
                .cell()
                .or_else(|| Some(attribution.container()?.cell()?.to_owned()));
            let time = record.time(&self.policy(origin.source));
            each(&Flow {
                time,
                origin: *origin,
                cell,
                cf: cf.copied(),
                record: &record,
                packet,
                attribution,
                identity,
            });
        }
    }

    /// Who sent the packet; `None` if the record is none.
    fn attribute(&self, source: SourceId, record: &Record<'_>) -> Option<Attribution<'_>> {
        let (packet, cf) = record.packet()?;
        let Some(cf) = cf else { return Some(Attribution::unknown(Reason::NotCloudFoundry)) };
        let time = record.time(&self.policy(source)).map(TimeRange::from);
        let cell = machine(&record.envelope);
        let seen = Sighting { cell: cell.as_deref(), time, address: own_address(packet, cf) };
        Some(self.ledger.attribute(cf, &seen))
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

/// A name that tells the machine from others; `None` for what every machine is called.
pub(crate) fn machine(envelope: &Envelope<'_>) -> Option<String> {
    envelope.cell().filter(|name| name != "localhost")
}

/// The same, if the line is one that only a cell writes about its own containers.
fn own_machine(record: &Record<'_>) -> Option<Box<str>> {
    let (Content::Rep(event) | Content::Damaged(Damaged { part: Some(Part::Rep(event)), .. })) =
        &record.content
    else {
        return None;
    };
    let is_own =
        matches!(&*event.source, "rep" | "executor" | "guardian" | "garden-linux" | "garden");
    is_own.then(|| machine(&record.envelope))?.map(Into::into)
}

/// The packet's address on the side of whom its prefix names.
pub(crate) fn own_address(packet: &Packet<'_>, cf: &LogPrefix<'_>) -> Option<IpAddr> {
    let side = match cf.direction {
        Direction::Egress => packet.ip.src,
        Direction::Ingress => packet.ip.dst,
    };
    side.and_then(Address::ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_year_is_that_of_the_lager_lines_in_the_same_source() {
        let lager = |seconds: i64| {
            format!(
                r#"{{"timestamp":"{seconds}.5","source":"rep","message":"rep.x","data":{{"guid":"x"}}}}"#
            )
        };
        let packet = "Jun 16 23:18:38 localhost kernel: [12.5] x IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 \
            TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=2 ";
        let mut correlator = Correlator::new();
        for (source, seconds) in [(0, 1_497_654_859), (1, 1_715_000_000)] {
            let origin = Origin { source: SourceId(source), line: 1 };
            correlator.observe(origin, lager(seconds).as_bytes());
        }
        let lines = [0, 1, 2]
            .map(|source| (Origin { source: SourceId(source), line: 2 }, packet.as_bytes()));
        let mut years = Vec::new();
        correlator.flows(
            &lines,
            |_| Vec::new(),
            |flow| {
                years.push(flow.time.unwrap().to_string()[..4].to_owned());
            },
        );
        assert_eq!(years, ["2017", "2024", "2024"], "the last source shows no year of its own");
    }
}
