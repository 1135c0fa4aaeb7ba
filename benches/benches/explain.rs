//! The cost of explanations: what they add to `correlate --format ndjson` on a simulated log, on
//! one core.
//!
//! `cargo bench -p asg-benches --bench explain`. Both phases run over the logs of a foundation
//! whose security groups change. Rounds of all contestants take turns, and each one's median
//! counts, in time on the processor:
//!
//! * *correlate* writes each flow as a line of JSON.
//! * *correlate, and explain* also makes the explanation of each flow, and drops it. Its ratio to
//!   *correlate* has the bar.
//! * *explain, not written* only makes the explanations.
//! * *explain* writes them as `asglog explain --format ndjson` does.

#![expect(clippy::cast_precision_loss, reason = "times, shown with few digits")]

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use asg_benches::accuracy::{self, gathered};
use asg_benches::processor::on_cpu;
use asg_benches::sim::{Config, Era, Memory, Rules, Simulation};
use asg_cli::explain::{ExplainWriter, FlowExplainer, FlowFacts};
use asg_cli::output::ndjson::FlowWriter;
use asg_core::correlate::{AnyFlow, FlowCache};
use asg_core::packet::Packet;
use asg_core::policy::Policy;
use asg_core::{Correlation, Line, TimePolicy};

const ROUNDS: usize = 9;
/// The bar: the time of `correlate`, and explanations, in times of `correlate`.
const BAR: f64 = 1.3;
/// Writers hand over their bytes when so many lines were read.
const PIECE: u64 = 1_000;

/// The work of one contestant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Correlate,
    Both,
    Explain,
    ExplainAndWrite,
}

impl Does {
    const ALL: [(&str, Self); 4] = [
        ("correlate", Self::Correlate),
        ("correlate, and explain", Self::Both),
        ("explain, not written", Self::Explain),
        ("explain", Self::ExplainAndWrite),
    ];
}

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo test --benches` runs this too; it is a measurement, not a test.
    if !std::env::args().any(|arg| arg == "--bench") {
        println!("skipped: not run by cargo bench");
        return Ok(());
    }
    let config = Config {
        cells: 3,
        containers: 90,
        minutes: 60,
        packets_per_minute: 20,
        rules: Some(Rules::default()),
        ..Config::new(Era::SilkModern)
    };
    let mut logs = Memory::default();
    let simulation = Simulation::run(&config, &mut logs)?;
    let policy = accuracy::policy_of(&config, &simulation);
    println!(
        "{} lines, {} of them packets, {} snapshots; median of {ROUNDS} rounds that take turns",
        simulation.totals().lines,
        simulation.totals().packets,
        policy.snapshots().count(),
    );

    let mut times = [const { Vec::new() }; 4];
    let mut sums = [Sum::default(); 4];
    for _ in 0..ROUNDS {
        for (n, (_, does)) in Does::ALL.into_iter().enumerate() {
            let start = on_cpu();
            let correlation =
                gathered(&logs, TimePolicy::default(), simulation.history().directory());
            sums[n] = run(&logs, &correlation, &policy, does);
            times[n].push(on_cpu().saturating_sub(start));
        }
    }
    let [correlate, both, explain, written] = sums;
    assert_eq!(correlate.flows, simulation.totals().packets, "every packet is a flow");
    assert_eq!((both.flows, both.bytes), (correlate.flows, correlate.bytes), "the same lines");
    assert_eq!((both.explained, explain.explained), (both.flows, both.flows));
    assert_eq!(written.explained, both.flows);

    let times = times.map(median);
    println!("{:<24} {:>9} {:>8}", "", "ns/line", "ratio");
    for ((name, does), time) in Does::ALL.into_iter().zip(times) {
        let ratio = time.as_secs_f64() / times[0].as_secs_f64();
        let bar = match does {
            Does::Both if ratio <= BAR => "  holds the bar of 1.3",
            Does::Both => "  misses the bar of 1.3",
            _ => "",
        };
        let each = time.as_nanos() as f64 / simulation.totals().lines as f64;
        println!("{name:<24} {each:>9.1} {ratio:>8.2}{bar}");
    }
    Ok(())
}

/// The counts of a contestant.
#[derive(Clone, Copy, Default)]
struct Sum {
    flows: u64,
    explained: u64,
    bytes: usize,
}

/// Runs the second phase, with the facts that explanations need.
fn run(logs: &Memory, correlation: &Correlation, policy: &Policy, does: Does) -> Sum {
    let mut sum = Sum::default();
    let explains = does != Does::Correlate;
    let mut explainer =
        explains.then(|| FlowExplainer::new(policy, Arc::new(FlowFacts::new(correlation, policy))));
    let (mut flows, mut answers) = (FlowWriter::new(false), ExplainWriter::new(None));
    let mut cache = FlowCache::default();
    let has_flows = matches!(does, Does::Correlate | Does::Both);
    let has_answers = does == Does::ExplainAndWrite;
    let mut packet = Packet::default();
    for (origin, text) in accuracy::lines(logs) {
        let line = Line::new(text);
        let mut is_wanted = false;
        correlation.each(&mut cache, origin, &line, |flow| {
            sum.flows += 1;
            match flow {
                AnyFlow::Whole(flow) => {
                    if has_flows {
                        flows.add(flow);
                    }
                    if let Some(explainer) = &mut explainer {
                        let explained = explainer.explain(flow);
                        if has_answers {
                            answers.add(flow, &explained);
                        }
                        sum.explained +=
                            u64::from(!black_box(explained).explanation.because.is_empty());
                    }
                }
                AnyFlow::Known(flow) => {
                    flow.fill(&mut packet);
                    let ip = &packet.ip;
                    is_wanted = has_flows && !flows.add_known(flow, ip);
                    if let Some(explainer) = &mut explainer {
                        let explained = explainer.explain_known(flow, ip).expect("known");
                        if has_answers {
                            assert!(answers.add_known(flow, &explained));
                        }
                        sum.explained +=
                            u64::from(!black_box(explained).explanation.because.is_empty());
                    }
                }
            }
        });
        if is_wanted {
            correlation.flows(&mut cache, origin, &line, |flow| flows.add(&flow));
        }
        if origin.line.is_multiple_of(PIECE) {
            sum.bytes += black_box(flows.take()).len() + black_box(answers.take()).len();
        }
    }
    sum.bytes += black_box(flows.take()).len() + black_box(answers.take()).len();
    sum
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
