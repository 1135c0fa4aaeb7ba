//! The table of options: their names, values, groups and meanings.

use crate::answers::Measure;

/// A group of options. A command has whole groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Format,
    Csv,
    Records,
    Ids,
    File,
    Folder,
    Threads,
    Copies,
    Where,
    Between,
    Limit,
    Top,
    By,
    Timeline,
    Gap,
    Page,
    Demo,
    Look,
    Fit,
    Zones,
    Follow,
    Labels,
    /// Saved flows instead of logs.
    Saved,
    Ledger,
    Stamps,
    Live,
    Directory,
    Who,
    Policy,
    Explain,
    Coverage,
    /// Of a bundle.
    Question,
    Redact,
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
    /// Returns the word for the value in the help; empty without a value.
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

impl Group {
    /// Returns the group's title in a help.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Format
            | Self::Records
            | Self::Ids
            | Self::Page
            | Self::Demo
            | Csv
            | File
            | Folder
            | Threads => "Output",
            Self::Top
            | Self::By
            | Self::Timeline
            | Self::Gap
            | Self::Who
            | Self::Redact
            | Self::Man => "Options",
            Self::Question => "The question",
            Where | Between | Limit => "Choosing packets",
            Look | Fit | Zones => "Look",
            Follow => "Following",
            Self::Saved => "Instead of logs",
            Directory | Live => "Names; without one of these the output has GUIDs only",
            Labels => "Names and verdicts of your own",
            Ledger | Stamps | Self::Copies => "Evidence and times",
            Policy => "Security groups",
            Self::Explain => "Packets without logs, judged by the latest snapshot",
            Self::Coverage => "Spaces",
            Self::Always => "Common",
        }
    }
}

use Group::{
    Between, Csv, Directory, File, Fit, Folder, Follow, Labels, Ledger, Limit, Live, Look, Man,
    Policy, Stamps, Threads, Where, Zones,
};

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
        "output",
        Some('o'),
        Takes::File("FILE"),
        Group::Page,
        "write this file, which is never seen half written; - is standard output",
    ),
    opt("title", None, Takes::Text("TEXT"), Group::Page, "the title of the page"),
    opt(
        "new-since",
        None,
        Takes::Text("TIME"),
        Group::Page,
        "destinations are new from this time on; the last quarter of the time of the packets if not given",
    ),
    opt(
        "report",
        None,
        Takes::File("FILE"),
        Group::Demo,
        "write the page of `asglog report` about the bundled logs instead; - is standard output",
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
        "flow-id",
        None,
        Takes::Nothing,
        Group::Ids,
        "in ndjson, add `flow_id`: an identifier of the packet, which is the same however the packet was reported \
         and whatever is known of it. In CSV and Parquet it is a column that --columns adds",
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
        "remember",
        None,
        Takes::Text("PACKETS"),
        Group::Copies,
        "a packet that two lines report is one packet if at most so many other packets are between the lines; 2097152 if \
         not given. Each takes some 60 bytes of memory. Standard error says how many were forgotten for want of room",
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
        "app",
        None,
        Takes::Text("APP"),
        Group::Question,
        "only packets of this app, or that may be its: a name, an app or process GUID, a handle or the beginning of \
         one, or an address, as for `asglog who`; all apps if not given",
    ),
    opt(
        "from",
        None,
        Takes::Text("TIME"),
        Group::Question,
        "only packets from this time on: 2024-05-06T07:09:10Z, 2024-05-06, or how long ago: 30m, 2h, 7d; in UTC \
         without a zone",
    ),
    opt("to", None, Takes::Text("TIME"), Group::Question, "only packets before this time"),
    opt(
        "whole",
        None,
        Takes::Nothing,
        Group::Question,
        "put in all lines of the logs, also those about others. Without it other lines are left out, or reduced to \
         what they show of clocks and of containers that could be mistaken for the app's",
    ),
    opt(
        "limit",
        Some('n'),
        Takes::Text("NUMBER"),
        Limit,
        "at most so many rows; top shows 10 if not given, and each table of report 100. A summary lists so many apps",
    ),
    opt(
        "by",
        None,
        Takes::Columns("WHAT"),
        Group::By,
        "app, destination, container, space, org, verdict or other names of columns, with commas between; if not given, top \
         counts by app, and timeline by verdict",
    ),
    opt(
        "every",
        None,
        Takes::Text("TIME"),
        Group::Timeline,
        "the span of a row: 10m, 1h (the default), 1d. Days begin by the clock of --tz, and weeks (7d) on Mondays",
    ),
    opt(
        "gap",
        None,
        Takes::Text("TIME"),
        Group::Gap,
        "the longest time between two packets of a run; 5m if not given",
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
        "metrics",
        None,
        Takes::File("FILE"),
        Follow,
        "keep counts in this file as OpenMetrics text, replaced every few seconds: packets, denials by app, lines by what \
         became of them, outages, the age of the latest line. Prometheus reads it through node_exporter's textfile \
         collector",
    ),
    opt(
        "flows",
        None,
        Takes::File("FILE"),
        Group::Saved,
        "flows that were saved before: Parquet, or lines of JSON as --format ndjson writes them. They have the names and \
         answers of that time",
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
         an address is in counts. They are in tables, in the column and the member dst_name, and in records of other standards",
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
    opt(
        "key",
        None,
        Takes::File("FILE"),
        Group::Redact,
        "the key: equal keys give equal pseudonyms, and only a key leads back",
    ),
    opt(
        "new-key",
        None,
        Takes::Nothing,
        Group::Redact,
        "make the key if there is no such file; only its owner may read it",
    ),
    opt(
        "output",
        Some('o'),
        Takes::File("FOLDER"),
        Group::Redact,
        "a new folder for the new files; with --reverse a file, or else standard output",
    ),
    opt(
        "cc-export",
        None,
        Takes::File("PATH…"),
        Group::Redact,
        "redact these folders of `asglog export` and pages saved with `cf curl /v3/…`, too; `--` ends the list",
    ),
    opt(
        "groups",
        None,
        Takes::File("FILE…"),
        Group::Redact,
        "redact these security groups, too: files of `asglog snapshot`, saved pages, or folders of an export",
    ),
    opt(
        "settings",
        None,
        Takes::File("FILE"),
        Group::Redact,
        "redact the settings of cells in this file, too",
    ),
    opt(
        "reverse",
        None,
        Takes::Nothing,
        Group::Redact,
        "put the old values back into any text, such as an answer about the new files",
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
