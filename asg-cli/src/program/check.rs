//! `asglog check`: what logs can answer, what they cannot, and the next command to type.

use std::io::Write as _;

use asg_core::Correlation;
use asg_core::bytes::escape_text;
use asg_core::policy::{CoveredEntry, EntryState, Load};

use super::explain::load;
use super::logs::{Directory, Logs, NamedLogs, flows, note_forgotten};
use super::options::Options;
use super::{Context, coverage};
use crate::check::{Facts, Finding, Given, hints};
use crate::explain::SettingsSource;
use crate::origins;
use crate::output::format::Format;
use crate::output::zone::Zone;
use crate::output::{Out, sources};
use crate::query::Query;
use crate::report::{Failure, Report};

pub(super) fn run(options: &Options, mut context: Context<'_>) -> Result<(), Failure> {
    let directory = Directory::new(options, &mut context)?;
    let Context { monitor, report } = context;
    let logs = Logs::of(NamedLogs::new(&options.rest)?, true, options, &monitor)?;
    let is_asked = !options.rules.sources.groups.is_empty();
    let policy = is_asked.then(|| load(&options.rules, report)).transpose()?;
    let (query, gathered) = flows(options, &logs, &directory)?;
    let correlation = gathered.ready(&logs.readers, directory.names.as_ref())?;
    let query = match &policy {
        Some(policy) => query.explained(policy)?,
        None => query,
    };
    let mut facts = Facts::of(&logs.readers, &options.policy, &query, &correlation)?;
    for coverage in policy.iter().flat_map(|policy| coverage::all(policy, &[], None)) {
        let is_silent = |entry: &&CoveredEntry| {
            matches!(entry.state, EntryState::Unlogged | EntryState::HiddenBy(_))
        };
        facts.without_lines += coverage.entries.iter().filter(is_silent).count();
        facts.broken_sets += usize::from(coverage.load != Load::Ok);
    }
    let given = given(options);
    let mut out = Out::new(options.output.as_deref())?;
    out.write_all(escape_lines(&page(&facts, &given, &options.look.zone)).as_bytes())?;
    out.finish()?;
    directory.close(report);
    note_forgotten(correlation.counts(), report);
    match logs.close(correlation.outcomes(), report) {
        // The page has a sentence about empty logs.
        Err(Failure::Usage(_)) if facts.counts.lines == 0 => Ok(()),
        result => result,
    }
}

/// Returns the options of a command, as findings need them.
pub(super) fn given(options: &Options) -> Given {
    let quoted: Vec<_> = options.rest.iter().map(|path| quoted(&path.to_string_lossy())).collect();
    let logs = if quoted.is_empty() { "-".to_owned() } else { quoted.join(" ") };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.ok().and_then(|now| i64::try_from(now.as_nanos()).ok()).unwrap_or(0);
    let this_year = Zone::default().year(asg_core::Timestamp::from_nanos(now));
    Given {
        logs,
        names: !options.names.is_empty() || options.command == super::commands::Command::Demo,
        ledger: !options.ledgers.is_empty(),
        year: options.policy.year != asg_core::TimePolicy::default().year,
        utc_offset: options.policy.utc_offset.is_some(),
        groups: groups(options),
        directory: directory(options),
        this_year,
    }
}

/// Returns the options that choose a directory, as a shell reads them, with a blank behind each.
fn directory(options: &Options) -> String {
    const NAMES: [&str; 10] = [
        "cc-export",
        "cf",
        "api",
        "token-file",
        "client",
        "client-secret-file",
        "ca-cert",
        "skip-ssl-validation",
        "cc-v2",
        "renew",
    ];
    let given = options.given.iter().filter(|(name, _)| NAMES.contains(name));
    let word = |(name, value): &(&str, String)| match &**value {
        "" => format!("--{name} "),
        value => format!("--{name} {} ", quoted(value)),
    };
    given.map(word).collect()
}

/// Returns the options with security groups and settings, as a shell reads them.
fn groups(options: &Options) -> String {
    let sources = &options.rules.sources;
    if sources.groups.is_empty() {
        return String::new();
    }
    let mut words = vec!["--groups".to_owned()];
    words.extend(sources.groups.iter().map(|path| quoted(&path.to_string_lossy())));
    if let Some(profile) = sources.profile {
        words.push(format!("--profile {}", profile.as_str()));
    }
    if let Some(order) = sources.group_order {
        words.push(format!("--group-order {}", order.as_str()));
    }
    if let Some(SettingsSource::File(path)) = &sources.settings {
        words.push(format!("--settings {}", quoted(&path.to_string_lossy())));
    }
    if let Some(seconds) = sources.sync_tolerance {
        words.push(format!("--sync-tolerance {seconds}"));
    }
    if let Some(time) = sources.taken_at {
        words.push(format!("--taken-at {time}"));
    }
    words.join(" ")
}

/// Says on standard error why flows are not what people hope for.
pub(super) fn hint(
    known: &Correlation,
    flows: &Query,
    logs: &Logs,
    options: &Options,
    report: &Report,
) {
    // Each log has its own sentence then.
    if logs.are_all_left_out() {
        return;
    }
    let (facts, given) = (Facts::known(known), given(options));
    let found = hints(&facts, &given);
    for Finding { what, cure, chapter, .. } in &found {
        report.note(format_args!("{what}: {cure}"));
        if let Some(chapter) = chapter {
            report.note(format_args!("{chapter}"));
        }
    }
    let counts = &facts.counts;
    let is_for_people = options.format == Format::Table;
    if found.is_empty() && is_for_people && !given.names && counts.packets > 0 {
        report.note("to see names, give --cf, --api or --cc-export (see --help)");
    }
    let rows = flows.counts().map(|counts| counts.rows);
    if options.chooses() && counts.packets > 0 && rows == Some(0) {
        report.note("no packet is as --where, --since or --until want it");
    }
}

/// Returns a word as a shell reads it.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn page(facts: &Facts, given: &Given, zone: &Zone) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let flows = &facts.flows;
    let _ = writeln!(text, "These logs have {} lines:", facts.counts.lines);
    let mut count = |n: u64, what: &str| {
        let _ = writeln!(text, "{n:>12}  {what}");
    };
    let span = flows.first.zip(flows.last).map_or_else(String::new, |(first, last)| {
        format!(", from {} to {} {}", zone.whole(first), zone.whole(last), zone.name())
    });
    count(flows.packets, &format!("packets{span}"));
    if flows.packets > 0 {
        count(flows.allowed, "of them allowed");
        count(flows.denied, "of them denied");
    }
    if flows.rules.governed > 0 {
        count(flows.rules.decided, "of them explained by the rule that decided");
    }
    count(
        facts.counts.evidence,
        &format!("lines about containers: {} containers are known", facts.containers),
    );
    let mut lines = Vec::new();
    if sources::print(&facts.outcomes, origins::name, &mut lines).is_ok() {
        text.push_str(&String::from_utf8_lossy(&lines));
    }
    text.push_str("\nThey can answer:\n");
    let can = facts.answers();
    for what in &can {
        let _ = writeln!(text, "  * {what}");
    }
    if can.is_empty() {
        text.push_str("  * nothing\n");
    }
    let found = facts.findings(given);
    if !found.is_empty() {
        text.push_str("\nThey cannot answer more, because:\n");
    }
    for Finding { what, cure, command, chapter, .. } in &found {
        let _ = writeln!(text, "  * {what}\n    {cure}");
        if let Some(chapter) = chapter {
            let _ = writeln!(text, "    {chapter}");
        }
        if let Some(command) = command {
            let _ = writeln!(text, "        {command}");
        }
    }
    let _ = writeln!(text, "\nNext, type:\n  {}", facts.next(&found, given));
    text
}

/// Text of logs may be in it.
fn escape_lines(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(|line| escape_text(line).into_owned()).collect();
    lines.join("\n")
}
