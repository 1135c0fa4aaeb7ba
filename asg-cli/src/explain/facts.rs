//! From a flow to the facts that policy asks for, and to its explanation.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use asg_core::guid::ProcessName;
use asg_core::ledger::Lifetime;
use asg_core::names::Workload;
use asg_core::packet::{Ip, TcpFlags};
use asg_core::policy::{
    Chain, Explainer, Explanation, Opening, Outcome, PacketFacts, Phase, Policy, Probe,
    ProbeTraffic,
};
use asg_core::prefix::Plane;
use asg_core::time::TimeRange;
use asg_core::{Certainty, Correlation, Flow, Timestamp, Verdict};

/// The ledger keeps milliseconds.
const MILLISECOND: i64 = 1_000_000;

/// Facts that all flows of a correlation share: the times when process versions were desired, and
/// the cells that lost lines.
///
/// See [the module](super) for an example.
#[derive(Debug, Default)]
pub struct FlowFacts {
    /// For each process version the making of its first container; `None` if it is older than the
    /// logs. Empty if no cell has a static profile.
    desired: HashMap<ProcessName, Option<Timestamp>>,
    /// The cells that lost lines, by the names under which their lines come.
    lossy: HashSet<Box<str>>,
}

impl FlowFacts {
    /// Collects the facts from all evidence. Only static profiles need the times of process
    /// versions.
    #[must_use]
    pub fn new(correlation: &Correlation, policy: &Policy) -> Self {
        let is_static = policy.settings().all().any(|settings| settings.profile.is_static());
        let desired =
            if is_static { desired(correlation.ledger().lifetimes()) } else { HashMap::new() };
        let report = correlation.completeness().report();
        let lossy = report.iter().filter(|cell| cell.dropped + cell.missing_records > 0);
        let lossy = lossy.filter(|cell| !cell.cell.is_empty()).map(|cell| cell.cell.into());
        Self { desired, lossy: lossy.collect() }
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
        let facts = PacketFacts {
            time: flow.range,
            cell,
            space: identity.and_then(|identity| Some(&*identity.space.as_ref()?.guid)),
            phase: container.and_then(Lifetime::workload).or(told).map(phase),
            created: container.and_then(Lifetime::created).map(moment),
            desired: container.and_then(|container| self.desired(container)),
            lines_lost: cell.is_some_and(|cell| self.lossy.contains(cell)),
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
}

impl FlowExplainer {
    /// Creates an explainer for the flows of the correlation that the facts come from.
    #[must_use]
    pub fn new(policy: &Policy, facts: Arc<FlowFacts>) -> Self {
        Self { explainer: policy.explainer(), facts }
    }

    /// Explains a flow.
    pub fn explain(&mut self, flow: &Flow<'_, '_>) -> Explained {
        let facts = self.facts.of(flow);
        let explanation = self.explainer.explain(&facts);
        let probe = facts.probe.or_else(|| probe(&flow.packet().ip));
        Explained { explanation, phase: facts.phase, probe }
    }
}

const fn phase(workload: Workload) -> Phase {
    match workload {
        Workload::App | Workload::Task => Phase::Running,
        Workload::Staging => Phase::Staging,
    }
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
