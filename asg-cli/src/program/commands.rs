//! The table of commands. Parsing, help, the manual page and completion are made of it and of the
//! table of options.

use asg_core::siem::Standard;

use super::option_table::{Group, OPTIONS, Opt};
use crate::output::format::Format;

/// A command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Parse,
    Correlate,
    Demo,
    Check,
    Report,
    Top,
    Timeline,
    New,
    Episodes,
    Who,
    Explain,
    Coverage,
    Bundle,
    Verify,
    Snapshot,
    Redact,
    LedgerBuild,
    LedgerMerge,
    LedgerShow,
    Export,
    Completion,
    Help,
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

    /// Returns the option that is written so.
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
        use Format::{Csv, Ndjson, Parquet, Standard as Of, Summary, SummaryJson, Table};
        use Standard::{Cef, Cim, Ecs, Ocsf, Otlp};
        match self {
            Self::Parse => &[Ndjson, Csv, Parquet],
            Self::Correlate | Self::Demo => &[
                Table,
                Ndjson,
                Csv,
                Parquet,
                Summary,
                SummaryJson,
                Of(Ecs),
                Of(Ocsf),
                Of(Otlp),
                Of(Cef),
                Of(Cim),
            ],
            Self::Who | Self::Coverage | Self::Verify => &[Table, Ndjson],
            Self::Top
            | Self::Timeline
            | Self::New
            | Self::Episodes
            | Self::LedgerShow
            | Self::Explain => &[Table, Ndjson, Csv, Parquet],
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

pub(crate) static COMMANDS: [Entry; 22] = [
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
            Group::Ids,
            Threads,
            Where,
            Between,
            Limit,
            Look,
            Fit,
            Zones,
            Follow,
            Policy,
            Directory,
            Live,
            Ledger,
            Group::Saved,
            Stamps,
            Group::Copies,
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
            "asglog correlate --format ecs --groups groups.json --cf -- kern.log rep.stdout.log",
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
            Group::Demo,
        ],
        notes: &[],
        status: DONE,
        examples: &[
            "asglog demo",
            "asglog demo --format ndjson | jq .app.name",
            "asglog demo --report demo.html",
        ],
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
        groups: &[File, Zones, Policy, Directory, Live, Ledger, Stamps],
        notes: &[
            "With --groups, it also tells how many packets the rules explain, which rules leave no line, and which sets \
            are broken.",
        ],
        status: READ,
        examples: &[
            "asglog check kern.log rep.stdout.log",
            "asglog check --cf cells.tgz",
            "asglog check --groups groups.json --cf -- *.log",
        ],
    },
    Entry {
        command: Command::Report,
        name: "report",
        brief: "write one page of HTML for people who do not type commands",
        about: "Writes one page of HTML: what these logs cover and what not, who talks to what, packets over time, denied \
            episodes, new destinations, the largest senders, and packets without a known owner. The page loads nothing, \
            can be printed, and can be read without a script; with one, its tables can be sorted and searched.",
        usage: &["--output FILE [OPTIONS] [LOG…]"],
        arguments: LOGS,
        reads_logs: true,
        groups: &[
            Group::Page,
            Limit,
            Threads,
            Where,
            Between,
            Group::Gap,
            Zones,
            Policy,
            Directory,
            Live,
            Labels,
            Ledger,
            Group::Saved,
            Stamps,
        ],
        notes: &[
            "With --groups, denied episodes show which rule is missing and the nearest change. The numbers are those of \
             asglog top, timeline, episodes and new; below each table stands its command. Names of apps, addresses and \
             names of files are in the page: mind whom you give it to.",
        ],
        status: READ,
        examples: &[
            "asglog report -o report.html kern.log rep.stdout.log",
            "asglog report -o report.html --title 'Week 19' --tz Europe/Berlin --cf kern.log rep.stdout.log",
            "asglog report -o report.html --groups groups.json --cf -- kern.log rep.stdout.log",
            "asglog demo --report report.html",
        ],
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
            Group::By,
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
            Group::Saved,
            Stamps,
            Group::Copies,
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
        command: Command::Timeline,
        name: "timeline",
        brief: "count packets by the hour or another span of time",
        about: "Counts packets, allowed and denied, in spans of time.",
        usage: &["[OPTIONS] [LOG…]"],
        arguments: LOGS,
        reads_logs: true,
        groups: &[
            Group::By,
            Group::Timeline,
            Limit,
            Group::Format,
            File,
            Csv,
            Where,
            Between,
            Fit,
            Zones,
            Directory,
            Live,
            Labels,
            Ledger,
            Group::Saved,
            Stamps,
            Group::Copies,
        ],
        notes: &[],
        status: READ,
        examples: &[
            "asglog timeline kern.log rep.stdout.log",
            "asglog timeline --every 1d --by app --cf kern.log rep.stdout.log",
        ],
    },
    Entry {
        command: Command::New,
        name: "new",
        brief: "list destinations to which an app had not sent anything before",
        about: "Lists the destinations to which an app has sent packets since a time, and not before it, the earliest first.",
        usage: &["[OPTIONS] [LOG…]"],
        arguments: LOGS,
        reads_logs: true,
        groups: &[
            Limit,
            Group::Format,
            File,
            Csv,
            Where,
            Between,
            Fit,
            Zones,
            Directory,
            Live,
            Labels,
            Ledger,
            Group::Saved,
            Stamps,
            Group::Copies,
        ],
        notes: &[],
        status: READ,
        examples: &[
            "asglog new --since 2024-05-06T07:09:11Z kern.log rep.stdout.log",
            "asglog new --since 2h --cf kern.log rep.stdout.log",
        ],
    },
    Entry {
        command: Command::Episodes,
        name: "episodes",
        brief: "list runs of denied packets: the first, the last, how many",
        about: "Lists the runs of denied packets of an app to a destination: the first, the last, and how many were logged.",
        usage: &["[OPTIONS] [LOG…]"],
        arguments: LOGS,
        reads_logs: true,
        groups: &[
            Group::Gap,
            Limit,
            Group::Format,
            File,
            Csv,
            Where,
            Between,
            Fit,
            Zones,
            Directory,
            Live,
            Labels,
            Ledger,
            Group::Saved,
            Stamps,
            Group::Copies,
        ],
        notes: &[],
        status: READ,
        examples: &[
            "asglog episodes kern.log rep.stdout.log",
            "asglog episodes --gap 1h --cf kern.log rep.stdout.log",
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
            ("LOG", "rep logs, or archives and folders of them; - is standard input"),
        ],
        reads_logs: false,
        groups: &[
            Group::Who,
            Group::Format,
            Directory,
            Live,
            Ledger,
            Group::Saved,
            Stamps,
            Group::Copies,
            Fit,
            Zones,
        ],
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
            Group::Copies,
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
        usage: &["--groups FILE… [OPTIONS] [-- LOG…]"],
        arguments: &[(
            "LOG",
            "kernel logs and rep logs: with them also the cells and times at which lines were lost or limits were \
             reached",
        )],
        reads_logs: false,
        groups: &[Group::Coverage, Group::Format, File, Threads, Policy, Stamps, Fit],
        notes: &[],
        status: DONE,
        examples: &[
            "asglog coverage --groups groups.json",
            "asglog coverage --groups groups.json -- kern.log rep.stdout.log",
            "asglog coverage --groups groups.json --format ndjson | jq '.entries[] | select(.state != \"logged\")'",
        ],
    },
    Entry {
        command: Command::Bundle,
        name: "bundle",
        brief: "put answers and the lines that prove them into one file that others can verify",
        about: "Writes a zip file with the packets of an app in a span of time, who sent them and why, and the lines \
            that prove it: where they stood, the digests of the files, names and rules. It prints the digest of the \
            file, for you to sign. `asglog verify` makes every answer again from the lines in it.",
        usage: &["--app APP --from TIME --to TIME --output FILE.zip [OPTIONS] LOG…"],
        arguments: LOGS,
        reads_logs: true,
        groups: &[
            Group::Question,
            File,
            Where,
            Threads,
            Policy,
            Directory,
            Live,
            Ledger,
            Stamps,
            Group::Copies,
        ],
        notes: &[
            "Lines about other containers are left out. Those that could be mistaken for the app's are there without \
             process, app and index: handle, machine, times and address. With --groups, each packet is explained, and \
             all security groups go in. docs/evidence.md describes the file.",
        ],
        status: READ,
        examples: &[
            "asglog bundle --app storefront --from 2024-05-06 --to 2024-05-07 --cf -o case.zip kern.log rep.stdout.log",
            "asglog bundle --app bc6f229d-5e4a-4c41-a63f-e8795496c283 --where verdict=denied -o case.zip kern.log rep.stdout.log",
            "asglog bundle --app orders --cf --groups groups.json -o case.zip -- kern.log rep.stdout.log",
        ],
    },
    Entry {
        command: Command::Verify,
        name: "verify",
        brief: "check every byte and every answer of a bundle",
        about: "Checks that no byte of a bundle was changed, makes every answer again from the lines in it alone, and \
            tells which hold. No log, no network and no other file is read.",
        usage: &["[OPTIONS] FILE.zip"],
        arguments: &[("FILE.zip", "a file of `asglog bundle`")],
        reads_logs: false,
        groups: &[Group::Format, File, Threads],
        notes: &[
            "The digest that it prints is the one to compare with a signed one: whoever makes another bundle can make \
             one that holds.",
        ],
        status: "0 if every answer holds; 1 if one does not; 2 if a byte was changed, or if it is no bundle; 130 after \
            Ctrl-C.",
        examples: &["asglog verify case.zip", "asglog verify --format ndjson case.zip"],
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
        command: Command::Redact,
        name: "redact",
        brief: "write logs without names, addresses and GUIDs, to be shared",
        about: "Writes logs, exports and security groups anew, without the foundation's names, addresses and GUIDs. \
            Every answer about the new files is that about the old ones, name by name. Only who has the key can go back.",
        usage: &[
            "--key FILE [--new-key] [OPTIONS] --output FOLDER [--] [LOG…]",
            "--key FILE --reverse [--output FILE] [FILE…]",
        ],
        arguments: &[
            (
                "LOG",
                "kernel logs and rep logs of one foundation, or archives and folders of them; - is standard input",
            ),
            ("FILE", "with --reverse, any text that has redacted values; - is standard input"),
        ],
        reads_logs: false,
        groups: &[Group::Redact, Threads],
        notes: &[
            "A line is written from what was read of it, so text that is not understood cannot pass. It keeps its number. \
             Text of other kinds of lines is dropped; how many lines that were, is said on standard error. Times, ports, \
             sizes and the special addresses (loopback, link local, multicast) stay.",
        ],
        status: "0; 1 if a line or a file could not be written with its meaning; 2 if nothing could be done; 130 after \
            Ctrl-C.",
        examples: &[
            "asglog redact --key redact.key --new-key --output shared kern.log rep.stdout.log",
            "asglog redact --key redact.key --cc-export saved --groups groups.json --output for-support -- kern.log rep.stdout.log",
            "echo 'who is nq4x7mzk2v5tbwce3a?' | asglog redact --key redact.key --reverse",
        ],
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
