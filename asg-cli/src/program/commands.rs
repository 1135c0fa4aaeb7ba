//! The commands and their options, in one table. Parsing, help, the manual page and completion are
//! made of it.

use asg_core::siem::Standard;

use crate::answers::Measure;
use crate::output::format::Format;

/// A command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Parse,
    Correlate,
    Demo,
    Check,
    Top,
    Who,
    Explain,
    Coverage,
    Snapshot,
    LedgerBuild,
    LedgerMerge,
    LedgerShow,
    Export,
    Completion,
    Help,
}

/// A group of options. A command has whole groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Format,
    Csv,
    Records,
    File,
    Folder,
    Threads,
    Where,
    Between,
    Limit,
    Top,
    Look,
    Fit,
    Zones,
    Follow,
    Labels,
    Ledger,
    Stamps,
    Live,
    Directory,
    Who,
    Policy,
    Explain,
    Coverage,
    Man,
    Always,
}

/// The value of an option.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Takes {
    Nothing,
    /// Any text. The help shows this word for it.
    Text(&'static str),
    /// A file.
    File(&'static str),
    /// One of these.
    Words(&'static str, &'static [&'static str]),
    /// One of the command's formats.
    Format,
    /// Names of columns with commas between.
    Columns(&'static str),
    /// A condition about a column.
    Condition,
}

impl Takes {
    /// The word for the value in the help; empty without a value.
    pub(crate) const fn placeholder(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Text(word) | Self::File(word) | Self::Words(word, _) | Self::Columns(word) => {
                word
            }
            Self::Format => "FORMAT",
            Self::Condition => "CONDITION",
        }
    }
}

/// An option.
#[derive(Debug)]
pub(crate) struct Opt {
    pub(crate) name: &'static str,
    pub(crate) short: Option<char>,
    pub(crate) takes: Takes,
    pub(crate) group: Group,
    /// Its meaning; empty for another spelling of an option.
    pub(crate) text: &'static str,
}

/// A command, its options and its help.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) command: Command,
    /// As it is written.
    pub(crate) name: &'static str,
    /// A few words, for the list of commands.
    pub(crate) brief: &'static str,
    /// A sentence or two.
    pub(crate) about: &'static str,
    /// The usage behind the name.
    pub(crate) usage: &'static [&'static str],
    /// The arguments besides options.
    pub(crate) arguments: &'static [(&'static str, &'static str)],
    /// Whether the formats of logs are explained.
    pub(crate) reads_logs: bool,
    pub(crate) groups: &'static [Group],
    /// Paragraphs behind the options.
    pub(crate) notes: &'static [&'static str],
    pub(crate) status: &'static str,
    pub(crate) examples: &'static [&'static str],
}

impl Entry {
    /// Its options, in the order of the help.
    pub(crate) fn options(&self) -> impl Iterator<Item = &'static Opt> {
        let always = std::iter::once(&Group::Always);
        let groups = self.groups.iter().chain(always);
        groups.flat_map(|group| OPTIONS.iter().filter(move |option| option.group == *group))
    }

    /// The option that is written so.
    pub(crate) fn option(&self, long: &str) -> Option<&'static Opt> {
        self.options().find(|option| option.name == long)
    }
}

impl Command {
    pub(crate) fn entry(self) -> &'static Entry {
        let found = COMMANDS.iter().find(|entry| entry.command == self);
        found.expect("a test finds each command in the table")
    }

    /// Its formats, the default first; none if it has one only.
    pub(crate) const fn formats(self) -> &'static [Format] {
        use Format::{Csv, Ndjson, Parquet, Standard as Of, Summary, Table};
        use Standard::{Cef, Cim, Ecs, Ocsf, Otlp};
        match self {
            Self::Parse => &[Ndjson, Csv, Parquet],
            Self::Correlate | Self::Demo => &[
                Table,
                Ndjson,
                Csv,
                Parquet,
                Summary,
                Of(Ecs),
                Of(Ocsf),
                Of(Otlp),
                Of(Cef),
                Of(Cim),
            ],
            Self::Who | Self::Coverage => &[Table, Ndjson],
            Self::Top | Self::LedgerShow | Self::Explain => &[Table, Ndjson, Csv, Parquet],
            _ => &[],
        }
    }
}

const LOGS: &[(&str, &str)] = &[(
    "LOG",
    "kernel logs and rep logs of one foundation, in any order, or archives and folders of them; - is \
     standard input, which is also read if none is given and something is piped in",
)];

const READ: &str = "0; 1 if something was left out (a sentence says what: a log, the names); 2 if nothing could be \
    done; 130 after Ctrl-C.";

const DONE: &str = "0; 2 if nothing could be done; 130 after Ctrl-C.";

use Group::{
    Between, Csv, Directory, File, Fit, Folder, Follow, Labels, Ledger, Limit, Live, Look, Man,
    Policy, Stamps, Threads, Where, Zones,
};

pub(crate) static COMMANDS: [Entry; 15] = [
    Entry {
        command: Command::Parse,
        name: "parse",
        brief: "print each line of logs as a JSON object",
        about: "Prints one JSON object for each line of logs, in their order.",
        usage: &["[OPTIONS] [LOG…]"],
        arguments: &[(
            "LOG",
            "a log, an archive or a folder; - is standard input, which is also read if none is given",
        )],
        reads_logs: true,
        groups: &[Group::Format, File, Csv, Where, Between, Limit, Stamps, Labels],
        notes: &[
            "Each object has a `kind`: `packet`, `rep` (a line about a container), `logger` (a line of silk's \
             iptables-logger), `other`, or `damaged`, where `error` says what is wrong and at which byte. If several \
             logs are given, `source` says which one it is. CSV, Parquet and --where are about packets only.",
        ],
        status: "0; 1 if a log could not be read to its end; 2 if none could; 130 after Ctrl-C.",
        examples: &[
            "asglog parse /var/log/kern.log",
            "asglog parse --where 'dpt>1023' --where verdict=denied kern.log",
            "zcat kern.log.*.gz | asglog parse --year 2017 | jq 'select(.kind == \"damaged\") | .error'",
            "asglog parse --output packets.parquet kern.log*",
        ],
    },
    Entry {
        command: Command::Correlate,
        name: "correlate",
        brief: "name the app, space and org of each packet, and say how sure that is",
        about: "Tells for each packet in Cloud Foundry's logs which app, space and org sent it, and how sure that \
            is.",
        usage: &["[OPTIONS] [LOG…]"],
        arguments: LOGS,
        reads_logs: true,
        groups: &[
            Group::Format,
            File,
            Csv,
            Group::Records,
            Threads,
            Where,
            Between,
            Limit,
            Look,
            Fit,
            Zones,
            Follow,
            Directory,
            Live,
            Ledger,
            Stamps,
            Labels,
        ],
        notes: &[],
        status: READ,
        examples: &[
            "asglog correlate --cf kern.log rep.stdout.log",
            "asglog correlate --where verdict=denied --where 'dpt<1024' -n 20 kern.log rep.stdout.log",
            "asglog correlate --columns time,app_name,dst,dpt --sort dst,-time kern.log rep.stdout.log",
            "asglog correlate --format ndjson --cc-export apps.json processes.json -- cells/*.log.gz | jq .app.name",
            "asglog correlate --ledger cells.ledger --output flows.parquet kern.log",
            "ssh syslog-host zcat /var/log/cf/2024-05-06.gz | asglog correlate --format summary --threads 4 -",
            "asglog correlate --follow --format ndjson /var/log/kern.log /var/vcap/sys/log/rep/rep.stdout.log",
            "journalctl -f -o json | asglog correlate --follow -",
        ],
    },
    Entry {
        command: Command::Demo,
        name: "demo",
        brief: "show all of it on bundled logs and an embedded Cloud Controller",
        about: "Shows `asglog correlate` on bundled logs, with an embedded Cloud Controller on a loopback port. No \
            network is used.",
        usage: &["[OPTIONS]"],
        arguments: &[],
        reads_logs: false,
        groups: &[
            Group::Format,
            File,
            Csv,
            Group::Records,
            Threads,
            Where,
            Between,
            Limit,
            Look,
            Fit,
            Zones,
            Labels,
        ],
        notes: &[],
        status: DONE,
        examples: &["asglog demo", "asglog demo --format ndjson | jq .app.name"],
    },
    Entry {
        command: Command::Check,
        name: "check",
        brief: "tell what logs can answer, what they cannot, and what to type next",
        about: "Tells on one page what these logs can answer and what they cannot: which half is missing, stamps \
            without a year or a zone, cells without packets, lines that are damaged or too long. It gives the next \
            command to type.",
        usage: &["[OPTIONS] [LOG…]"],
        arguments: LOGS,
        reads_logs: true,
        groups: &[File, Zones, Directory, Live, Ledger, Stamps],
        notes: &[],
        status: READ,
        examples: &["asglog check kern.log rep.stdout.log", "asglog check --cf cells.tgz"],
    },
    Entry {
        command: Command::Top,
        name: "top",
        brief: "list the largest senders",
        about: "Tells who sent most packets, and how many of them were allowed and denied.",
        usage: &["[OPTIONS] [LOG…]"],
        arguments: LOGS,
        reads_logs: true,
        groups: &[
            Group::Top,
            Limit,
            Group::Format,
            File,
            Csv,
            Where,
            Between,
            Directory,
            Live,
            Ledger,
            Stamps,
            Fit,
            Zones,
            Labels,
        ],
        notes: &[],
        status: READ,
        examples: &[
            "asglog top --cf kern.log rep.stdout.log",
            "asglog top --by app,destination --measure denied --where verdict=denied -n 50 --cf *.log.gz",
        ],
    },
    Entry {
        command: Command::Who,
        name: "who",
        brief: "find the owner of a handle or an address, and the containers of an app",
        about: "Tells whose a handle is, who had an address at a time, and which containers an app or a process had, as \
            far as logs, ledgers or saved flows tell.",
        usage: &["[OPTIONS] WHAT [LOG…]"],
        arguments: &[
            (
                "WHAT",
                "a handle or the beginning of one, a log prefix such as DENY_d08bb414-cdba-4381-412a, an address, the GUID \
                 of an app, a process or a task, or an app's name",
            ),
            (
                "LOG",
                "rep logs, or archives and folders of them; flows that were saved as Parquet (.parquet); - is standard \
                 input",
            ),
        ],
        reads_logs: false,
        groups: &[Group::Who, Group::Format, Directory, Live, Ledger, Stamps, Fit, Zones],
        notes: &[],
        status: "0; 1 if nobody is known for sure, or something was left out; 2 if nothing could be done; 130 after \
            Ctrl-C.",
        examples: &[
            "asglog who d08bb414 rep.stdout.log",
            "asglog who 10.255.73.3 --at 2024-05-06T07:09:10Z --cell 0455ec2b-11fa-41ab-9d1c-f3a575cd55ea rep.stdout.log",
            "asglog who orders --cc-export saved -- kern.log rep.stdout.log",
            "asglog who --ledger cells.ledger --at 2024-05-06T07:09:10Z --cf OK_bfce786c-ab07-40ad-79f9-8",
        ],
    },
    Entry {
        command: Command::Explain,
        name: "explain",
        brief: "tell why packets were allowed or denied, and which change would allow them",
        about: "Tells why packets were allowed or denied: which rule decided, how surely that is known, and which \
            change would have allowed them.",
        usage: &[
            "--groups FILE… [OPTIONS] [--] LOG…",
            "--groups FILE… --packet PACKET [--space GUID] [--phase PHASE]",
            "--groups FILE… --packets FILE|-",
        ],
        arguments: &[(
            "LOG",
            "kernel logs and rep logs of one foundation, as for `asglog correlate`; every packet is explained by the \
             rules of its time",
        )],
        reads_logs: false,
        groups: &[
            Group::Explain,
            Group::Coverage,
            Group::Format,
            File,
            Csv,
            Threads,
            Where,
            Between,
            Limit,
            Policy,
            Directory,
            Live,
            Ledger,
            Stamps,
            Fit,
            Labels,
        ],
        notes: &[],
        status: READ,
        examples: &[
            "asglog snapshot --cf -o groups.json",
            "asglog explain --groups groups.json --packet 'tcp 10.0.11.7:443' --space c65add41-d85b-4823-9e2a-545a5e0e5812",
            "asglog explain --groups monday.json tuesday.json --where verdict=denied --cf -- kern.log rep.stdout.log",
            "asglog explain --groups groups.json --where agrees=false --format ndjson --cf -- *.log.gz",
        ],
    },
    Entry {
        command: Command::Coverage,
        name: "coverage",
        brief: "list which rules leave lines in the logs, and which packets cannot",
        about: "Lists which rules leave lines in the logs, and which packets cannot leave any, by the last complete \
            snapshot.",
        usage: &["--groups FILE… [OPTIONS]"],
        arguments: &[],
        reads_logs: false,
        groups: &[Group::Coverage, Group::Format, File, Policy, Fit],
        notes: &[],
        status: DONE,
        examples: &[
            "asglog coverage --groups groups.json",
            "asglog coverage --groups groups.json --format ndjson | jq '.entries[] | select(.state != \"logged\")'",
        ],
    },
    Entry {
        command: Command::Snapshot,
        name: "snapshot",
        brief: "save the security groups of a Cloud Controller",
        about: "Saves all security groups and their bindings in Cloud Controller's order, with the time: what \
            `--groups` reads.",
        usage: &["--cf --output FILE"],
        arguments: &[],
        reads_logs: false,
        groups: &[File, Live],
        notes: &[
            "Cloud Controller keeps no history of security groups, so take a snapshot often, for example every hour.",
        ],
        status: "0; 1 if the token may not see everything; 2 if nothing could be done; 130 after Ctrl-C.",
        examples: &["asglog snapshot --cf --output groups-$(date -u +%Y%m%dT%H%MZ).json"],
    },
    Entry {
        command: Command::LedgerBuild,
        name: "ledger build",
        brief: "keep the evidence about containers, for when the logs are gone",
        about: "Writes a ledger of what these logs prove about containers, and of what the ledgers of --ledger did: \
            some dozens of bytes for each container, long after the logs are gone.",
        usage: &["--output FILE [OPTIONS] LOG…"],
        arguments: LOGS,
        reads_logs: false,
        groups: &[File, Ledger, Stamps],
        notes: &[WHOLE],
        status: LEFT_OUT,
        examples: &["asglog ledger build --output today.ledger rep/*.log.gz"],
    },
    Entry {
        command: Command::LedgerMerge,
        name: "ledger merge",
        brief: "write one ledger of many",
        about: "Writes one ledger of many; their order does not matter.",
        usage: &["--output FILE LEDGER…"],
        arguments: &[],
        reads_logs: false,
        groups: &[File],
        notes: &[WHOLE],
        status: LEFT_OUT,
        examples: &["asglog ledger merge --output all.ledger yesterday.ledger today.ledger"],
    },
    Entry {
        command: Command::LedgerShow,
        name: "ledger show",
        brief: "list the containers in ledgers",
        about: "Lists the containers in ledgers.",
        usage: &["[OPTIONS] LEDGER…"],
        arguments: &[],
        reads_logs: false,
        groups: &[Group::Format, File, Csv, Fit, Zones],
        notes: &[],
        status: LEFT_OUT,
        examples: &["asglog ledger show all.ledger"],
    },
    Entry {
        command: Command::Export,
        name: "export",
        brief: "save what a Cloud Controller knows, for when there is no network",
        about: "Saves what names and policies need of a Cloud Controller: apps, processes, tasks, builds, \
            deployments, spaces, orgs, security groups with their bindings, and audit events, all pages of them, for \
            --cc-export.",
        usage: &["--cf --output FOLDER [OPTIONS]"],
        arguments: &[],
        reads_logs: false,
        groups: &[Folder, Live],
        notes: &[
            "The file about-this-export.json holds the time at which the export began. There is no secret in an \
             export, but names and rules: its files are readable by their owner only.",
        ],
        status: "0; 2 if the export is not whole, and the same command goes on with it; 130 after Ctrl-C.",
        examples: &[
            "asglog export --cf --output foundation-2024-05-06",
            "asglog export --api https://api.example.org --client asg-names --client-secret-file secret --output foundation",
            "asglog correlate --cc-export foundation-2024-05-06 -- kern.log rep.stdout.log",
        ],
    },
    Entry {
        command: Command::Completion,
        name: "completion",
        brief: "print completions for bash, zsh or fish",
        about: "Prints what a shell runs to complete commands, options, values, columns and files.",
        usage: &["bash|zsh|fish"],
        arguments: &[],
        reads_logs: false,
        groups: &[],
        notes: &[],
        status: "0; 2 for a shell that is not known.",
        examples: &[
            "eval \"$(asglog completion bash)\"                 # in ~/.bashrc",
            "eval \"$(asglog completion zsh)\"                  # in ~/.zshrc, behind compinit",
            "asglog completion fish | source                  # in ~/.config/fish/config.fish",
        ],
    },
    Entry {
        command: Command::Help,
        name: "help",
        brief: "explain a command, or the columns",
        about: "Explains a command; `columns` lists the names, meanings and values of all columns.",
        usage: &["[COMMAND|columns]", "--man"],
        arguments: &[],
        reads_logs: false,
        groups: &[Man],
        notes: &[],
        status: "0; 2 for a command that does not exist.",
        examples: &[
            "asglog help correlate",
            "asglog help columns",
            "asglog help --man > /usr/local/share/man/man1/asglog.1",
        ],
    },
];

const WHOLE: &str =
    "A ledger is moved into place when it is whole: a crash leaves the old one or the new one.";

const LEFT_OUT: &str = "0; 1 if something was left out (a sentence says what); 2 if nothing could be done; 130 after Ctrl-C.";

impl Group {
    /// The group's title in a help.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Format | Self::Records | Csv | File | Folder | Threads => "Output",
            Self::Top | Self::Who | Self::Man => "Options",
            Where | Between | Limit => "Choosing packets",
            Look | Fit | Zones => "Look",
            Follow => "Following",
            Directory | Live => "Names; without one of these the output has GUIDs only",
            Labels => "Names and verdicts of your own",
            Ledger | Stamps => "Evidence and times",
            Policy => "Security groups",
            Self::Explain => "Packets without logs, judged by the latest snapshot",
            Self::Coverage => "Spaces",
            Self::Always => "Common",
        }
    }
}

const fn opt(
    name: &'static str,
    short: Option<char>,
    takes: Takes,
    group: Group,
    text: &'static str,
) -> Opt {
    Opt { name, short, takes, group, text }
}

/// The times at which colours are used.
pub(crate) const WHEN: &[&str] = &["auto", "always", "never"];

pub(crate) static OPTIONS: &[Opt] = &[
    opt("format", None, Takes::Format, Group::Format, "{formats}; json is another word for ndjson"),
    opt(
        "output",
        Some('o'),
        Takes::File("FILE"),
        File,
        "write this file, which is never seen half written; its ending says the format: csv, parquet, or ndjson, \
         jsonl and json for lines of JSON; - is standard output",
    ),
    opt(
        "output",
        Some('o'),
        Takes::File("FOLDER"),
        Folder,
        "a new folder; one in which an export was broken off is gone on with",
    ),
    opt(
        "csv-safe",
        None,
        Takes::Nothing,
        Csv,
        "in CSV, put ' before texts that begin with =, +, -, @, a tab or a carriage return, which spreadsheets take \
         for formulas: apps' names are their developers' to choose. The values are changed by that",
    ),
    opt(
        "read-at",
        None,
        Takes::Text("TIME"),
        Group::Records,
        "when the log was read, which ecs, ocsf, otlp, cef and cim have where the packet's time is unknown, and otlp \
         always; now if not given",
    ),
    opt(
        "threads",
        None,
        Takes::Text("N"),
        Threads,
        "how many threads work; as many as there are processors if not given",
    ),
    opt(
        "where",
        None,
        Takes::Condition,
        Where,
        "only such packets: dpt=443,8000-8999, dst=10.0.0.0/8, app=orders, df=true, verdict!=allowed, 'dpt>1023'. \
         Values stand with commas between; given twice, both must hold. `asglog help columns` lists the columns",
    ),
    opt(
        "since",
        None,
        Takes::Text("TIME"),
        Between,
        "only packets from this time on: 2024-05-06T07:09:10Z, 2024-05-06, or how long ago: 30m, 2h, 7d. Without a \
         zone it is in the zone of the table",
    ),
    opt("until", None, Takes::Text("TIME"), Between, "only packets before this time"),
    opt(
        "limit",
        Some('n'),
        Takes::Text("NUMBER"),
        Limit,
        "at most so many rows; top shows 10 if not given. A summary lists so many apps",
    ),
    opt(
        "by",
        None,
        Takes::Columns("WHAT"),
        Group::Top,
        "app (the default), destination, container, space, org, or names of columns; several stand with commas \
         between",
    ),
    opt(
        "measure",
        None,
        Takes::Words("MEASURE", &Measure::WORDS),
        Group::Top,
        "what the largest are told by: packets (the default), bytes, allowed or denied. Bytes are those of the logged \
         packets, and only the first packet of a connection is logged",
    ),
    opt(
        "columns",
        None,
        Takes::Columns("NAMES"),
        Look,
        "these columns, in this order, in tables, CSV and Parquet; `asglog help columns` lists them",
    ),
    opt(
        "sort",
        None,
        Takes::Columns("NAMES"),
        Look,
        "by these columns; - in front of a name turns its order around. All rows are kept in memory for that",
    ),
    opt(
        "wide",
        None,
        Takes::Nothing,
        Fit,
        "all columns, however long the lines. Otherwise, on a narrow terminal, these leave until a row fits: the cell, \
         the source's port, org and space, GUIDs behind their first 8 characters, the source, and words of how sure \
         the answer is. Times, ports, protocols and the app's own name are never cut",
    ),
    opt("no-trunc", None, Takes::Nothing, Fit, "columns may leave, but nothing is shortened"),
    opt("width", None, Takes::Text("NUMBER"), Fit, "as on a terminal with so many columns"),
    opt("local", None, Takes::Nothing, Zones, "times in this machine's zone, and not in UTC"),
    opt("tz", None, Takes::Text("NAME"), Zones, "times in this zone, such as Europe/Berlin"),
    opt(
        "color",
        None,
        Takes::Words("WHEN", WHEN),
        Group::Always,
        "auto (the default: on a terminal, unless NO_COLOR is set in the environment), always or never",
    ),
    opt("no-color", None, Takes::Nothing, Group::Always, ""),
    opt(
        "follow",
        Some('f'),
        Takes::Nothing,
        Follow,
        "go on with what is written to the logs, also after they are moved away or emptied, until Ctrl-C. Lines are \
         counted on when that happens. A log may be a file, a folder, whose new files are followed too, a named pipe, \
         or - for standard input",
    ),
    opt(
        "hold",
        None,
        Takes::Text("TIME"),
        Follow,
        "how long a packet waits for evidence, by the logs' time: 90, 90s, 30m, 2h; 30s if not given",
    ),
    opt(
        "names-wait",
        None,
        Takes::Text("SECONDS"),
        Follow,
        "how long packets wait for names while the Cloud Controller does not answer; 0 if not given. It is asked again \
         in any case, and standard error says when names are missing and when they are back",
    ),
    opt(
        "state",
        None,
        Takes::File("FILE"),
        Follow,
        "keep the places, the evidence and the waiting packets in this file, so that a later run with it goes on: no \
         line is lost or shown twice, whatever ended the run, if standard output is a file (>>). A run that was killed \
         while it wrote to a pipe may show its last 4 kB again",
    ),
    opt(
        "retention",
        None,
        Takes::Text("TIME"),
        Follow,
        "how long a container is known after its end, by the logs' time; 24h if not given. Without a line about its \
         end it is known seven times as long after its last line",
    ),
    opt(
        "cc-export",
        None,
        Takes::File("PATH…"),
        Directory,
        "ask no network, but folders of `asglog export` and pages saved with `cf curl /v3/…`, also .gz; `--` ends the \
         list. A page that is missing is told, and names are missing then",
    ),
    opt(
        "cc-v2",
        None,
        Takes::Nothing,
        Directory,
        "speak API v2, whatever the Cloud Controller says; for foundations whose v3 is too old",
    ),
    opt(
        "cf",
        None,
        Takes::Nothing,
        Live,
        "ask the Cloud Controller that the cf CLI is logged in to; a later `cf login` is noticed",
    ),
    opt("api", None, Takes::Text("URL"), Live, "ask this one, with the cf CLI's token"),
    opt(
        "token-file",
        None,
        Takes::File("FILE"),
        Live,
        "with this token, as `cf oauth-token` prints it; the file is read again for each request, and - is standard \
         input",
    ),
    opt(
        "client",
        None,
        Takes::Text("ID"),
        Live,
        "as this client of the UAA, best with the authority cloud_controller.global_auditor",
    ),
    opt(
        "client-secret-file",
        None,
        Takes::File("FILE"),
        Live,
        "its secret; if not given, it is in the environment variable ASGLOG_CLIENT_SECRET",
    ),
    opt(
        "renew",
        None,
        Takes::Nothing,
        Live,
        "renew the cf CLI's token with its refresh token, which is only read. Where the UAA replaces refresh tokens, \
         the cf CLI must log in again afterwards",
    ),
    opt(
        "ca-cert",
        None,
        Takes::File("FILE"),
        Live,
        "trust the certificates in this PEM file instead of the system's",
    ),
    opt(
        "skip-ssl-validation",
        None,
        Takes::Nothing,
        Live,
        "trust any server; whoever answers gets the token",
    ),
    opt(
        "cc-deadline",
        None,
        Takes::Text("SECONDS"),
        Live,
        "the longest time for one question with all its requests; 300 if not given, 30 with --follow",
    ),
    opt(
        "cc-budget",
        None,
        Takes::Text("NUMBER"),
        Live,
        "requests in an hour, at most; 20000 if not given. Logins are 30 in an hour, at most",
    ),
    opt(
        "networks",
        None,
        Takes::File("FILE"),
        Labels,
        "names for destinations: rows of CSV (10.0.11.7,orders-db and 10.0.0.0/8,corp) or JSON; the smallest network that \
         an address is in counts. They are in tables, and in the column and the member dst_name",
    ),
    opt(
        "prefixes",
        None,
        Takes::File("FILE"),
        Labels,
        "verdicts for log prefixes of other firewalls: rows of CSV ([UFW BLOCK],denied and Shorewall:*:ACCEPT:,allowed) \
         or JSON. The first pattern that fits decides; * is any text",
    ),
    opt(
        "ledger",
        None,
        Takes::File("FILE"),
        Ledger,
        "evidence from before, as `asglog ledger build` has written it; several may be given",
    ),
    opt(
        "year",
        None,
        Takes::Text("YEAR"),
        Stamps,
        "the year of time stamps without one, such as `Jun 16 23:18:38`. If it is not given, `asglog parse` has no \
         time for them, and other commands take the year nearest to the latest time with a year in the logs",
    ),
    opt(
        "utc-offset",
        None,
        Takes::Text("OFFSET"),
        Stamps,
        "the zone of time stamps without one, such as +02:00; UTC if not given",
    ),
    opt(
        "cell",
        None,
        Takes::Text("CELL"),
        Group::Who,
        "on this cell: a BOSH instance id, or job/index",
    ),
    opt(
        "at",
        None,
        Takes::Text("TIME"),
        Group::Who,
        "at this time, with a zone: 2024-05-06T07:09:10Z",
    ),
    opt(
        "address",
        None,
        Takes::Text("ADDRESS"),
        Group::Who,
        "with this address in the container's network",
    ),
    opt(
        "packet",
        None,
        Takes::Text("PACKET"),
        Group::Explain,
        "'tcp 10.0.11.7:443', 'udp 10.0.11.7:53', 'icmp 10.0.11.7 8/0' (type and code), 'gre 10.0.11.7'",
    ),
    opt(
        "packets",
        None,
        Takes::File("FILE"),
        Group::Explain,
        "lines of JSON, such as {\"id\":1,\"space\":GUID,\"proto\":\"tcp\",\"dst\":\"10.0.11.7\",\"dpt\":443}; - is \
         standard input. Each line is answered with one line",
    ),
    opt(
        "near",
        None,
        Takes::Text("NUMBER"),
        Group::Explain,
        "show at most so many changes that would have allowed a denied packet",
    ),
    opt(
        "space",
        None,
        Takes::Text("GUID"),
        Group::Coverage,
        "the space of --packet, without which only global groups count, and nothing is certain; of coverage, only this \
         space, and several may be given",
    ),
    opt(
        "phase",
        None,
        Takes::Words("PHASE", &["running", "staging"]),
        Group::Coverage,
        "running (the default for --packet) or staging; coverage lists both if it is not given",
    ),
    opt(
        "groups",
        None,
        Takes::File("FILE…"),
        Policy,
        "files of `asglog snapshot`, pages that were saved with `cf curl /v3/security_groups`, or folders of an \
         export; several snapshots give the rules of several times",
    ),
    opt(
        "taken-at",
        None,
        Takes::Text("TIME"),
        Policy,
        "when pages without `taken_at` were saved, with a zone; if not given, the time of the file",
    ),
    opt(
        "profile",
        None,
        Takes::Words("PROFILE", &["silk_dynamic", "silk_static", "guardian"]),
        Policy,
        "how rules are enforced: silk_dynamic (the default), silk_static or guardian",
    ),
    opt(
        "group-order",
        None,
        Takes::Words("ORDER", &["unknown", "listed"]),
        Policy,
        "whether the static profiles have the groups in the order of the listing: unknown (the default) or listed",
    ),
    opt(
        "sync-tolerance",
        None,
        Takes::Text("SECS"),
        Policy,
        "seconds until a change has reached all cells; 120 if not given",
    ),
    opt(
        "settings",
        None,
        Takes::File("FILE"),
        Policy,
        "these settings and others in JSON, also for single cells",
    ),
    opt("man", None, Takes::Nothing, Man, "print the manual page, for `man`"),
    opt(
        "quiet",
        Some('q'),
        Takes::Nothing,
        Group::Always,
        "no hints and no progress on standard error, but only what was left out",
    ),
    opt(
        "verbose",
        Some('v'),
        Takes::Nothing,
        Group::Always,
        "tell on standard error what was read",
    ),
    opt("help", Some('h'), Takes::Nothing, Group::Always, "this text"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_command_has_two_options_of_one_name() {
        for entry in &COMMANDS {
            let mut names: Vec<_> = entry.options().map(|option| option.name).collect();
            let mut letters: Vec<_> = entry.options().filter_map(|option| option.short).collect();
            let all = (names.len(), letters.len());
            names.sort_unstable();
            names.dedup();
            letters.sort_unstable();
            letters.dedup();
            assert_eq!((names.len(), letters.len()), all, "{}", entry.name);
        }
    }

    #[test]
    fn every_command_is_found_by_itself() {
        for entry in &COMMANDS {
            assert_eq!(entry.command.entry().name, entry.name);
        }
    }
}
