//! From a flow to the facts that policy asks for, and to its explanation.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use asg_core::correlate::{FlowKey, KnownFlow};
use asg_core::guid::{Handle, ProcessName};
use asg_core::ledger::Lifetime;
use asg_core::names::Workload;
use asg_core::packet::{Ip, TcpFlags};
use asg_core::policy::{
    Chain, Explainer, Explanation, Opening, Outcome, PacketFacts, Phase, Policy, Probe,
    ProbeTraffic,
};
use asg_core::prefix::Plane;
use asg_core::time::TimeRange;
use asg_core::{Certainty, Correlation, Flow, SourceId, Timestamp, Verdict};

use super::OfWhole;
use super::lost::{LinesLost, LostTimes};
use crate::origins;

/// The ledger keeps milliseconds.
const MILLISECOND: i64 = 1_000_000;

/// The log's writer stamps packets, and may be late: a packet whose stamp is at most this long
/// behind a change of rules may have met the rules before.
const STAMPED_LATE: i64 = 5 * 1_000_000_000;

/// Facts that all flows of a correlation share: the times when process versions were desired, and
/// the cells that lost lines.
///
/// See [the module](super) for an example.
#[derive(Debug, Default)]
pub struct FlowFacts {
    /// For each process version the making of its first container; `None` if it is older than the
    /// logs. Empty if no cell has a static profile.
    desired: HashMap<ProcessName, Option<Timestamp>>,
    /// The times at which agents put rules into containers' chains, in order, by handle.
    updates: HashMap<Handle, Arc<[Timestamp]>>,
    /// The times at which cells lost lines. A cell has the name under which its lines come; without
    /// a name it is the source of the lines.
    lost: HashMap<(Box<str>, Option<SourceId>), LostTimes>,
    /// The number of apps of each space that are known, by the space's GUID.
    space_apps: BTreeMap<String, u64>,
}

impl FlowFacts {
    /// Collects the facts from all evidence. Only static profiles need the times of process
    /// versions.
    #[must_use]
    pub fn new(correlation: &Correlation, policy: &Policy) -> Self {
        let is_static = policy.settings().all().any(|settings| settings.profile.is_static());
        let desired =
            if is_static { desired(correlation.ledger().lifetimes()) } else { HashMap::new() };
        let mut updates: HashMap<Handle, Vec<Timestamp>> = HashMap::new();
        for (handle, time) in correlation.rule_updates() {
            updates.entry(handle.clone()).or_default().push(time);
        }
        let updates = updates.into_iter().map(|(handle, times)| (handle, times.into())).collect();
        let facts = Self { desired, updates, ..Self::default() };
        facts.with_whole(&OfWhole::of(correlation))
    }

    /// Takes these facts about whole logs for the ones that the logs at hand do not show.
    #[must_use]
    pub(crate) fn with_whole(self, whole: &OfWhole) -> Self {
        let mut lost: HashMap<_, LostTimes> = HashMap::new();
        for LinesLost { cell, source, noted } in &whole.lines_lost {
            let source = source.as_deref().map(origins::number);
            lost.entry((cell.as_str().into(), source)).or_default().add(*noted);
        }
        lost.values_mut().for_each(LostTimes::sort);
        Self { lost, space_apps: whole.space_apps.clone(), ..self }
    }

    /// Returns the facts about a flow.
    ///
    /// A packet without Cloud Foundry's prefix has no probe: nothing shows which rules it met. The
    /// owner counts if it is one container, however surely it is known.
    #[must_use]
    pub fn of<'f>(&self, flow: &'f Flow<'_, '_>) -> PacketFacts<'f> {
        let cell = flow.cell.as_deref();
        let is_known = flow.attribution.certainty > Certainty::Ambiguous;
        let identity = flow.identity.filter(|_| is_known);
        let container = flow.attribution.container();
        // Where no line shows the kind of the container, the directory may know it.
        let told = identity.and_then(|identity| identity.workload);
        let space = identity.and_then(|identity| Some(&*identity.space.as_ref()?.guid));
        let facts = PacketFacts {
            time: flow.range,
            cell,
            space,
            phase: container.and_then(Lifetime::workload).or(told).map(phase),
            created: container.and_then(Lifetime::created).map(moment),
            desired: container.and_then(|container| self.desired(container)),
            rules_updated: last_update(self.updates_of(container), flow.range),
            lines_lost: self.has_lost(cell, flow.origin.source, flow.range),
            other_apps: space.and_then(|space| self.other_apps(space)),
            ..PacketFacts::default()
        };
        let Some(cf) = flow.cf else { return facts };
        let chain = match cf.plane {
            Plane::Asg => Chain::Asg,
            Plane::C2c => Chain::C2c,
            Plane::RateLimit => Chain::RateLimit,
        };
        let observed = match cf.verdict {
            Verdict::Allowed => Outcome::Allowed,
            Verdict::Denied => Outcome::Denied,
        };
        PacketFacts { chain, observed: Some(observed), probe: probe(&flow.packet().ip), ..facts }
    }

    /// Returns whether lines of a cell were lost at a time, as far as notes show it.
    fn has_lost(&self, cell: Option<&str>, source: SourceId, range: Option<TimeRange>) -> bool {
        if self.lost.is_empty() {
            return false;
        }
        let cell = cell.unwrap_or_default();
        let times = self.lost.get(&(cell.into(), cell.is_empty().then_some(source)));
        times.is_some_and(|times| times.has(range))
    }

    /// Returns how many apps of a space are known beside one of them.
    fn other_apps(&self, space: &str) -> Option<u64> {
        self.space_apps.get(space).map(|apps| apps.saturating_sub(1))
    }

    /// Returns when the agent put rules into a container's chain.
    fn updates_of(&self, container: Option<Lifetime<'_>>) -> Option<&Arc<[Timestamp]>> {
        if self.updates.is_empty() {
            return None;
        }
        self.updates.get(&container?.handle())
    }

    /// Returns when the rules of a container were chosen in the static profiles.
    fn desired(&self, container: Lifetime<'_>) -> Option<TimeRange> {
        match container.process() {
            Some(process) => (*self.desired.get(process)?).map(moment),
            // A task and a staging have one container each.
            None => container.created().map(moment),
        }
    }
}

/// The explanation of a flow, with the facts that outputs show.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The explanation.
    pub explanation: Arc<Explanation>,
    /// The use of the container.
    pub phase: Option<Phase>,
    /// The packet, also where it is not Cloud Foundry's.
    pub probe: Option<Probe>,
}

/// Explains flows, for one thread.
#[derive(Debug)]
pub struct FlowExplainer {
    explainer: Explainer,
    facts: Arc<FlowFacts>,
    /// By the keys of flows: the facts that flows of one key share.
    senders: Vec<Option<Sender>>,
}

/// The facts that flows of one key share.
#[derive(Debug)]
struct Sender {
    cell: Option<Box<str>>,
    space: Option<Box<str>>,
    phase: Option<Phase>,
    created: Option<TimeRange>,
    desired: Option<TimeRange>,
    updates: Option<Arc<[Timestamp]>>,
    other_apps: Option<u64>,
    chain: Chain,
    observed: Option<Outcome>,
    /// Whether the line has Cloud Foundry's prefix.
    is_cf: bool,
}

impl Sender {
    fn of(facts: &PacketFacts<'_>, updates: Option<&Arc<[Timestamp]>>, is_cf: bool) -> Self {
        Self {
            updates: updates.cloned(),
            other_apps: facts.other_apps,
            cell: facts.cell.map(Into::into),
            space: facts.space.map(Into::into),
            phase: facts.phase,
            created: facts.created,
            desired: facts.desired,
            chain: facts.chain,
            observed: facts.observed,
            is_cf,
        }
    }
}

impl FlowExplainer {
    /// Creates an explainer for the flows of the correlation that the facts come from.
    #[must_use]
    pub fn new(policy: &Policy, facts: Arc<FlowFacts>) -> Self {
        Self { explainer: policy.explainer(), facts, senders: Vec::new() }
    }

    /// Explains a flow.
    pub fn explain(&mut self, flow: &Flow<'_, '_>) -> Explained {
        let facts = self.facts.of(flow);
        if let Some(key) = flow.key().map(FlowKey::index) {
            if self.senders.len() <= key {
                self.senders.resize_with(key + 1, || None);
            }
            self.senders[key].get_or_insert_with(|| {
                let updates = self.facts.updates_of(flow.attribution.container());
                Sender::of(&facts, updates, flow.cf.is_some())
            });
        }
        let explanation = self.explainer.explain(&facts);
        let probe = facts.probe.or_else(|| probe(&flow.packet().ip));
        Explained { explanation, phase: facts.phase, probe }
    }

    /// Explains a flow of a key that an earlier one had, which has this packet.
    ///
    /// `None` if no earlier flow of the key was explained.
    #[must_use]
    pub fn explain_known(&mut self, flow: &KnownFlow<'_>, ip: &Ip<'_>) -> Option<Explained> {
        let sender = self.senders.get(flow.key.index())?.as_ref()?;
        let packet = probe(ip);
        let cell = sender.cell.as_deref();
        let facts = PacketFacts {
            time: flow.range,
            cell,
            space: sender.space.as_deref(),
            phase: sender.phase,
            created: sender.created,
            desired: sender.desired,
            rules_updated: last_update(sender.updates.as_ref(), flow.range),
            chain: sender.chain,
            observed: sender.observed,
            probe: packet.filter(|_| sender.is_cf),
            lines_lost: self.facts.has_lost(cell, flow.origin.source, flow.range),
            other_apps: sender.other_apps,
        };
        let explanation = self.explainer.explain(&facts);
        Some(Explained { explanation, phase: sender.phase, probe: packet })
    }
}

const fn phase(workload: Workload) -> Phase {
    match workload {
        Workload::App | Workload::Task => Phase::Running,
        Workload::Staging => Phase::Staging,
    }
}

/// Returns the last of these times that is surely before a packet.
fn last_update(times: Option<&Arc<[Timestamp]>>, packet: Option<TimeRange>) -> Option<TimeRange> {
    let (times, packet) = (times?, packet?);
    let sure = packet.earliest().as_nanos().saturating_sub(STAMPED_LATE);
    let before = times.partition_point(|time| time.as_nanos() <= sure);
    Some(times[before.checked_sub(1)?].into())
}

/// Returns a time of the ledger, which is cut to milliseconds.
fn moment(time: Timestamp) -> TimeRange {
    let end = Timestamp::from_nanos(time.as_nanos().saturating_add(MILLISECOND - 1));
    TimeRange::between(time, end)
}

/// Returns the making of the first container of each process version.
///
/// A version is older than the logs if the making of one of its containers is missing. It is also
/// older if its first instance is missing: then the logs show the replacement of a crashed instance
/// or a scaling up, and Diego starts either with the old rules.
fn desired<'l>(all: impl Iterator<Item = Lifetime<'l>>) -> HashMap<ProcessName, Option<Timestamp>> {
    struct Version {
        first: Option<Timestamp>,
        is_whole: bool,
        has_first_instance: bool,
    }
    let mut versions: HashMap<&ProcessName, Version> = HashMap::new();
    for lifetime in all {
        let Some(process) = lifetime.process() else { continue };
        let version = versions.entry(process).or_insert(Version {
            first: None,
            is_whole: true,
            has_first_instance: false,
        });
        let created = lifetime.created().filter(|_| lifetime.conflict().is_none());
        version.is_whole &= created.is_some();
        version.has_first_instance |= lifetime.index() == Some(0);
        version.first = match (version.first, created) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
    let known =
        |version: Version| version.first.filter(|_| version.is_whole && version.has_first_instance);
    versions.into_iter().map(|(process, version)| (process.clone(), known(version))).collect()
}

/// Returns the packet as rules see it; `None` if its destination, its protocol, its port or its
/// ICMP type is missing.
///
/// ```
/// use asg_cli::explain::probe;
/// use asg_core::policy::Probe;
/// use asg_core::{Line, Record};
///
/// let line = Line::new(
///     b"OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 TOS=0x00 \
///     PREC=0x00 TTL=63 ID=2806 DF PROTO=UDP SPT=36556 DPT=53 LEN=41 ",
/// );
/// let record = Record::classify(&line);
/// let (packet, _) = record.packet().unwrap();
/// assert_eq!(probe(&packet.ip), Some(Probe::udp("8.8.8.8".parse()?, 53)));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn probe(ip: &Ip<'_>) -> Option<Probe> {
    let destination = ip.dst?.ip()?.to_canonical();
    let [_, port] = ip.ports();
    let traffic = match ip.proto_num? {
        6 => ProbeTraffic::Tcp { port: port?, opening: ip.flags.map_or(Opening::New, opening) },
        17 => ProbeTraffic::Udp { port: port? },
        1 => ProbeTraffic::Icmp { icmp_type: ip.icmp_type?, code: ip.icmp_code? },
        number => ProbeTraffic::Other(number),
    };
    Some(Probe { destination, traffic })
}

fn opening(flags: TcpFlags) -> Opening {
    let has = |flag| flags.contains(flag);
    Opening::of(has(TcpFlags::SYN), has(TcpFlags::ACK), has(TcpFlags::RST), has(TcpFlags::FIN))
}

#[cfg(test)]
mod tests {
    use asg_core::event::Moment;
    use asg_core::evidence::Evidence;
    use asg_core::{Ledger, Origin, SourceId};

    use super::*;

    const VERSION: &str =
        "bc6f229d-5e4a-4c41-a63f-e8795496c283-1c0d4ae2-93f4-4c5e-b3b1-2f1b0f9a7d10";

    /// Returns a ledger of containers of one version: instance, and the second in which each was
    /// made.
    fn first(containers: &[(u32, Option<i64>)]) -> Option<i64> {
        let mut ledger = Ledger::new();
        for (line, (index, created)) in (1..).zip(containers) {
            let handle = format!("bfce786c-ab07-40ad-79f9-{line:04x}").parse().unwrap();
            let moment = if created.is_some() { Moment::Created } else { Moment::Seen };
            let mut evidence = Evidence::new(handle, moment, Origin { source: SourceId(0), line });
            evidence.process = Some(ProcessName::new(VERSION));
            evidence.index = Some(*index);
            let second = created.unwrap_or(100);
            evidence.time = Some(Timestamp::from_nanos(second * 1_000_000_000));
            ledger.add(evidence);
        }
        let all = desired(ledger.lifetimes());
        all[&ProcessName::new(VERSION)].map(|time| time.as_nanos() / 1_000_000_000)
    }

    #[test]
    fn a_version_is_desired_with_its_first_container_or_older_than_the_logs() {
        for (containers, expected) in [
            (&[(0, Some(50))][..], Some(50)),
            (&[(1, Some(49)), (0, Some(50))], Some(49)),
            (&[(0, Some(50)), (0, Some(90))], Some(50)),
            // The making of one is not in the logs.
            (&[(0, None)], None),
            (&[(0, None), (0, Some(90))], None),
            // The first instance runs unseen.
            (&[(1, Some(50))], None),
        ] {
            assert_eq!(first(containers), expected, "{containers:?}");
        }
    }
}
