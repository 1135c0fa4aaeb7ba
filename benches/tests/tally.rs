//! The tally beside the correlator that sees each packet, over simulated foundations.

use std::collections::BTreeMap;

use asg_benches::accuracy::correlate;
use asg_benches::sim::{Config, Damage, Era, Layout, Memory, Simulation};
use asg_core::{
    Attribution, Correlator, Handle, Identity, Ledger, Lifetime, LogPrefix, Origin, SourceId,
    Tally, Verdict,
};

/// What is said of packets, and of how many.
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

fn one_by_one(simulation: &Simulation, logs: &Memory) -> (Said, Correlator) {
    let mut said = Said::new();
    let correlator = correlate(logs, simulation.history().directory(), |_, flow| {
        *said.entry(words(flow.cf.as_ref(), &flow.attribution, flow.identity)).or_default() += 1;
    });
    (said, correlator)
}

/// Which lines prove what of each container.
fn proven(ledger: &Ledger) -> BTreeMap<Handle, (Option<String>, Vec<Origin>)> {
    let of = |it: Lifetime<'_>| (it.machine().map(Into::into), it.evidence().collect());
    ledger.lifetimes().map(|it| (it.handle(), of(it))).collect()
}

/// Counted by so many readers that take turns, as threads would, each counting lines from where its turn begins; and
/// whether one look was enough.
fn counted(simulation: &Simulation, logs: &Memory, readers: usize) -> (Said, Tally, bool) {
    let mut tally = Tally::new();
    let mut all: Vec<_> = (0..readers).map(|_| tally.reader()).collect();
    let mut turn = 0;
    let mut before = Origin { source: SourceId(0), line: 0 };
    for (file, line, text) in logs.in_files().filter(|(.., text)| !text.is_empty()) {
        let source = SourceId(file as u32);
        if source != before.source {
            tally.take_behind(all[turn % readers].hand_over(), before.line);
            before = Origin { source, line: 0 };
            turn += 1;
        }
        all[turn % readers].read(Origin { source, line: line - before.line }, text);
        if line % 97 == 0 {
            tally.take_behind(all[turn % readers].hand_over(), before.line);
            before.line = line;
            turn += 1;
        }
    }
    tally.take_behind(all[turn % readers].hand_over(), before.line);
    for reader in all {
        tally.finish(reader);
    }
    let is_settled = tally.is_settled();
    if !is_settled {
        for (file, line, text) in logs.in_files() {
            tally.read_again(Origin { source: SourceId(file as u32), line }, text);
        }
    }
    let mut said = Said::new();
    let directory = simulation.history().directory();
    tally.give(&directory, |counted| {
        let words = words(counted.cf.as_ref(), &counted.attribution, counted.identity);
        *said.entry(words).or_default() += counted.packets;
    });
    (said, tally, is_settled)
}

fn small(era: Era, seed: u64) -> Config {
    Config { seed, minutes: 3, containers: 30, packets_per_minute: 20, ..Config::new(era) }
}

#[test]
fn it_counts_what_the_correlator_gives_one_by_one() {
    let mut settled = 0;
    let mut runs = 0;
    for (n, (level, damage)) in Damage::LEVELS.into_iter().enumerate() {
        for era in Era::ALL {
            let layout = if n % 2 == 0 { Layout::One } else { Config::new(era).layout };
            let config = Config { damage, layout, ..small(era, 7 + n as u64) };
            let (simulation, logs) = simulated(&config);
            let (expected, correlator) = one_by_one(&simulation, &logs);
            let readers = if (n + runs) % 3 == 0 { 1 } else { 3 };
            let (found, tally, is_settled) = counted(&simulation, &logs, readers);
            let what = format!("{level} {} {readers}", era.name());
            assert_eq!(found, expected, "{what}");
            assert_eq!(tally.counts(), correlator.counts(), "{what}");
            assert_eq!(proven(tally.ledger()), proven(correlator.ledger()), "{what}");
            let reports = [tally.completeness().report(), correlator.completeness().report()];
            assert_eq!(reports[0], reports[1], "{what}");
            settled += usize::from(is_settled);
            runs += 1;
        }
    }
    assert!(0 < settled && settled < runs, "{settled} of {runs}: both ways are walked");
}

#[test]
fn its_memory_does_not_grow_with_packets() {
    let groups = |packets_per_minute: u32| {
        let config = Config { packets_per_minute, ..small(Era::SilkModern, 3) };
        let (simulation, logs) = simulated(&config);
        let mut tally = Tally::new();
        let mut reader = tally.reader();
        for (file, line, text) in logs.in_files() {
            reader.read(Origin { source: SourceId(file as u32), line }, text);
        }
        tally.finish(reader);
        let mut groups = 0;
        let directory = simulation.history().directory();
        tally.give(&directory, |_| groups += 1);
        (groups, tally.counts().packets)
    };
    let (few, many) = (groups(50), groups(500));
    assert!(many.1 > 5 * few.1 && many.0 * 2 < few.0 * 3, "{few:?} {many:?}");
}
