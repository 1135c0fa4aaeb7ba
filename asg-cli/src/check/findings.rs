//! Sentences about what logs cannot answer, each with what to do.

use std::fmt;

use asg_core::ledger::Reason;
use asg_core::record::Outcome;

use super::Facts;
use crate::origins;

/// How logs are fetched from all cells.
const FETCH: &str = "bosh -d cf logs diego-cell --all-logs --only='rep,kern.log*'";

/// The options of a command line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    /// The logs, as a shell reads them.
    pub(crate) logs: String,
    pub(crate) names: bool,
    pub(crate) ledger: bool,
    pub(crate) year: bool,
    pub(crate) utc_offset: bool,
    /// The options with security groups and settings, as a shell reads them; empty without groups.
    pub(crate) groups: String,
    /// The options that choose a directory, as a shell reads them, with a blank behind them; empty
    /// without any.
    pub(crate) directory: String,
    /// This year, for `--year`.
    pub(crate) this_year: i16,
}

/// Something that logs cannot answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// A sentence about it.
    pub(crate) what: String,
    /// The cure.
    pub(crate) cure: String,
    /// A command that can be typed as it is.
    pub(crate) command: Option<String>,
    /// The command needs a login at a Cloud Controller.
    pub(crate) needs_login: bool,
    /// The chapter of the book that has more about the cure.
    pub(crate) chapter: Option<Chapter>,
}

/// A chapter of the operator's page of the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chapter {
    Logging,
    Fetching,
    Names,
    Unknown,
}

impl Chapter {
    /// Its heading.
    const fn title(self) -> &'static str {
        match self {
            Self::Logging => "1. Switch packet logging on",
            Self::Fetching => "3. Get them off the cells",
            Self::Names => "4. Get the names",
            Self::Unknown => "6. When the answer is \"unknown\"",
        }
    }
}

impl fmt::Display for Chapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more in the book: Operators, {}", self.title())
    }
}

fn finding(what: impl Into<String>, cure: impl Into<String>, command: Option<String>) -> Finding {
    let (what, cure) = (what.into(), cure.into());
    Finding { what, cure, command, needs_login: false, chapter: None }
}

impl Finding {
    fn with(self, chapter: Chapter) -> Self {
        Self { chapter: Some(chapter), ..self }
    }
}

impl Facts {
    /// The questions that these logs cannot answer, the gravest first.
    pub(crate) fn findings(&self, given: &Given) -> Vec<Finding> {
        let logs = &given.logs;
        let mut found = hints(self, given);
        let flows = &self.flows;
        if flows.no_time > 0 {
            let n = flows.no_time;
            found.push(match (flows.no_year, given.year) {
                (0, _) => finding(
                    format!("{}: no time, because the lines show none", packets(n)),
                    "take the lines with the header that syslog puts in front of them",
                    None,
                ),
                (_, true) => finding(
                    format!("{}: no time, though --year is given", packets(n)),
                    "look at their stamps: the day may not exist in that year",
                    None,
                ),
                (_, false) => finding(
                    format!("{}: no time, because the stamps show no year", packets(n)),
                    "give the year of the logs",
                    Some(format!("asglog correlate --year {} {logs}", given.this_year)),
                ),
            });
        }
        let no_year = flows.no_year;
        if no_year > 0 && flows.no_time == 0 && !given.year {
            found.push(finding(
                format!("{} with a stamp without a year", packets(no_year)),
                "the year nearest to that of other lines was taken; if it is another, give --year",
                None,
            ));
        }
        let outside = flows.reasons.get(&Reason::OutsideLifetime).copied().unwrap_or(0);
        let assumed = self.no_zone.iter().find_map(|(_, would_fit)| *would_fit);
        if let Some(zone) = self.fitting_zone().or(assumed).map(offset) {
            let what = if self.fitting_zone().is_some() {
                "stamps show no zone, and packets are outside the life of their containers"
            } else {
                "stamps show no zone, and other logs have another than UTC"
            };
            let cure = if given.utc_offset {
                format!("the given --utc-offset does not fit; {zone} would")
            } else {
                format!("they fit with --utc-offset {zone}")
            };
            let command = format!("asglog correlate --utc-offset={zone} {logs}");
            found.push(finding(what, cure, Some(command)));
        } else if outside > 0 {
            found.push(finding(
                format!("{} outside the life of the container", packets(outside)),
                "give rep logs that cover the time of the packets, and look at the clocks of the cells",
                None,
            ).with(Chapter::Unknown));
        }
        if !given.utc_offset && assumed.is_none() && self.fitting_zone().is_none() {
            for (name, _) in &self.no_zone {
                found.push(finding(
                    format!("the stamps of {name} show no zone: UTC is assumed"),
                    "if the machine was not on UTC, give --utc-offset",
                    None,
                ));
            }
        }
        let unknown = flows.reasons.get(&Reason::UnknownHandle).copied().unwrap_or(0);
        if unknown > 0 {
            found.push(
                finding(
                    format!("no line speaks of the containers of {}", packets(unknown)),
                    Reason::UnknownHandle.advice(),
                    Some(format!("asglog correlate --where reason=unknown_handle {logs}")),
                )
                .with(Chapter::Unknown),
            );
        }
        if !self.silent.is_empty() {
            let (n, cells) = (self.silent.len(), self.cells);
            let names = self.silent.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
            let more = if n > 3 { ", …" } else { "" };
            found.push(finding(
                format!(
                    "{n} of {cells} cells wrote about containers, but no packet of them is here: \
                     {names}{more}"
                ),
                "fetch kern.log of these cells, too; if it has no packets, logging is off there",
                None,
            ).with(Chapter::Logging));
        }
        if flows.packets > 0 && flows.denied == 0 && flows.allowed > 0 {
            found.push(finding(
                "no packet is denied: denials are not logged, or there was none",
                "denials are logged with iptables_logging of the job silk-cni; a rule's log flag logs \
                 allowed packets only",
                None,
            ).with(Chapter::Logging));
        }
        if flows.packets > 0 && flows.allowed == 0 && flows.denied > 0 {
            found.push(finding(
                "no packet is allowed: only denials are logged, or these logs were filtered",
                "allowed packets are logged for rules with \"log\": true, or with iptables_logging",
                None,
            ).with(Chapter::Logging));
        }
        let foreign = flows.reasons.get(&Reason::NotCloudFoundry).copied().unwrap_or(0);
        if let (1.., Some(prefix)) = (foreign, &flows.foreign) {
            found.push(finding(
                format!(
                    "{} with a prefix that is not Cloud Foundry's, such as {prefix:?}",
                    packets(foreign)
                ),
                Reason::NotCloudFoundry.advice(),
                Some(format!("asglog top --by prefix {logs}")),
            ));
        }
        let total = self.outcomes.total();
        let mut lines = |outcome: Outcome, example: String, cure: &str, command: Option<String>| {
            if total.get(outcome) > 0 {
                let at = self
                    .outcomes
                    .first(outcome)
                    .map(|at| format!("; the first is {}:{}", origins::name(at.source), at.line));
                let at = at.unwrap_or_default();
                let what =
                    format!("{} lines {}{at}{example}", total.get(outcome), outcome.meaning());
                found.push(finding(what, cure, command));
            }
        };
        let parse = || Some(format!("asglog parse {logs}"));
        lines(Outcome::OverLong, String::new(), "look whether the log has line feeds", None);
        let header = flows.header().map_or_else(String::new, |line| format!(": {line}"));
        lines(Outcome::HeaderNotUnderstood, header, Reason::HeaderNotUnderstood.advice(), parse());
        lines(
            Outcome::NotPlatform,
            String::new(),
            "nothing: the text of apps proves nothing about packets",
            parse(),
        );
        lines(
            Outcome::NotUnderstood,
            String::new(),
            "read the cell's own files, or report the form of these lines",
            parse(),
        );
        lines(
            Outcome::Encoded,
            String::new(),
            "decode the texts first: `base64 -d`, and `zcat` behind it if they begin with `H4sI`",
            None,
        );
        lines(
            Outcome::Damaged,
            String::new(),
            "a drain cuts lines at 1 KiB unless it is told otherwise; the cell's own files are whole",
            parse(),
        );
        if self.dropped > 0 {
            found.push(finding(
                format!(
                    "{} lines were dropped on their way, by the word of who dropped them",
                    self.dropped
                ),
                "counts are floors",
                None,
            ));
        }
        if self.at_limit > 0 {
            found.push(finding(
                format!("{} containers logged as fast as the limit lets", self.at_limit),
                "one denial a second and container is logged, unless iptables_denied_logs_per_sec is raised: \
                 counts are floors",
                Some(format!("asglog correlate --format summary {logs}")),
            ));
        }
        found.extend(self.rules(given));
        if !given.names && flows.owned > 0 {
            found.push(names(logs));
        }
        found
    }

    /// What security groups do not explain, and what leaves no line.
    fn rules(&self, given: &Given) -> Vec<Finding> {
        let Given { logs, groups, directory, .. } = given;
        let rules = self.flows.rules;
        let mut found = Vec::new();
        if rules.contradicted > 0 {
            found.push(finding(
                format!("{} whose line contradicts the rules", packets(rules.contradicted)),
                "rules came late, or were broken, or the container has older ones: the codes show which",
                Some(format!("asglog explain --where agrees=false {directory}{groups} -- {logs}")),
            ));
        }
        if rules.vague > 0 {
            let found_vague = finding(
                format!("{} whose rules are not known exactly", packets(rules.vague)),
                "save the security groups more often, and give all files",
                Some("asglog snapshot --cf -o groups.json".to_owned()),
            );
            found.push(Finding { needs_login: true, ..found_vague });
        }
        let coverage = || Some(format!("asglog coverage {groups}"));
        if self.broken_sets > 0 {
            found.push(finding(
                format!("{} sets of rules are not enforced as they are written", self.broken_sets),
                "mend the rule whose destination or ports a cell cannot read",
                coverage(),
            ));
        }
        if self.without_lines > 0 {
            found.push(finding(
                format!("{} entries of rules leave no line", self.without_lines),
                "what they allow is not in these logs: set \"log\": true, and mind the order of groups",
                coverage(),
            ));
        }
        found
    }

    /// Returns the next command to type: the cure of the first finding, or a question that these
    /// logs can answer.
    pub(crate) fn next(&self, found: &[Finding], given: &Given) -> String {
        // Names need a login, which may not be there.
        let mends = found.iter().filter(|it| !it.needs_login).find_map(|it| it.command.clone());
        if let Some(command) = mends {
            return command;
        }
        let logs = &given.logs;
        match (self.counts.packets, self.counts.evidence) {
            (0, 0) => "asglog demo".to_owned(),
            (0, _) => format!("asglog ledger build --output cells.ledger {logs}"),
            (_, 0) if !given.ledger => format!("asglog top --by destination {logs}"),
            _ => format!("asglog correlate --format summary {logs}"),
        }
    }
}

fn names(logs: &str) -> Finding {
    let found = finding(
        "apps have no names, only GUIDs",
        "give --cf, or --cc-export with what `asglog export` has saved",
        Some(format!("asglog correlate --cf {logs}")),
    );
    Finding { needs_login: true, ..found }.with(Chapter::Names)
}

/// The hints that all commands give: which half of the logs is missing.
pub(crate) fn hints(facts: &Facts, given: &Given) -> Vec<Finding> {
    let logs = &given.logs;
    let counts = &facts.counts;
    let example = facts.other.as_ref();
    let example = example.map_or_else(String::new, |line| format!("; the first line is {line:?}"));
    if counts.lines == 0 {
        let what = "these logs are empty";
        return vec![finding(what, format!("fetch them again: {FETCH}"), None)];
    }
    if facts.tells_nothing() {
        let what = format!(
            "there are no packets in these logs, nor other lines of a kernel, which writes them, \
             and no line about a container{example}"
        );
        let cure = format!("is its log among these? {FETCH}");
        return vec![finding(what, cure, None).with(Chapter::Fetching)];
    }
    if counts.packets == 0 {
        let (what, cure) = if counts.other_kernel_lines > 0 {
            (
                "there are no packets in these logs",
                "is packet logging switched on in a security group?".to_owned(),
            )
        } else {
            (
                "there are no packets in these logs, nor other lines of a kernel, which writes them",
                format!("is its log among these? {FETCH}"),
            )
        };
        let command = format!("asglog ledger build --output cells.ledger {logs}");
        let command = Some(command).filter(|_| counts.evidence > 0);
        return vec![finding(what, cure, command).with(Chapter::Logging)];
    }
    if counts.evidence == 0 && !given.ledger {
        let cure = format!(
            "give rep.stdout.log of the same cells as well; names come after that: {FETCH}"
        );
        let command = format!("asglog top --by destination {logs}");
        let what = "no line in these logs is about a container";
        return vec![finding(what, cure, Some(command)).with(Chapter::Fetching)];
    }
    Vec::new()
}

/// `1 packet`, `2 packets`.
fn packets(n: u64) -> String {
    format!("{n} packet{}", if n == 1 { "" } else { "s" })
}

/// `+02:00`.
fn offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_is_not_suggested() {
        let mut facts = Facts::default();
        facts.counts.lines = 9;
        facts.counts.packets = 9;
        facts.counts.evidence = 1;
        facts.flows.packets = 9;
        facts.flows.owned = 9;
        facts.flows.no_time = 9;
        facts.flows.no_year = 9;
        let given = Given { logs: "a".into(), this_year: 2026, ..Given::default() };
        let commands = |given: &Given| {
            let found = facts.findings(given).into_iter().filter_map(|it| it.command);
            found.collect::<Vec<_>>().join("\n")
        };
        let all = commands(&given);
        assert!(all.contains("--year 2026") && all.contains("--cf"), "{all}");
        let less = commands(&Given { year: true, names: true, ..given });
        assert!(!less.contains("--year") && !less.contains("--cf"), "{less}");
    }

    #[test]
    fn chapters_are_headings_of_the_page() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operators.md");
        let page = std::fs::read_to_string(page).unwrap();
        for chapter in [Chapter::Logging, Chapter::Fetching, Chapter::Names, Chapter::Unknown] {
            let heading = format!("\n## {}\n", chapter.title());
            assert!(page.contains(&heading), "{heading}");
        }
    }

    #[test]
    fn logs_without_packets_lead_to_the_chapter_about_logging() {
        let mut facts = Facts::default();
        facts.counts.lines = 9;
        facts.counts.evidence = 1;
        facts.counts.other_kernel_lines = 1;
        let found = hints(&facts, &Given::default());
        assert_eq!(found[0].chapter, Some(Chapter::Logging));
        let told = "more in the book: Operators, 1. Switch packet logging on";
        assert_eq!(Chapter::Logging.to_string(), told);
    }

    #[test]
    fn a_zone_is_written_as_its_option_takes_it() {
        assert_eq!([0, 7_200, -12_600].map(offset), ["+00:00", "+02:00", "-03:30"]);
    }
}
