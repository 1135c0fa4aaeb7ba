//! Measures how often the correlator is right, over eras, envelopes, damages and seeds, and writes
//! `benches/ACCURACY.md`.
//!
//! ```text
//! cargo run --release -p asg-benches --bin accuracy -- --seeds 10 benches/ACCURACY.md
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Instant;

use asg_benches::accuracy::{
    Judgement, RulesJudgement, correlate, judge, judge_following, judge_rules,
};
use asg_benches::sim::{Config, Damage, Enforcer, Envelope, Era, Memory, Rules, Simulation};
use asg_core::correlate::FollowerOptions;
use asg_core::ledger::{Lifetime, Sighting};
use asg_core::{Line, Record, TimePolicy};
use lexopt::prelude::*;

const HELP: &str = "\
Measures how often the correlator is right, and writes a table.

usage: accuracy [--seeds N] [--only-rules] [FILE]

  --seeds N     foundations of each kind (10)
  --only-rules  replace in FILE the part about explanations, and keep the rest
  FILE          where to write; standard output without it
  -h, --help    this text

Certain answers that are wrong are told on standard error, with their lines; then the exit status is 1.
";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("accuracy: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool, Box<dyn Error>> {
    let (mut seeds, mut file, mut only_rules) = (10_u64, None, false);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("seeds") => seeds = args.value()?.parse()?,
            Long("only-rules") => only_rules = true,
            Short('h') | Long("help") => {
                io::stdout().write_all(HELP.as_bytes())?;
                return Ok(true);
            }
            Value(path) if file.is_none() => file = Some(path),
            _ => return Err(arg.unexpected().into()),
        }
    }
    let (rules, are_right) = rules(seeds)?;
    if only_rules {
        let file = file.ok_or("give the FILE whose part is replaced")?;
        let page = std::fs::read_to_string(&file)?;
        let cost = || page.find("## Cost\n");
        let begin = page.find(RULES).or_else(cost).unwrap_or(page.len());
        let end = page[begin..].find("## Cost\n").map_or(page.len(), |at| begin + at);
        let kept = page[..begin].trim_end();
        std::fs::write(file, format!("{kept}\n\n{rules}\n{}", &page[end..]))?;
        return Ok(are_right);
    }
    let mut matrix = Matrix::default();
    for era in Era::ALL {
        for seed in 1..=seeds {
            let usual = Config { seed, ..Config::new(era) };
            for envelope in Envelope::ALL {
                matrix.add("none", &Config { envelope, ..usual.clone() })?;
            }
            for (level, damage) in &Damage::LEVELS[1..] {
                matrix.add(
                    level,
                    &Config { damage: *damage, debug: seed % 2 == 0, ..usual.clone() },
                )?;
            }
        }
        eprintln!("{}", era.name());
    }
    let page = matrix.page(seeds, &rules)?;
    match file {
        Some(path) => std::fs::write(path, page)?,
        None => print!("{page}"),
    }
    let judged = || matrix.by_damage.values().chain(matrix.followed.values());
    let wrong: Vec<_> = judged().flat_map(|judgement| &judgement.wrong).collect();
    // One example of each kind and damage is worth more than a thousand lines.
    for (level, judgement) in &matrix.by_damage {
        let mut kinds = BTreeMap::<_, Vec<_>>::new();
        let further = [&judgement.wrong_inferred, &judgement.wrong_peers, &judgement.outside];
        let further = further.into_iter().flatten();
        for wrong in judgement.wrong.iter().chain(&judgement.missed).chain(further) {
            kinds.entry((wrong.what, wrong.reason)).or_default().push(wrong);
        }
        for ((what, reason), all) in kinds {
            let (level, wrong) = (Damage::LEVELS[*level].0, all[0]);
            eprintln!(
                "{level}: {} times wrong about {what} ({reason}), such as {}",
                all.len(),
                wrong.place
            );
            eprintln!("  said {}\n  was  {}\n  {}", wrong.said, wrong.was, wrong.line);
        }
    }
    Ok(wrong.is_empty() && are_right)
}

#[derive(Default)]
struct Matrix {
    /// By the index of the level among all levels.
    by_damage: BTreeMap<usize, Judgement>,
    /// The follower's, by the index of the level; undamaged ones in each era's usual envelope only.
    followed: BTreeMap<usize, Judgement>,
    /// Undamaged ones by era and envelope: recall is printed for each.
    undamaged: BTreeMap<(usize, usize), Judgement>,
}

impl Matrix {
    fn add(&mut self, level: &str, config: &Config) -> Result<(), Box<dyn Error>> {
        let mut logs = Memory::default();
        let simulation = Simulation::run(config, &mut logs)?;
        let judgement = judge(&logs, simulation.history().directory());
        let level = Damage::LEVELS.iter().position(|(name, _)| *name == level).unwrap_or(0);
        if level == 0 {
            let era = Era::ALL.iter().position(|era| *era == config.era).unwrap_or(0);
            let envelope = Envelope::ALL.iter().position(|e| *e == config.envelope).unwrap_or(0);
            *self.undamaged.entry((era, envelope)).or_default() += judgement.clone();
        }
        *self.by_damage.entry(level).or_default() += judgement;
        if level > 0 || config.envelope == config.era.usual_envelope() {
            let options = FollowerOptions::default();
            let (judgement, _) = judge_following(&logs, options, simulation.history().directory());
            *self.followed.entry(level).or_default() += judgement;
        }
        Ok(())
    }

    fn page(&self, seeds: u64, rules: &str) -> Result<String, Box<dyn Error>> {
        let mut page = String::new();
        writeln!(
            page,
            "# How often the correlator is right\n\n\
             Written by `cargo run --release -p asg-benches --bin accuracy -- --seeds {seeds} benches/ACCURACY.md`.\n\
             What each word means, and what \"right\" is in each era, is told in `benches/src/accuracy/mod.rs`; what each damage\n\
             does in `benches/src/sim/damage.rs`. {seeds} foundations of each kind: 3 cells, 60 containers, 10 minutes, with\n\
             crashes, restarts, deployments, tasks, staging, evacuations, renames and deletions.\n"
        )?;
        writeln!(
            page,
            "## Under damage\n\nAll eras, each in its usual envelope (undamaged: in every envelope).\n"
        )?;
        writeln!(
            page,
            "| damage | packet lines | wrong certain answers | precision of certain answers | recall | recall where evidence \
             survived | exact | unique prefix | inferred | ambiguous | unknown |\n|---|---|---|---|---|---|---|---|---|---|---|"
        )?;
        for (level, judged) in &self.by_damage {
            let [unknown, ambiguous, inferred, unique, exact] =
                judged.by_certainty.map(|n| percent(n, judged.packets));
            writeln!(
                page,
                "| {} | {} | {} | {} | {} | {} | {exact} | {unique} | {inferred} | {ambiguous} | {unknown} |",
                Damage::LEVELS[*level].0,
                judged.packets,
                judged.wrong.len(),
                full_percent(judged.precision()),
                full_percent(judged.recall()),
                full_percent(judged.evidenced_recall()),
            )?;
        }
        writeln!(
            page,
            "\nWarden's and the oldest garden-linux' lines, health checks, `REJECT_LOCAL:` and other tools' lines name nobody:\n\
             they are in `unknown`, and in neither recall."
        )?;
        self.times(&mut page)?;
        self.followed(&mut page)?;
        self.sides(&mut page)?;
        writeln!(
            page,
            "\n## Undamaged, by era and envelope\n\nRecall of certain answers; their precision is told if it is not 100 %.\n"
        )?;
        writeln!(page, "| era | {} |", Envelope::ALL.map(Envelope::name).join(" | "))?;
        writeln!(page, "|---{}|", "|---".repeat(Envelope::ALL.len()))?;
        for (era, of) in Era::ALL.iter().enumerate() {
            let cells = (0..Envelope::ALL.len()).map(|envelope| {
                match self.undamaged.get(&(era, envelope)) {
                    Some(judged) if judged.telling == 0 => "names nobody".into(),
                    Some(judged) if judged.wrong.is_empty() => full_percent(judged.recall()),
                    Some(judged) => format!(
                        "{} ({} right)",
                        full_percent(judged.recall()),
                        full_percent(judged.precision())
                    ),
                    None => String::new(),
                }
            });
            writeln!(page, "| {} | {} |", of.name(), cells.collect::<Vec<_>>().join(" | "))?;
        }
        write!(page, "\n{rules}")?;
        let Cost { lookups, lifetimes, bytes, names } = cost()?;
        writeln!(
            page,
            "\n## Cost\n\nOn the machine that wrote this page, one thread, {lifetimes} container lifetimes.\n"
        )?;
        writeln!(
            page,
            "| what | how much |\n|---|---|\n| look-ups of a prefix, by container or app | {lookups:.1} million per second |"
        )?;
        writeln!(page, "| a lifetime in a saved ledger | {} bytes |", bytes - names)?;
        writeln!(page, "| names of apps, spaces and orgs, for each lifetime | {names} bytes |")?;
        Ok(page)
    }
}

impl Matrix {
    fn times(&self, page: &mut String) -> std::fmt::Result {
        writeln!(
            page,
            "\n## Names and times under damage\n\nA time is outside its error if the packet was not logged within the range that \
             the flow gives. Wrong answers about\ncontainers without a surviving line are counted apart: nobody can know of \
             them.\nClocks of two cells differ by up to three minutes in `clocks` and `all`, one more than peers allow for.\n"
        )?;
        writeln!(
            page,
            "| damage | share named | inferred wrong | peers wrong | wrong about unseen containers | share with a time \
             | times outside their error | mean error |\n|---|---|---|---|---|---|---|---|"
        )?;
        for (level, judged) in &self.by_damage {
            writeln!(
                page,
                "| {} | {} | {} | {} | {} | {} | {} | {:.3} s |",
                Damage::LEVELS[*level].0,
                full_percent(judged.named_share()),
                judged.wrong_inferred.len(),
                judged.wrong_peers.len(),
                judged.wrong_unseen,
                full_percent(judged.timed_share()),
                judged.outside.len(),
                judged.mean_error(),
            )?;
        }
        Ok(())
    }

    fn followed(&self, page: &mut String) -> std::fmt::Result {
        writeln!(
            page,
            "\n## While the logs are being written\n\nThe follower, which waits 30 seconds for evidence, over the same lines in \
             the order in which they were\nwritten; undamaged ones in each era's usual envelope only.\n"
        )?;
        writeln!(
            page,
            "| damage | flows | wrong certain answers | precision of certain answers | recall | recall where evidence survived |\n\
             |---|---|---|---|---|---|"
        )?;
        for (level, judged) in &self.followed {
            writeln!(
                page,
                "| {} | {} | {} | {} | {} | {} |",
                Damage::LEVELS[*level].0,
                judged.packets,
                judged.wrong.len(),
                full_percent(judged.precision()),
                full_percent(judged.recall()),
                full_percent(judged.evidenced_recall()),
            )?;
        }
        Ok(())
    }

    fn sides(&self, page: &mut String) -> std::fmt::Result {
        writeln!(
            page,
            "\n## Second tellings, and the other end of a packet\n\nA second telling is a line about a packet that another line \
             has told. A peer is never more than inferred; before\nsilk, no line tells a container's own address, so there is \
             none.\n"
        )?;
        writeln!(
            page,
            "| damage | second tellings | merged | merged with another packet | packets between containers | peers inferred \
             | of these, right |\n|---|---|---|---|---|---|---|"
        )?;
        for (level, judged) in &self.by_damage {
            writeln!(
                page,
                "| {} | {} | {} | {} | {} | {} | {} |",
                Damage::LEVELS[*level].0,
                judged.copies,
                full_percent(judged.merged_share()),
                judged.wrong_merges,
                judged.pairs,
                percent(judged.peers, judged.pairs),
                full_percent(judged.peer_precision()),
            )?;
        }
        Ok(())
    }
}

const RULES: &str = "## Why a packet was allowed or denied";

/// Explains two days of foundations whose rules change; returns the part of the page about them,
/// and whether nothing was wrong.
fn rules(seeds: u64) -> Result<(String, bool), Box<dyn Error>> {
    let usual = || Rules { partial: 0.1, swapped: 0.05, ..Rules::default() };
    let (silk, none) = (Era::SilkModern, Damage::NONE);
    let kinds: [(&str, Era, Damage, Rules); 9] = [
        ("agents", silk, none, usual()),
        (
            "agents, only rules with `log` leave lines",
            silk,
            none,
            Rules { logs_all: false, ..usual() },
        ),
        ("agents that look every five minutes", silk, none, Rules { poll: 300, ..usual() }),
        (
            "agents, clocks of cells off by two minutes at most",
            silk,
            Damage { skew_seconds: 120, ..none },
            Rules { clock_tolerance: 121, ..usual() },
        ),
        (
            "agents, and changes that are taken back at once",
            silk,
            none,
            Rules { flickering: true, changes_per_hour: 12, ..usual() },
        ),
        ("agents, partial listings only", silk, none, Rules { partial: 1.0, ..usual() }),
        (
            "static cells beside agents",
            silk,
            none,
            Rules { enforcers: vec![Enforcer::Dynamic, Enforcer::Static], ..usual() },
        ),
        (
            "static cells, the order of groups is known",
            silk,
            none,
            Rules { enforcers: vec![Enforcer::Static], listed: true, ..usual() },
        ),
        (
            "guardian",
            Era::Guardian28,
            none,
            Rules { enforcers: vec![Enforcer::Guardian], logs_all: false, ..usual() },
        ),
    ];
    let mut page = format!(
        "{RULES}\n\nExplanations of lines, compared with the rules that the simulated kernel had. Two days, 3 cells, 12 \
         containers; people\nedit, bind and toggle security groups four times an hour, take some of it back, and write rules \
         that break sets;\na listing every quarter of an hour, one in ten of a narrow token, one in twenty while a group moved \
         between pages;\na server and agents that look once a minute. \
         `benches/src/accuracy/rules.rs` compares them. Wrong\nis any false claim: a decider that is certain, a basis, a matching rule, a \
         verdict by Cloud Controller's words, a reason,\na state of coverage. A change that came and went between two listings \
         without a trace cannot be known; certain answers\nthat it falsifies are counted apart. \
         `benches/tests/rules.rs` holds the floors: nothing is wrong, and without such changes no\ncertain answer is false; \
         most lines of agents have exact rules.\n\n\
         | column | what it counts |\n|---|---|\n\
         | certain, by order, undetermined | how surely the rule that decided is named |\n\
         | exact, either, earlier or later, none | how well the rules of the moment are known (`basis`) |\n\
         | predicted | lines whose verdict is claimed without them |\n\
         | contradicted | those whose line shows the other verdict; each has a reason, such as `sync_lag` |\n\
         | entries of coverage | rules of a space and phase whose state (logged, unlogged, hidden) was compared |\n\n"
    );
    writeln!(
        page,
        "| foundation | lines of groups | wrong | certain | by order | undetermined | false for changes without a trace | exact \
         | either | earlier or later | none | predicted | contradicted by the line, with a reason | entries of coverage \
         |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    )?;
    let mut are_right = true;
    for (what, era, damage, rules) in kinds {
        let mut all = RulesJudgement::default();
        for seed in 1..=seeds {
            let config = Config {
                seed,
                minutes: 2 * 24 * 60,
                cells: 3,
                containers: 12,
                packets_per_minute: 1,
                actions_per_minute: Some(1),
                damage,
                rules: Some(rules.clone()),
                ..Config::new(era)
            };
            let mut logs = Memory::default();
            let simulation = Simulation::run(&config, &mut logs)?;
            let directory = simulation.history().directory();
            all += judge_rules(&config, &logs, &simulation, directory);
        }
        if let Some(wrong) = all.wrong.first() {
            are_right = false;
            eprintln!("{what}: {} times wrong, first about {}", all.wrong.len(), wrong.what);
            eprintln!("  said {}\n  was  {}\n  {}", wrong.said, wrong.was, wrong.line);
        }
        let of = |n: u64| percent(n, all.governed);
        let [certain, by_order, undetermined] = all.by_decided.map(of);
        let [exact, either, earlier, later, none] = all.by_basis;
        writeln!(
            page,
            "| {what} | {} | {} | {certain} | {by_order} | {undetermined} | {} | {} | {} | {} | {} | {} | {} | {} |",
            all.governed,
            all.wrong.len(),
            all.unknowable,
            of(exact),
            of(either),
            of(earlier + later),
            of(none),
            of(all.predicted),
            all.contradicted,
            all.covered,
        )?;
        eprintln!("{what}");
    }
    Ok((page, are_right))
}

/// `98.4 %`.
fn percent(part: u64, whole: u64) -> String {
    let tenths = (part * 1000 + whole / 2).checked_div(whole).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// Formats a share, and never rounds up to 100 %.
fn full_percent(share: f64) -> String {
    if share >= 1.0 {
        "100 %".into()
    } else {
        format!("{:.3} %", (share * 100_000.0).floor() / 1000.0)
    }
}

/// The costs of a ledger.
struct Cost {
    /// Look-ups, millions per second.
    lookups: f64,
    lifetimes: usize,
    /// The size of the saved form, for each lifetime.
    bytes: usize,
    /// The part of it for the names: their text, without separators.
    names: usize,
}

fn cost() -> Result<Cost, Box<dyn Error>> {
    let mut logs = Memory::default();
    let config = Config {
        cells: 400,
        containers: 50_000,
        minutes: 2,
        packets_per_minute: 2,
        ..Config::new(Era::SilkModern)
    };
    let simulation = Simulation::run(&config, &mut logs)?;
    let correlation = correlate(&logs, simulation.history().directory(), |_, _| ());
    let ledger = correlation.ledger();
    let bytes = ledger.to_bytes().len() / ledger.len().max(1);
    let apps: BTreeSet<_> = ledger.lifetimes().filter_map(Lifetime::app).collect();
    let names = apps.iter().filter_map(|app| ledger.names(*app)).map(|names| {
        let words = [
            names.app_name(),
            names.space_guid(),
            names.space_name(),
            names.org_guid(),
            names.org_name(),
        ];
        words.into_iter().flatten().map(str::len).sum::<usize>()
    });
    let names = names.sum::<usize>() / ledger.len().max(1);
    let policy = TimePolicy::default();
    let texts: Vec<_> = logs
        .files
        .iter()
        .flat_map(|(_, text)| text.split(|&b| b == b'\n'))
        .map(Line::new)
        .collect();
    let records: Vec<_> =
        texts.iter().map(Record::classify).filter(|record| record.packet().is_some()).collect();
    let asked: Vec<_> = records
        .iter()
        .filter_map(|record| {
            let seen = record.time(&policy).map_or_else(Sighting::default, Sighting::at);
            Some((record.packet()?.1?, seen))
        })
        .collect();
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        for (prefix, seen) in &asked {
            black_box(ledger.attribute(prefix, seen));
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    let asked = u32::try_from(asked.len())?;
    let lookups = f64::from(asked) / best / 1e6;
    Ok(Cost { lookups, lifetimes: ledger.len(), bytes, names })
}
