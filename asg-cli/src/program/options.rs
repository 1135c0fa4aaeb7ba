//! A command line, read by the table of commands.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use asg_core::TimePolicy;
use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt as _;

use super::commands::{COMMANDS, Command, Entry};
use super::option_table::{Takes, WHEN};
use super::policy_options::PolicyOptions;
use crate::answers::Measure;
use crate::explain::SettingsSource;
use crate::explain::is_snapshot;
use crate::in_use::InUse;
use crate::names::{self, is_saved_page};
use crate::nearest::hint;
use crate::output::csv::Formulas;
use crate::output::format::Format;
use crate::output::zone::Zone;
use crate::pipeline::Threads;
use crate::query::Condition;
use crate::report::Failure;
use crate::time::{moment, set_utc_offset, set_year};

/// A command line.
pub(crate) struct Options {
    pub(crate) command: Command,
    pub(crate) format: Format,
    pub(crate) output: Option<PathBuf>,
    /// Standard output was asked for by name.
    pub(crate) is_standard_output: bool,
    /// The options as they were given, with their values.
    pub(crate) given: Vec<(&'static str, String)>,
    /// Of a report.
    pub(crate) title: Option<String>,
    pub(crate) new_since: Option<asg_core::Timestamp>,
    /// Of a demonstration: where its report goes.
    pub(crate) report: Option<PathBuf>,
    pub(crate) look: LookOptions,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    /// The manual page is asked for.
    pub(crate) man: bool,
    /// Of CSV.
    pub(crate) formulas: Formulas,
    /// Objects have the packet's identifier.
    pub(crate) flow_id: bool,
    pub(crate) names: names::Options,
    pub(crate) policy: TimePolicy,
    pub(crate) ledgers: Vec<PathBuf>,
    pub(crate) networks: Vec<PathBuf>,
    pub(crate) prefixes: Vec<PathBuf>,
    pub(crate) threads: Threads,
    /// The number of packets whose further lines are recognised.
    pub(crate) remember: Option<usize>,
    pub(crate) follow: bool,
    pub(crate) hold: Option<Duration>,
    /// Seconds.
    pub(crate) names_wait: Option<u64>,
    pub(crate) since: Option<asg_core::Timestamp>,
    /// When the log was read, if that is not now.
    pub(crate) read_at: Option<asg_core::Timestamp>,
    pub(crate) until: Option<asg_core::Timestamp>,
    /// The app in question.
    pub(crate) app: Option<String>,
    /// All lines go into a bundle.
    pub(crate) whole: bool,
    pub(crate) state: Option<PathBuf>,
    /// Saved flows instead of logs.
    pub(crate) flows: Option<PathBuf>,
    /// Where counts go.
    pub(crate) metrics: Option<PathBuf>,
    pub(crate) retention: Option<Duration>,
    pub(crate) every: Option<Duration>,
    pub(crate) gap: Option<Duration>,
    pub(crate) by: Vec<String>,
    pub(crate) limit: Option<usize>,
    pub(crate) measure: Measure,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) cell: Option<String>,
    pub(crate) at: Option<asg_core::Timestamp>,
    pub(crate) address: Option<String>,
    pub(crate) rules: PolicyOptions,
    /// Of a redaction.
    pub(crate) key: Option<PathBuf>,
    pub(crate) new_key: bool,
    pub(crate) reverse: bool,
    /// Logs, or the other arguments of the command.
    pub(crate) rest: Vec<PathBuf>,
    /// No output may take the place of these files.
    pub(super) in_use: Vec<InUse>,
}

/// How a table looks, as options have it.
#[derive(Debug, Default)]
pub(crate) struct LookOptions {
    pub(crate) colour: Colour,
    pub(crate) wide: bool,
    pub(crate) no_trunc: bool,
    pub(crate) width: Option<usize>,
    pub(crate) zone: Zone,
    /// Names of columns; none for those that a table has by itself.
    pub(crate) columns: Vec<String>,
    /// Names of columns, some with a `-` in front.
    pub(crate) sort: Vec<String>,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Colour {
    /// On a terminal.
    #[default]
    Auto,
    Always,
    Never,
}

/// The request of a command line.
pub(crate) enum Asked {
    Help,
    Run(Box<Options>),
}

impl Options {
    /// Parses the arguments behind a command.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`].
    pub(crate) fn parse(
        command: Command,
        args: impl IntoIterator<Item = OsString>,
    ) -> Result<Asked, Failure> {
        let mut options = Self {
            command,
            format: command.formats().first().copied().unwrap_or(Format::Ndjson),
            output: None,
            is_standard_output: false,
            given: Vec::new(),
            title: None,
            new_since: None,
            report: None,
            look: LookOptions::default(),
            quiet: false,
            verbose: false,
            man: false,
            formulas: Formulas::Keep,
            flow_id: false,
            names: names::Options::default(),
            policy: TimePolicy::default(),
            ledgers: Vec::new(),
            networks: Vec::new(),
            prefixes: Vec::new(),
            threads: Threads::default(),
            follow: false,
            remember: None,
            hold: None,
            names_wait: None,
            since: None,
            read_at: None,
            until: None,
            app: None,
            whole: false,
            state: None,
            metrics: None,
            flows: None,
            retention: None,
            every: None,
            gap: None,
            by: vec![if command == Command::Timeline { "verdict" } else { "app" }.into()],
            limit: None,
            measure: Measure::Packets,
            conditions: Vec::new(),
            cell: None,
            at: None,
            address: None,
            rules: PolicyOptions::default(),
            key: None,
            new_key: false,
            reverse: false,
            rest: Vec::new(),
            in_use: Vec::new(),
        };
        let entry = command.entry();
        let mut format = None;
        // A zone may follow.
        let mut times = Vec::new();
        // Pages may follow `--cc-export`, and logs may follow the pages.
        let mut pages_follow = false;
        let mut groups_follow = false;
        let mut parser = lexopt::Parser::from_args(args);
        loop {
            let end = list_end(&mut parser);
            let Some(arg) = parser.next()? else { break };
            // Only logs follow `--`.
            let is_list = end != ListEnd::Here;
            let follows_page = std::mem::take(&mut pages_follow) && is_list;
            let follows_groups = std::mem::take(&mut groups_follow) && is_list;
            let known = entry.options().find(|known| match arg {
                Long(name) => known.name == name,
                Short(letter) => known.short == Some(letter),
                Value(_) => false,
            });
            let Some(known) = known else {
                let Value(path) = arg else { return Err(unknown(entry, &arg)) };
                let path = PathBuf::from(path);
                if follows_page && (end == ListEnd::Later || is_saved_page(&path)) {
                    options.given.push(("cc-export", path.to_string_lossy().into_owned()));
                    options.names.exports.push(path);
                    pages_follow = true;
                } else if follows_groups && (end == ListEnd::Later || is_snapshot(&path)) {
                    options.given.push(("groups", path.to_string_lossy().into_owned()));
                    options.rules.sources.groups.push(path);
                    groups_follow = true;
                } else {
                    options.rest.push(path);
                }
                continue;
            };
            if known.name == "help" {
                return Ok(Asked::Help);
            }
            pages_follow = known.name == "cc-export";
            groups_follow = known.name == "groups";
            let value = match known.takes {
                Takes::Nothing => OsString::new(),
                takes => parser.value().map_err(|_| {
                    let (name, word) = (known.name, takes.placeholder());
                    Failure::Usage(format!("--{name} takes a value: --{name} {word}"))
                })?,
            };
            options.given.push((known.name, value.to_string_lossy().into_owned()));
            match known.name {
                "format" => format = Some(value.string()?),
                name @ ("since" | "until" | "from" | "to" | "read-at" | "new-since") => {
                    times.push((name, value.string()?));
                }
                name => options.set(name, value)?,
            }
        }
        for (name, text) in times {
            let time = options.time(name, &text)?;
            *match name {
                "since" | "from" => &mut options.since,
                "until" | "to" => &mut options.until,
                "new-since" => &mut options.new_since,
                _ => &mut options.read_at,
            } = Some(time);
        }
        options.in_use = options.inputs().map(|path| InUse::new(path)).collect();
        options.format = options.chosen_format(command, format.as_deref())?;
        if options.follow && (options.names.cf || options.names.api.is_some()) {
            // Lines wait meanwhile, and a question can be asked again.
            options.names.deadline.get_or_insert(Duration::from_secs(30));
        }
        Ok(Asked::Run(Box::new(options)))
    }

    /// Returns whether only some packets are wanted.
    pub(crate) fn chooses(&self) -> bool {
        !self.conditions.is_empty() || self.since.is_some() || self.until.is_some()
    }

    fn set(&mut self, name: &str, value: OsString) -> Result<(), Failure> {
        let usage = |what: String| Failure::Usage(what);
        match name {
            // As everywhere, `-` is standard output.
            "output" => {
                self.is_standard_output = value == "-";
                self.output = Some(value.into()).filter(|path| *path != Path::new("-"));
            }
            "title" => self.title = Some(value.string()?),
            "report" => self.report = Some(value.into()),
            "csv-safe" => self.formulas = Formulas::Disarm,
            "flow-id" => self.flow_id = true,
            "no-color" => self.look.colour = Colour::Never,
            "color" => self.look.colour = colour(&value.string()?)?,
            "wide" => self.look.wide = true,
            "no-trunc" => self.look.no_trunc = true,
            "width" => {
                let width = number(name, &value.string()?)?;
                self.look.width = Some(usize::try_from(width).unwrap_or(usize::MAX));
            }
            "local" => self.look.zone = Zone::local()?,
            "tz" => self.look.zone = Zone::named(&value.string()?)?,
            "columns" => self.look.columns = names(&value.string()?),
            "sort" => self.look.sort = names(&value.string()?),
            "quiet" => self.quiet = true,
            "verbose" => self.verbose = true,
            "man" => self.man = true,
            "key" => self.key = Some(value.into()),
            "new-key" => self.new_key = true,
            "reverse" => self.reverse = true,
            "cf" => self.names.cf = true,
            "api" => self.names.api = Some(value.string()?),
            "renew" => self.names.renew = true,
            "token-file" => self.names.token_file = Some(value.into()),
            "client" => self.names.client = Some(value.string()?),
            "client-secret-file" => self.names.client_secret_file = Some(value.into()),
            "cc-v2" => self.names.v2 = true,
            "cc-deadline" => {
                self.names.deadline = Some(Duration::from_secs(number(name, &value.string()?)?));
            }
            "cc-budget" => self.names.budget = Some(number(name, &value.string()?)?),
            "ca-cert" => self.names.ca_cert = Some(value.into()),
            "skip-ssl-validation" => self.names.skip_ssl_validation = true,
            "cc-export" => self.names.exports.push(value.into()),
            "networks" => self.networks.push(value.into()),
            "prefixes" => self.prefixes.push(value.into()),
            "ledger" => self.ledgers.push(value.into()),
            "year" => set_year(&mut self.policy, &value.string()?)?,
            "utc-offset" => set_utc_offset(&mut self.policy, &value.string()?)?,
            "threads" => self.threads = threads(&value.string()?)?,
            "remember" => self.remember = Some(packets(&value.string()?)?),
            "follow" => self.follow = true,
            "hold" | "retention" | "every" | "gap" => {
                let text = value.string()?;
                let what = "takes a time such as 90, 90s, 30m, 24h or 7d";
                let what = || usage(format!("--{name} {what}, and not `{text}`"));
                let time = Some(duration(&text).ok_or_else(what)?);
                match name {
                    "hold" => self.hold = time,
                    "every" => self.every = time.filter(|time| !time.is_zero()),
                    "gap" => self.gap = time,
                    _ => self.retention = time,
                }
            }
            "names-wait" => self.names_wait = Some(number(name, &value.string()?)?),
            "state" => self.state = Some(value.into()),
            "metrics" => self.metrics = Some(value.into()),
            "flows" => self.flows = Some(value.into()),
            "by" => self.by = names(&value.string()?),
            "limit" => {
                let text = value.string()?;
                let what = || usage(format!("--limit takes a number, and not `{text}`"));
                self.limit = Some(text.parse().map_err(|_| what())?);
            }
            "measure" => self.measure = Measure::parse(&value.string()?)?,
            "where" => self.conditions.push(Condition::parse(&value.string()?)?),
            "cell" => self.cell = Some(value.string()?),
            "app" => self.app = Some(value.string()?),
            "whole" => self.whole = true,
            "at" => {
                let text = value.string()?;
                let what = || {
                    let what =
                        "--at takes a time with a zone, such as 2024-05-06T07:09:10Z, and not";
                    usage(format!("{what} `{text}`"))
                };
                self.at = Some(asg_core::Timestamp::parse(text.as_bytes()).map_err(|_| what())?);
            }
            "address" => self.address = Some(value.string()?),
            other => self.rules.set(other, value)?,
        }
        Ok(())
    }

    /// Returns a time as people write it, or how long ago it was.
    fn time(&self, name: &str, text: &str) -> Result<asg_core::Timestamp, Failure> {
        let what = "takes a time such as 2024-05-06T07:09:10Z or 2024-05-06, or how long ago it was, such as 30m";
        let found = match duration(text) {
            Some(age) => before_now(age),
            None => moment(text, &self.look.zone),
        };
        found.ok_or_else(|| Failure::Usage(format!("--{name} {what}, and not `{text}`")))
    }

    /// Returns the files that are read, except ledgers: a ledger may be saved under its old name.
    fn inputs(&self) -> impl Iterator<Item = &PathBuf> {
        let settings = match &self.rules.sources.settings {
            Some(SettingsSource::File(path)) => Some(path),
            _ => None,
        };
        let files = [
            &self.rest,
            &self.names.exports,
            &self.rules.sources.groups,
            &self.networks,
            &self.prefixes,
        ];
        files.into_iter().flatten().chain(&self.flows).chain(settings)
    }

    /// Returns the named format; else that of the output's ending; else the default.
    fn chosen_format(&self, command: Command, named: Option<&str>) -> Result<Format, Failure> {
        let can = command.formats();
        let Some(default) = can.first() else { return Ok(Format::Ndjson) };
        let words: Vec<_> = can.iter().map(|format| format.name()).collect();
        let names = || words.join(", ");
        let format = match (named, self.output.as_ref().and_then(|path| path.extension())) {
            (Some(name), _) => {
                Format::parse(name).filter(|format| can.contains(format)).ok_or_else(|| {
                    let near = hint(name, words.iter().copied());
                    Failure::Usage(format!(
                        "--format is one of {}, and not `{name}`{near}",
                        names()
                    ))
                })?
            }
            (None, Some(ending)) => {
                let ending = ending.to_string_lossy();
                Format::parse(&ending).filter(|format| can.contains(format)).ok_or_else(|| {
                    let names = names();
                    Failure::Usage(format!(
                        "the ending .{ending} says no format: give --format with one of {names}, or such an ending"
                    ))
                })?
            }
            (None, None) => *default,
        };
        if format == Format::Parquet && self.output.is_none() {
            return Err(Failure::Usage(
                "Parquet goes to a file: give --output FILE.parquet".into(),
            ));
        }
        if self.formulas == Formulas::Disarm && format != Format::Csv {
            return Err(Failure::Usage("--csv-safe goes with --format csv".into()));
        }
        if self.flow_id && (format != Format::Ndjson || self.follow) {
            let what = "--flow-id goes with --format ndjson, and not with --follow";
            return Err(Failure::Usage(what.into()));
        }
        if self.follow && (format.is_summary() || matches!(format, Format::Csv | Format::Parquet)) {
            let what = "with --follow, --format is table, ndjson, ecs, ocsf, otlp, cef or cim";
            return Err(Failure::Usage(what.into()));
        }
        if !self.prefixes.is_empty() && matches!(format, Format::Standard(_)) {
            let what = "--prefixes does not go with --format ecs, ocsf, otlp, cef or cim: packets of other firewalls \
                 have no record there";
            return Err(Failure::Usage(what.into()));
        }
        if self.follow && !self.rules.sources.groups.is_empty() {
            let what =
                "--groups does not go with --follow: an explanation may need lines that come later";
            return Err(Failure::Usage(what.into()));
        }
        if self.read_at.is_some() && !matches!(format, Format::Standard(_)) {
            let what = "--read-at goes with --format ecs, ocsf, otlp, cef or cim";
            return Err(Failure::Usage(what.into()));
        }
        let look = &self.look;
        if !look.columns.is_empty()
            && !matches!(format, Format::Table | Format::Csv | Format::Parquet)
        {
            let what = "--columns goes with table, csv and parquet; objects have all members";
            return Err(Failure::Usage(what.into()));
        }
        if !look.sort.is_empty() && !matches!(format, Format::Table | Format::Csv | Format::Ndjson)
        {
            return Err(Failure::Usage("--sort goes with table, csv and ndjson".into()));
        }
        let of_finished = [
            ("sort", !look.sort.is_empty()),
            ("columns", !look.columns.is_empty()),
            ("limit", self.limit.is_some()),
        ];
        if let Some((name, _)) = of_finished.iter().find(|(_, is_given)| *is_given && self.follow) {
            return Err(Failure::Usage(format!("--{name} does not go with --follow")));
        }
        let following = [
            ("hold", self.hold.is_some()),
            ("state", self.state.is_some()),
            ("metrics", self.metrics.is_some()),
            ("retention", self.retention.is_some()),
        ];
        if let Some((name, _)) = following.iter().find(|(_, is_given)| *is_given && !self.follow) {
            return Err(Failure::Usage(format!("--{name} goes with --follow")));
        }
        if self.names_wait.is_some() && (!self.follow || self.names.is_empty()) {
            let what = "--names-wait goes with --follow, and with --cf or --api";
            return Err(Failure::Usage(what.into()));
        }
        Ok(format)
    }
}

/// Where `--` ends a list of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListEnd {
    /// It is the next argument.
    Here,
    /// It follows one or more values.
    Later,
    /// An option comes first, or `--` does not occur.
    Nowhere,
}

fn list_end(parser: &mut lexopt::Parser) -> ListEnd {
    let Some(rest) = parser.try_raw_args() else { return ListEnd::Nowhere };
    let is_option = |arg: &OsString| arg.as_encoded_bytes().starts_with(b"-") && arg != "-";
    match rest.as_slice().iter().position(is_option) {
        Some(at) if rest.as_slice()[at] == "--" && at == 0 => ListEnd::Here,
        Some(at) if rest.as_slice()[at] == "--" => ListEnd::Later,
        _ => ListEnd::Nowhere,
    }
}

/// Returns the whole number from 1 on that is given with an option.
fn number(name: &str, text: &str) -> Result<u64, Failure> {
    let what = || Failure::Usage(format!("--{name} takes a number from 1 on, and not `{text}`"));
    text.parse().ok().filter(|number| *number > 0).ok_or_else(what)
}

/// Parses a number of seconds, or of the unit of the letter behind it.
fn duration(text: &str) -> Option<Duration> {
    let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    let unit = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)));
    let (number, seconds) = unit.unwrap_or((text, 1));
    let number = number.parse::<u64>().ok()?;
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}

/// Names with commas between.
fn names(text: &str) -> Vec<String> {
    text.split(',').map(|name| name.trim().to_owned()).collect()
}

fn colour(text: &str) -> Result<Colour, Failure> {
    match text {
        "auto" => Ok(Colour::Auto),
        "always" => Ok(Colour::Always),
        "never" => Ok(Colour::Never),
        _ => {
            let near = hint(text, WHEN.iter().copied());
            Err(Failure::Usage(format!("--color is auto, always or never, and not `{text}`{near}")))
        }
    }
}

/// Returns an option that a command does not have.
fn unknown(entry: &Entry, arg: &lexopt::Arg<'_>) -> Failure {
    let written = match arg {
        Long(name) => format!("--{name}"),
        Short(letter) => format!("-{letter}"),
        Value(_) => String::new(),
    };
    let name = written.trim_start_matches('-');
    let elsewhere = COMMANDS.iter().filter(|other| other.option(name).is_some());
    let elsewhere: Vec<_> = elsewhere.map(|other| format!("asglog {}", other.name)).collect();
    let near = hint(name, entry.options().map(|option| option.name)).replace('`', "`--");
    let near = near.replace("`--?", "`?");
    let what = match (elsewhere.is_empty(), near.is_empty()) {
        (false, _) => {
            let verb = if elsewhere.len() == 1 { "has" } else { "have" };
            format!("; {} {verb} it", elsewhere.join(", "))
        }
        _ => near,
    };
    Failure::Usage(format!("asglog {} has no option `{written}`{what}", entry.name))
}

/// Returns the time so long ago; `None` if the system's clock is out of its range.
pub(crate) fn before_now(age: Duration) -> Option<asg_core::Timestamp> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let nanos = i64::try_from(now.checked_sub(age)?.as_nanos()).ok()?;
    Some(asg_core::Timestamp::from_nanos(nanos))
}

fn packets(text: &str) -> Result<usize, Failure> {
    let number = text.parse().ok().filter(|packets| (1..=1 << 31).contains(packets));
    let what =
        || format!("--remember is a number of packets from 1 to 2147483648, and not `{text}`");
    number.ok_or_else(|| Failure::Usage(what()))
}

fn threads(text: &str) -> Result<Threads, Failure> {
    text.parse()
        .map(Threads::new)
        .map_err(|_| Failure::Usage(format!("--threads is a number from 1 on, and not `{text}`")))
}
