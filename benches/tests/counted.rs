//! Packets counted by sender, beside flows one by one, over simulated foundations.

use std::collections::BTreeMap;
use std::convert::Infallible;

use asg_benches::accuracy::correlate;
use asg_benches::parallel::in_parallel;
use asg_benches::sim::{Config, Damage, Era, Layout, Memory, Simulation};
use asg_core::correlate::{AnyFlow, FlowCache, Gatherer};
use asg_core::guid::Handle;
use asg_core::ledger::{Attribution, Lifetime};
use asg_core::prefix::LogPrefix;
use asg_core::{Correlation, Gathering, Identity, Ledger, Line, Origin, SourceId, Verdict};

/// Answers about packets, and the number of packets with each.
type Said = BTreeMap<String, u64>;

fn words(cf: Option<&LogPrefix<'_>>, it: &Attribution<'_>, identity: Option<&Identity>) -> String {
    let verdict = cf.map(|cf| matches!(cf.verdict, Verdict::Denied));
    let subject = it.subject();
    let container = it.container().map(Lifetime::handle);
    let path = identity.and_then(Identity::path);
    format!("{verdict:?} {:?} {:?} {subject:?} {container:?} {path:?}", it.certainty, it.reason)
}

fn simulated(config: &Config) -> (Simulation, Memory) {
    let mut logs = Memory::default();
    let simulation = Simulation::run(config, &mut logs).unwrap();
    (simulation, logs)
}

fn one_by_one(simulation: &Simulation, logs: &Memory) -> (Said, Correlation) {
    let mut said = Said::new();
    let correlation = correlate(logs, simulation.history().directory(), |_, flow| {
        *said.entry(words(flow.cf.as_ref(), &flow.attribution, flow.identity)).or_default() += 1;
    });
    (said, correlation)
}

/// Returns the lines that prove the facts about each container.
fn proven(ledger: &Ledger) -> BTreeMap<Handle, (Option<String>, Vec<Origin>)> {
    let of = |it: Lifetime<'_>| (it.machine().map(Into::into), it.evidence().collect());
    ledger.lifetimes().map(|it| (it.handle(), of(it))).collect()
}

/// Counts with so many gatherers that take turns, as threads would, each counting lines from the
/// start of its turn; also returns whether the first phase was enough.
fn counted(simulation: &Simulation, logs: &Memory, gatherers: usize) -> (Said, Correlation, bool) {
    let mut gathering = Gathering::new();
    let mut all: Vec<_> = (0..gatherers).map(|_| gathering.gatherer()).collect();
    let mut turn = 0;
    let mut before = Origin { source: SourceId(0), line: 0 };
    let mut end_turn = |gatherer: &mut Gatherer, lines_before| {
        gathering.merge(gatherer.take_batch(), lines_before).unwrap();
    };
    for (file, line, text) in logs.in_files().filter(|(.., text)| !text.is_empty()) {
        let source = SourceId(file as u32);
        if source != before.source {
            end_turn(&mut all[turn % gatherers], before.line);
            before = Origin { source, line: 0 };
            turn += 1;
        }
        all[turn % gatherers].ingest(Origin { source, line: line - before.line }, text);
        if line % 97 == 0 {
            end_turn(&mut all[turn % gatherers], before.line);
            before.line = line;
            turn += 1;
        }
    }
    end_turn(&mut all[turn % gatherers], before.line);
    let lines = || {
        logs.in_files()
            .map(|(file, line, text)| (Origin { source: SourceId(file as u32), line }, text))
    };
    let Ok(mut gathered) = gathering.finish(|joiner| {
        lines().for_each(|(origin, text)| joiner.look(origin, text));
        Ok::<(), Infallible>(())
    });
    let Ok(()) = gathered.resolve(&mut simulation.history().directory());
    let correlation = gathered.correlate();
    let mut said = Said::new();
    for counted in correlation.counted() {
        let words = words(counted.cf.as_ref(), &counted.attribution, counted.identity);
        *said.entry(words).or_default() += counted.packets;
    }
    let is_counted = correlation.is_counted();
    if !is_counted {
        let mut cache = FlowCache::default();
        for (origin, text) in lines() {
            correlation.uncounted(&mut cache, origin, &Line::new(text), |flow| {
                let words = words(flow.cf.as_ref(), &flow.attribution, flow.identity);
                *said.entry(words).or_default() += 1;
            });
        }
    }
    (said, correlation, is_counted)
}

fn small(era: Era, seed: u64) -> Config {
    Config { seed, minutes: 3, containers: 30, packets_per_minute: 20, ..Config::new(era) }
}

/// Compares each flow that is not given whole with the whole one; returns how many there were.
fn compare_known(correlation: &Correlation, logs: &Memory) -> usize {
    let (mut of_known, mut of_whole) = (FlowCache::default(), FlowCache::default());
    let mut known = 0;
    for (file, line, text) in logs.in_files() {
        let (origin, line) = (Origin { source: SourceId(file as u32), line }, Line::new(text));
        let mut flows = Vec::new();
        correlation.flows(&mut of_whole, origin, &line, |flow| {
            let packet = flow.packet();
            let own = (packet.ip.clone(), packet.family, packet.mark);
            let names = format!("{:?} {:?}", flow.names_then(), flow.names_period());
            let uptime = flow.record.envelope.uptime;
            flows.push((flow.key(), flow.time, flow.range, uptime, own_text(&own), names));
            assert_eq!(flow.origin, origin);
        });
        let mut found = Vec::new();
        correlation.each(&mut of_known, origin, &line, |flow| match flow {
            AnyFlow::Whole(flow) => {
                found.push((flow.key(), flow.time, flow.range, None, None, None));
            }
            AnyFlow::Known(flow) => {
                known += 1;
                let packet = flow.packet();
                let own = own_text(&(packet.ip, packet.family, packet.mark));
                let names = format!("{:?} {:?}", flow.names_then(), flow.names_period());
                let own = Some(own);
                let uptime = Some(flow.uptime);
                found.push((Some(flow.key), flow.time, flow.range, uptime, own, Some(names)));
                assert_eq!(flow.origin, origin);
            }
        });
        let whole: Vec<_> = flows
            .into_iter()
            .zip(&found)
            .map(|((key, time, range, uptime, own, names), it)| {
                let is_known = it.4.is_some();
                let [own, names] = [own, names].map(|text| is_known.then_some(text));
                (key, time, range, is_known.then_some(uptime), own, names)
            })
            .collect();
        assert_eq!(found, whole, "{}", text.escape_ascii());
    }
    known
}

fn own_text(own: &impl std::fmt::Debug) -> String {
    format!("{own:?}")
}

#[test]
fn groups_count_what_flows_give_one_by_one() {
    let levels = Damage::LEVELS.into_iter().enumerate();
    let all: Vec<_> = levels.flat_map(|level| Era::ALL.map(|era| (level, era))).collect();
    let runs = all.len();
    let found = in_parallel(all.into_iter().enumerate(), |(run, ((n, (level, damage)), era))| {
        let layout = if n % 2 == 0 { Layout::One } else { Config::new(era).layout };
        let config = Config { damage, layout, ..small(era, 7 + n as u64) };
        let (simulation, logs) = simulated(&config);
        let (expected, whole) = one_by_one(&simulation, &logs);
        let readers = if (n + run) % 3 == 0 { 1 } else { 3 };
        let (found, correlation, is_counted) = counted(&simulation, &logs, readers);
        let what = format!("{level} {} {readers}", era.name());
        assert_eq!(found, expected, "{what}");
        assert_eq!(correlation.counts(), whole.counts(), "{what}");
        assert_eq!(proven(correlation.ledger()), proven(whole.ledger()), "{what}");
        let reports = [correlation.completeness().report(), whole.completeness().report()];
        assert_eq!(reports[0], reports[1], "{what}");
        (compare_known(&whole, &logs), is_counted)
    });
    let known: usize = found.iter().map(|(known, _)| known).sum();
    let settled = found.iter().filter(|(_, is_counted)| *is_counted).count();
    assert!(known > runs * 100, "{known} flows were not given whole");
    assert!(0 < settled && settled < runs, "{settled} of {runs}: both ways are walked");
}

#[test]
fn its_memory_does_not_grow_with_packets() {
    let groups = |packets_per_minute: u32| {
        let config = Config { packets_per_minute, ..small(Era::SilkModern, 3) };
        let (simulation, logs) = simulated(&config);
        let (_, correlation, _) = counted(&simulation, &logs, 1);
        (correlation.counted().count(), correlation.counts().packets)
    };
    let (few, many) = (groups(50), groups(500));
    assert!(many.1 > 5 * few.1 && many.0 * 2 < few.0 * 3, "{few:?} {many:?}");
}
