//! The arguments of all commands, in one table.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use asg_core::TimePolicy;
use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt as _;

use super::policy_options::PolicyOptions;
use crate::answers::Measure;
use crate::explain::is_snapshot;
use crate::names::{self, is_saved_page};
use crate::output::csv::Formulas;
use crate::pipeline::Threads;
use crate::report::Failure;
use crate::time::{set_utc_offset, set_year};

/// A command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Parse,
    Correlate,
    Demo,
    Who,
    Top,
    LedgerBuild,
    LedgerMerge,
    LedgerShow,
    Export,
    Explain,
    Coverage,
    Snapshot,
}

/// Their names, as they are written.
pub(crate) const COMMANDS: [(&str, Command); 12] = [
    ("parse", Command::Parse),
    ("correlate", Command::Correlate),
    ("demo", Command::Demo),
    ("who", Command::Who),
    ("top", Command::Top),
    ("ledger build", Command::LedgerBuild),
    ("ledger merge", Command::LedgerMerge),
    ("ledger show", Command::LedgerShow),
    ("export", Command::Export),
    ("explain", Command::Explain),
    ("coverage", Command::Coverage),
    ("snapshot", Command::Snapshot),
];

use Command::{
    Correlate, Coverage, Demo, Explain, Export, LedgerBuild, LedgerMerge, LedgerShow, Parse,
    Snapshot, Top, Who,
};

/// An option: its short name, whether a value follows, and the commands that have it.
pub(crate) struct Opt {
    pub(crate) name: &'static str,
    pub(crate) short: Option<char>,
    pub(crate) takes_value: bool,
    pub(crate) of: &'static [Command],
}

const fn opt(
    name: &'static str,
    short: Option<char>,
    takes_value: bool,
    of: &'static [Command],
) -> Opt {
    Opt { name, short, takes_value, of }
}

const NAMED: &[Command] = &[Correlate, Who, Top, Explain];
/// Those that may ask a live Cloud Controller.
const LIVE: &[Command] = &[Correlate, Who, Top, Explain, Snapshot, Export];
const FILED: &[Command] = &[
    Parse,
    Correlate,
    Demo,
    Top,
    LedgerBuild,
    LedgerMerge,
    LedgerShow,
    Export,
    Explain,
    Coverage,
    Snapshot,
];
const ALL: &[Command] = &[
    Parse,
    Correlate,
    Demo,
    Who,
    Top,
    LedgerBuild,
    LedgerMerge,
    LedgerShow,
    Export,
    Explain,
    Coverage,
    Snapshot,
];
/// Commands that read security groups.
const POLICY: &[Command] = &[Explain, Coverage];

pub(crate) const OPTIONS: [Opt; 45] = [
    opt("format", None, true, &[Parse, Correlate, Demo, Who, Top, LedgerShow, Explain, Coverage]),
    opt("output", Some('o'), true, FILED),
    opt("csv-safe", None, false, &[Parse, Correlate, Demo, Top, LedgerShow, Explain]),
    opt("no-color", None, false, ALL),
    opt("help", Some('h'), false, ALL),
    opt("cf", None, false, LIVE),
    opt("api", None, true, LIVE),
    opt("renew", None, false, LIVE),
    opt("token-file", None, true, LIVE),
    opt("client", None, true, LIVE),
    opt("client-secret-file", None, true, LIVE),
    opt("ca-cert", None, true, LIVE),
    opt("skip-ssl-validation", None, false, LIVE),
    opt("cc-v2", None, false, NAMED),
    opt("cc-deadline", None, true, LIVE),
    opt("cc-budget", None, true, LIVE),
    opt("cc-export", None, true, NAMED),
    opt("ledger", None, true, &[Correlate, Who, Top, LedgerBuild, Explain]),
    opt("year", None, true, &[Parse, Correlate, Who, Top, LedgerBuild, Explain]),
    opt("utc-offset", None, true, &[Parse, Correlate, Who, Top, LedgerBuild, Explain]),
    opt("threads", None, true, &[Correlate, Demo, Explain]),
    opt("follow", Some('f'), false, &[Correlate]),
    opt("hold", None, true, &[Correlate]),
    opt("names-wait", None, true, &[Correlate]),
    opt("since", None, true, &[Correlate]),
    opt("state", None, true, &[Correlate]),
    opt("retention", None, true, &[Correlate]),
    opt("by", None, true, &[Top]),
    opt("limit", Some('n'), true, &[Top]),
    opt("measure", None, true, &[Top]),
    opt("where", None, true, &[Correlate, Demo, Top, Explain]),
    opt("cell", None, true, &[Who]),
    opt("at", None, true, &[Who]),
    opt("address", None, true, &[Who]),
    opt("groups", None, true, POLICY),
    opt("settings", None, true, POLICY),
    opt("profile", None, true, POLICY),
    opt("group-order", None, true, POLICY),
    opt("sync-tolerance", None, true, POLICY),
    opt("taken-at", None, true, POLICY),
    opt("space", None, true, POLICY),
    opt("phase", None, true, POLICY),
    opt("packet", None, true, &[Explain]),
    opt("packets", None, true, &[Explain]),
    opt("near", None, true, &[Explain]),
];

/// How an output is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One JSON object a line.
    Ndjson,
    Csv,
    Parquet,
    Summary,
}

impl Format {
    const ALL: [(&str, Self); 5] = [
        ("table", Self::Table),
        ("ndjson", Self::Ndjson),
        ("csv", Self::Csv),
        ("parquet", Self::Parquet),
        ("summary", Self::Summary),
    ];

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }

    /// Of a file whose name ends so, in capitals or not.
    fn of_ending(ending: &str) -> Option<Self> {
        match &*ending.to_ascii_lowercase() {
            "jsonl" | "json" => Some(Self::Ndjson),
            ending => Self::parse(ending),
        }
    }

    /// The formats of a command, its default first.
    pub(crate) const fn of(command: Command) -> &'static [Self] {
        match command {
            Parse => &[Self::Ndjson, Self::Csv, Self::Parquet],
            Correlate | Demo => {
                &[Self::Table, Self::Ndjson, Self::Csv, Self::Parquet, Self::Summary]
            }
            Who | Coverage => &[Self::Table, Self::Ndjson],
            Command::Snapshot => &[Self::Ndjson],
            _ => &[Self::Table, Self::Ndjson, Self::Csv, Self::Parquet],
        }
    }

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }
}

/// A command line.
pub(crate) struct Options {
    pub(crate) format: Format,
    pub(crate) output: Option<PathBuf>,
    pub(crate) colour: bool,
    /// Of CSV.
    pub(crate) formulas: Formulas,
    pub(crate) names: names::Options,
    pub(crate) policy: TimePolicy,
    pub(crate) ledgers: Vec<PathBuf>,
    pub(crate) threads: Threads,
    pub(crate) follow: bool,
    pub(crate) hold: Option<Duration>,
    /// Seconds.
    pub(crate) names_wait: Option<u64>,
    pub(crate) since: Option<asg_core::Timestamp>,
    pub(crate) state: Option<PathBuf>,
    pub(crate) retention: Option<Duration>,
    pub(crate) by: Vec<String>,
    pub(crate) limit: usize,
    pub(crate) measure: Measure,
    pub(crate) conditions: Vec<(String, String)>,
    pub(crate) cell: Option<String>,
    pub(crate) at: Option<asg_core::Timestamp>,
    pub(crate) address: Option<String>,
    pub(crate) rules: PolicyOptions,
    /// Logs, or the other arguments of the command.
    pub(crate) rest: Vec<PathBuf>,
}

/// The request of a command line.
pub(crate) enum Asked {
    Help,
    Run(Box<Options>),
}

impl Options {
    /// Reads the arguments behind a command.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`].
    pub(crate) fn read(
        command: Command,
        args: impl IntoIterator<Item = OsString>,
    ) -> Result<Asked, Failure> {
        let mut options = Self {
            format: Format::of(command)[0],
            output: None,
            colour: true,
            formulas: Formulas::Keep,
            names: names::Options::default(),
            policy: TimePolicy::default(),
            ledgers: Vec::new(),
            threads: Threads::default(),
            follow: false,
            hold: None,
            names_wait: None,
            since: None,
            state: None,
            retention: None,
            by: vec!["app".into()],
            limit: 10,
            measure: Measure::Packets,
            conditions: Vec::new(),
            cell: None,
            at: None,
            address: None,
            rules: PolicyOptions::default(),
            rest: Vec::new(),
        };
        let mut format = None;
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
            let known = OPTIONS.iter().find(|known| match arg {
                Long(name) => known.name == name,
                Short(letter) => known.short == Some(letter),
                Value(_) => false,
            });
            let known = known.filter(|known| known.of.contains(&command));
            let Some(known) = known else {
                let Value(path) = arg else { return Err(arg.unexpected().into()) };
                let path = PathBuf::from(path);
                if follows_page && (end == ListEnd::Later || is_saved_page(&path)) {
                    options.names.exports.push(path);
                    pages_follow = true;
                } else if follows_groups && (end == ListEnd::Later || is_snapshot(&path)) {
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
            let value = if known.takes_value { parser.value()? } else { OsString::new() };
            if known.name == "format" {
                format = Some(value.string()?);
            } else {
                options.set(known.name, value)?;
            }
        }
        options.format = options.chosen_format(command, format.as_deref())?;
        if options.follow && (options.names.cf || options.names.api.is_some()) {
            // Lines wait meanwhile, and a question can be asked again.
            options.names.deadline.get_or_insert(Duration::from_secs(30));
        }
        Ok(Asked::Run(Box::new(options)))
    }

    fn set(&mut self, name: &str, value: OsString) -> Result<(), Failure> {
        let usage = |what: String| Failure::Usage(what);
        match name {
            // As everywhere, `-` is standard output.
            "output" => self.output = Some(value.into()).filter(|path| *path != Path::new("-")),
            "csv-safe" => self.formulas = Formulas::Disarm,
            "no-color" => self.colour = false,
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
            "ledger" => self.ledgers.push(value.into()),
            "year" => set_year(&mut self.policy, &value.string()?)?,
            "utc-offset" => set_utc_offset(&mut self.policy, &value.string()?)?,
            "threads" => self.threads = threads(&value.string()?)?,
            "follow" => self.follow = true,
            "hold" | "retention" => {
                let text = value.string()?;
                let what = "takes a time such as 90, 90s, 30m, 24h or 7d";
                let what = || usage(format!("--{name} {what}, and not `{text}`"));
                let time = Some(duration(&text).ok_or_else(what)?);
                *(if name == "hold" { &mut self.hold } else { &mut self.retention }) = time;
            }
            "names-wait" => self.names_wait = Some(number(name, &value.string()?)?),
            "since" => {
                let text = value.string()?;
                let what = "takes a time with a zone, or how long ago it was, such as 30m";
                let what = || usage(format!("--since {what}, and not `{text}`"));
                let time = match duration(&text) {
                    Some(age) => before_now(age),
                    None => asg_core::Timestamp::parse(text.as_bytes()).ok(),
                };
                self.since = Some(time.ok_or_else(what)?);
            }
            "state" => self.state = Some(value.into()),
            "by" => self.by = value.string()?.split(',').map(|name| name.trim().into()).collect(),
            "limit" => {
                let text = value.string()?;
                let what = || usage(format!("--limit takes a number, and not `{text}`"));
                self.limit = text.parse().map_err(|_| what())?;
            }
            "measure" => self.measure = Measure::parse(&value.string()?)?,
            "where" => {
                let text = value.string()?;
                let what = || usage(format!("--where takes COLUMN=VALUE, and not `{text}`"));
                let (column, value) = text.split_once('=').ok_or_else(what)?;
                self.conditions.push((column.into(), value.into()));
            }
            "cell" => self.cell = Some(value.string()?),
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

    /// The named format; else that of the output's ending; else the default.
    fn chosen_format(&self, command: Command, named: Option<&str>) -> Result<Format, Failure> {
        let can = Format::of(command);
        let names = || can.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ");
        let format = match (named, self.output.as_ref().and_then(|path| path.extension())) {
            (Some(name), _) => {
                Format::parse(name).filter(|format| can.contains(format)).ok_or_else(|| {
                    Failure::Usage(format!("--format is one of {}, and not `{name}`", names()))
                })?
            }
            // Ledgers, exports and snapshots have one format, whatever their names.
            (None, Some(ending))
                if !matches!(command, LedgerBuild | LedgerMerge | Export | Snapshot) =>
            {
                let ending = ending.to_string_lossy();
                Format::of_ending(&ending).filter(|format| can.contains(format)).ok_or_else(|| {
                    let names = names();
                    Failure::Usage(format!(
                        "the ending .{ending} says no format: give --format with one of {names}, or such an ending"
                    ))
                })?
            }
            (None, _) => can[0],
        };
        if format == Format::Parquet && self.output.is_none() {
            return Err(Failure::Usage(
                "Parquet goes to a file: give --output FILE.parquet".into(),
            ));
        }
        if self.formulas == Formulas::Disarm && format != Format::Csv {
            return Err(Failure::Usage("--csv-safe goes with --format csv".into()));
        }
        if self.follow && !matches!(format, Format::Table | Format::Ndjson) {
            return Err(Failure::Usage("with --follow, --format is table or ndjson".into()));
        }
        let following = [
            ("hold", self.hold.is_some()),
            ("since", self.since.is_some()),
            ("state", self.state.is_some()),
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

/// The whole number from 1 on that is given with an option.
fn number(name: &str, text: &str) -> Result<u64, Failure> {
    let what = || Failure::Usage(format!("--{name} takes a number from 1 on, and not `{text}`"));
    text.parse().ok().filter(|number| *number > 0).ok_or_else(what)
}

/// A number of seconds, or of what the letter behind it says.
fn duration(text: &str) -> Option<Duration> {
    let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    let unit = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)));
    let (number, seconds) = unit.unwrap_or((text, 1));
    let number = number.parse::<u64>().ok()?;
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}

fn before_now(age: Duration) -> Option<asg_core::Timestamp> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let nanos = i64::try_from(now.checked_sub(age)?.as_nanos()).ok()?;
    Some(asg_core::Timestamp::from_nanos(nanos))
}

fn threads(text: &str) -> Result<Threads, Failure> {
    text.parse()
        .map(Threads::new)
        .map_err(|_| Failure::Usage(format!("--threads is a number from 1 on, and not `{text}`")))
}
