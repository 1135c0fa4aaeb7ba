//! The texts of `--help`, and completions for shells.

use std::fmt::Write as _;

use super::options::{COMMANDS, Command, OPTIONS};
use crate::report::Failure;

pub(crate) const GENERAL: &str = "\
Which Cloud Foundry app sent this packet? Reads the packet logs of application security groups.

Usage: asglog COMMAND [OPTIONS] [LOG…]

  parse         print each line of logs as a JSON object
  correlate     name the app, space and org of each packet, and say how sure that is
  demo          show all of it on bundled logs and an embedded Cloud Controller
  top           list the largest senders
  who           find the owner of a container's handle
  explain       tell why packets were allowed or denied, and which change would allow them
  coverage      list which rules leave lines in the logs, and which packets cannot
  snapshot      save the security groups of a Cloud Controller
  ledger        keep the evidence about containers, for when the logs are gone
  export        save what a Cloud Controller knows, for when there is no network
  completion    print completions for bash, zsh or fish

  -h, --help    this text; `asglog COMMAND --help` explains a command
  -V, --version the version

Exit status: 0; 1 if something was left out (a sentence says what); 2 if nothing could be done; 130 after Ctrl-C.

Examples:
  asglog correlate kern.log rep.stdout.log
  asglog correlate --cf --follow /var/log/kern.log /var/vcap/sys/log/rep/rep.stdout.log
  asglog top --by app,destination --where verdict=denied --cf *.log.gz
  asglog ledger build --output cells.ledger rep/*.log && asglog who d08bb414-cdba-4381 --ledger cells.ledger

Completion, for the shell that you use:
  eval \"$(asglog completion bash)\"                 # in ~/.bashrc
  eval \"$(asglog completion zsh)\"                  # in ~/.zshrc, behind compinit
  asglog completion fish | source                  # in ~/.config/fish/config.fish
";

/// The formats of logs.
const INPUTS: &str = "
Formats: plain, gzip, Zstandard, xz, bzip2; tar and zip as `bosh logs` makes them, also nested. The content decides,
not the name. A file of another format is left out with a sentence
";

/// Options that several commands have.
const NAMES: &str = "
Names; without one of these the output has GUIDs only:
  --cf                   ask the Cloud Controller that the cf CLI is logged in to; a later `cf login` is noticed
  --api URL              ask this one, with the cf CLI's token
{live}  --cc-v2                speak API v2, whatever the Cloud Controller says; for foundations whose v3 is too old
  --cc-export PATH…      ask no network, but folders of `asglog export` and pages saved with `cf curl /v3/…`, also .gz;
                         `--` ends the list. A page that is missing is told, and names are missing then
";

/// Options of all commands that ask a live Cloud Controller.
const LIVE: &str = "  --token-file FILE      with this token, as `cf oauth-token` prints it; the file is read again for each request, and
                         - is standard input
  --client ID            as this client of the UAA, best with the authority cloud_controller.global_auditor
  --client-secret-file FILE  its secret; if not given, it is in the environment variable ASGLOG_CLIENT_SECRET
  --renew                renew the cf CLI's token with its refresh token, which is only read. Where the UAA replaces
                         refresh tokens, the cf CLI must log in again afterwards
  --ca-cert FILE         trust the certificates in this PEM file instead of the system's
  --skip-ssl-validation  trust any server; whoever answers gets the token
  --cc-deadline SECONDS  the longest time for one question with all its requests; 300 if not given, 30 with --follow
  --cc-budget NUMBER     requests in an hour, at most; 20000 if not given. Logins are 30 in an hour, at most
";

const EVIDENCE: &str = "
Evidence and times:
  --ledger FILE          evidence from before, as `asglog ledger build` has written it; several may be given
  --year YEAR            the year of time stamps without one; if not given, it is the one nearest to the latest time with
                         a year in the logs
  --utc-offset OFFSET    the zone of time stamps without one, such as +02:00; UTC if not given
";

const WHERE: &str = "  --where COLUMN=VALUE   only such packets; several values stand with commas between, numbers may be ranges, and
                         addresses networks: dpt=443,8000-8999, dst=10.0.0.0/8, app=orders, df=true. Given twice, both must
                         hold
";

const OUTPUT: &str = "  -o, --output FILE      write this file, which is never seen half written; its ending says the format: csv,
                         parquet, or ndjson, jsonl and json for lines of JSON; - is standard output
  --csv-safe             in CSV, put ' before texts that begin with =, +, -, @, a tab or a carriage return, which spreadsheets
                         take for formulas: apps' names are their developers' to choose. The values are changed by that
  --no-color             no colours, which only a terminal gets anyway; NO_COLOR in the environment does the same
";

const PARSE: &str = "\
Prints one JSON object for each line of logs, in their order.

Usage: asglog parse [OPTIONS] [LOG…]

  LOG  a log, an archive or a folder; - is standard input, which is also read if none is given
{inputs}
Output:
  --format FORMAT        ndjson (one object per line of the logs, the default), csv or parquet (packets only)
{output}
Times:
  --year YEAR            the year of time stamps without one, such as `Jun 16 23:18:38`; without it they have no time
  --utc-offset OFFSET    the zone of time stamps without one, such as +02:00; UTC if not given

Each object has a `kind`: `packet`, `rep` (a line about a container), `logger` (a line of silk's iptables-logger), `other`,
or `damaged`, where `error` says what is wrong and at which byte. If several logs are given, `source` says which one it is.

Exit status: 0; 1 if a log could not be read to its end; 2 if none could; 130 after Ctrl-C.

Examples:
  asglog parse /var/log/kern.log
  zcat kern.log.*.gz | asglog parse --year 2017 | jq 'select(.kind == \"damaged\") | .error'
  asglog parse --output packets.parquet kern.log*
";

const CORRELATE: &str = "\
Tells for each packet in Cloud Foundry's logs which app, space and org sent it, and how sure that is.

Usage: asglog correlate [OPTIONS] [LOG…]

  LOG  kernel logs and rep logs of one foundation, in any order, or archives and folders of them; - is standard input,
       which is also read if none is given and something is piped in
{inputs}
Output:
  --format FORMAT        table (for people, the default), ndjson (one JSON object per packet), csv, parquet, or summary
                         (counts: who, how often, how sure)
  --threads N            how many threads count for a summary; as many as there are processors if not given. With --where
                         it is one
{output}{where}
Following:
  -f, --follow           go on with what is written to the logs, also after they are moved away or emptied, until Ctrl-C.
                         Lines are counted on when that happens. A log may be a file, a folder, whose new files are
                         followed too, a named pipe, or - for standard input
  --hold TIME            how long a packet waits for evidence, by the logs' time: 90, 90s, 30m, 2h; 30s if not given
  --since TIME           show packets from this time on, with a zone: 2024-05-06T07:09:10Z, or how long ago: 30m
  --state FILE           keep the places, the evidence and the waiting packets in this file, so that a later run with it
                         goes on: no line is lost or shown twice, whatever ended the run, if standard output is a file
                         (>>). A run that was killed while it wrote to a pipe may show its last 4 kB again
  --retention TIME       how long a container is known after its end, by the logs' time; 24h if not given. Without a line
                         about its end it is known seven times as long after its last line
  --names-wait SECONDS   how long packets wait for names while the Cloud Controller does not answer; 0 if not given. It is
                         asked again in any case, and standard error says when names are missing and when they are back
{names}{evidence}
Exit status: 0; 1 if something was left out (a sentence says what: a log, the names); 2 if nothing could be done; 130 after
Ctrl-C.

Examples:
  asglog correlate --cf kern.log rep.stdout.log
  asglog correlate --format ndjson --cc-export apps.json processes.json -- cells/*.log.gz | jq .app.name
  asglog correlate --ledger cells.ledger --output flows.parquet kern.log
  ssh syslog-host zcat /var/log/cf/2024-05-06.gz | asglog correlate --format summary --threads 4 -
  asglog correlate --follow --format ndjson /var/log/kern.log /var/vcap/sys/log/rep/rep.stdout.log
";

const DEMO: &str = "\
Shows `asglog correlate` on bundled logs, with an embedded Cloud Controller on a loopback port. No network is used.

Usage: asglog demo [OPTIONS]

Output:
  --format FORMAT        table (for people, the default), ndjson (one JSON object per packet), csv, parquet, or summary
                         (counts: who, how often, how sure)
  --threads N            how many threads count for a summary; as many as there are processors if not given
{output}{where}
Exit status: 0; 2 if nothing could be done; 130 after Ctrl-C.

Examples:
  asglog demo
  asglog demo --format ndjson | jq .app.name
";

const TOP: &str = "\
Tells who sent most packets, and how many of them were allowed and denied.

Usage: asglog top [OPTIONS] [LOG…]

  LOG  kernel logs and rep logs of one foundation, in any order, or archives and folders of them; - is standard input,
       which is also read if none is given and something is piped in
{inputs}
Output:
  --by WHAT              app (the default), destination, container, space, org, or names of columns; several stand with
                         commas between
  -n, --limit NUMBER     how many, at most; 10 if not given
  --measure MEASURE      what the largest are told by: packets (the default), bytes, allowed or denied
  --format FORMAT        table (for people, the default), ndjson, csv or parquet
{output}{where}{names}{evidence}
Exit status: 0; 1 if something was left out (a sentence says what: a log, the names); 2 if nothing could be done; 130 after
Ctrl-C.

Examples:
  asglog top --cf kern.log rep.stdout.log
  asglog top --by app,destination --measure denied --where verdict=denied -n 50 --cf *.log.gz
";

const WHO: &str = "\
Tells whose a container's handle is, as far as logs or ledgers tell.

Usage: asglog who [OPTIONS] HANDLE [LOG…]

  HANDLE  a handle, the beginning of one, or a log prefix such as DENY_d08bb414-cdba-4381-412a
  LOG     rep logs, or archives and folders of them; - is standard input

Options:
  --cell CELL            on this cell: a BOSH instance id, or job/index
  --at TIME              at this time, with a zone: 2024-05-06T07:09:10Z
  --address ADDRESS      with this address in the container's network
  --format FORMAT        table (for people, the default) or ndjson (one JSON object)
{names}{evidence}
Exit status: 0; 1 if nobody is known for sure, or something was left out; 2 if nothing could be done; 130 after Ctrl-C.

Examples:
  asglog who d08bb414-cdba-4381-412a-e9ecc rep.stdout.log
  asglog who --ledger cells.ledger --at 2024-05-06T07:09:10Z --cf OK_bfce786c-ab07-40ad-79f9-8
";

/// Options about security groups.
const POLICY: &str = "
Security groups:
  --groups FILE…         files of `asglog snapshot`, pages that were saved with `cf curl /v3/security_groups`, or folders of an
                         export; several snapshots give the rules of several times
  --taken-at TIME        when pages without `taken_at` were saved, with a zone; if not given, the time of the file
  --profile PROFILE      how rules are enforced: silk_dynamic (the default), silk_static or guardian
  --group-order ORDER    whether the static profiles have the groups in the order of the listing: unknown (the default) or
                         listed
  --sync-tolerance SECS  seconds until a change has reached all cells; 120 if not given
  --settings FILE        these settings and others in JSON, also for single cells
";

const EXPLAIN: &str = "\
Tells why packets were allowed or denied: which rule decided, how surely that is known, and which change would have allowed
them.

Usage: asglog explain --groups FILE… [OPTIONS] [--] LOG…
       asglog explain --groups FILE… --packet PACKET [--space GUID] [--phase PHASE]
       asglog explain --groups FILE… --packets FILE|-

  LOG  kernel logs and rep logs of one foundation, as for `asglog correlate`; every packet is explained by the rules of its
       time

Packets without logs, judged by the latest snapshot:
  --packet PACKET        'tcp 10.0.11.7:443', 'udp 10.0.11.7:53', 'icmp 10.0.11.7 8/0' (type and code), 'gre 10.0.11.7'
  --packets FILE         lines of JSON, such as {\"id\":1,\"space\":GUID,\"proto\":\"tcp\",\"dst\":\"10.0.11.7\",\"dpt\":443}; - is
                         standard input. Each line is answered with one line
  --space GUID           the space of the app; without it only global groups count, and nothing is certain
  --phase PHASE          running (the default) or staging

Output:
  --format FORMAT        table (for people, the default), ndjson (one JSON object per packet; always with --packets), csv or
                         parquet (columns of flows and of explanations)
  --near NUMBER          show at most so many changes that would have allowed a denied packet
  --threads N            how many threads work; as many as there are processors if not given
{output}{where}{policy}{names}{evidence}
Exit status: 0; 1 if something was left out (a sentence says what: a log, the names); 2 if nothing could be done; 130 after
Ctrl-C.

Examples:
  asglog snapshot --cf -o groups.json
  asglog explain --groups groups.json --packet 'tcp 10.0.11.7:443' --space c65add41-d85b-4823-9e2a-545a5e0e5812
  asglog explain --groups monday.json tuesday.json --where verdict=denied --cf -- kern.log rep.stdout.log
  asglog explain --groups groups.json --where agrees=false --format ndjson --cf -- *.log.gz
";

const COVERAGE: &str = "\
Lists which rules leave lines in the logs, and which packets cannot leave any, by the last complete snapshot.

Usage: asglog coverage --groups FILE… [OPTIONS]

Options:
  --space GUID           only this space; several may be given. Without it, every space to which a group is bound
  --phase PHASE          running or staging; both if not given
  --format FORMAT        table (for people, the default) or ndjson (one JSON object per space and phase)
{output}{policy}
Exit status: 0; 2 if nothing could be done; 130 after Ctrl-C.

Examples:
  asglog coverage --groups groups.json
  asglog coverage --groups groups.json --format ndjson | jq '.entries[] | select(.state != \"logged\")'
";

const SNAPSHOT: &str = "\
Saves all security groups and their bindings in Cloud Controller's order, with the time: what `--groups` reads.

Usage: asglog snapshot --cf --output FILE

Output:
{output}
Cloud Controller keeps no history of security groups, so take a snapshot often, for example every hour.
{names}
Exit status: 0; 1 if the token may not see everything; 2 if nothing could be done; 130 after Ctrl-C.

Examples:
  asglog snapshot --cf --output groups-$(date -u +%Y%m%dT%H%MZ).json
";

pub(crate) const LEDGER: &str = "\
Keeps what logs prove about containers: some dozens of bytes for each, long after the logs are gone.

Usage: asglog ledger build --output FILE [--ledger FILE] [--year YEAR] [--utc-offset OFFSET] LOG…
       asglog ledger merge --output FILE LEDGER…
       asglog ledger show [--format table|ndjson|csv|parquet] [--csv-safe] [--output FILE] LEDGER…

  build  writes a ledger of what these logs prove, and of what the ledgers of --ledger did
  merge  writes one ledger of many; their order does not matter
  show   lists the containers in ledgers

A ledger is moved into place when it is whole: a crash leaves the old one or the new one.

Exit status: 0; 1 if something was left out (a sentence says what); 2 if nothing could be done; 130 after Ctrl-C.

Examples:
  asglog ledger build --output today.ledger rep/*.log.gz
  asglog ledger merge --output all.ledger yesterday.ledger today.ledger
  asglog ledger show all.ledger
";

pub(crate) const COMPLETION: &str = "\
Prints what a shell runs to complete commands and options.

Usage: asglog completion bash|zsh|fish

Exit status: 0; 2 for a shell that is not known.

Examples:
  eval \"$(asglog completion bash)\"                 # in ~/.bashrc
  eval \"$(asglog completion zsh)\"                  # in ~/.zshrc, behind compinit
  asglog completion fish | source                  # in ~/.config/fish/config.fish
";

const EXPORT: &str = "\
Saves what names and policies need of a Cloud Controller: apps, processes, tasks, builds, deployments, spaces, orgs,
security groups with their bindings, and audit events, all pages of them, for --cc-export.

Usage: asglog export --cf --output FOLDER [OPTIONS]

  -o, --output FOLDER    a new folder; one in which an export was broken off is gone on with
  --cf                   save the Cloud Controller that the cf CLI is logged in to
  --api URL              save this one, with the cf CLI's token
{live}
The file about-this-export.json holds the time at which the export began. There is no secret in an export, but names and
rules: its files are readable by their owner only.

Exit status: 0; 2 if the export is not whole, and the same command goes on with it; 130 after Ctrl-C.

Examples:
  asglog export --cf --output foundation-2024-05-06
  asglog export --api https://api.example.org --client asg-names --client-secret-file secret --output foundation
  asglog correlate --cc-export foundation-2024-05-06 -- kern.log rep.stdout.log
";

pub(crate) fn of(command: Command) -> String {
    let text = match command {
        Command::Parse => PARSE,
        Command::Correlate => CORRELATE,
        Command::Demo => DEMO,
        Command::Top => TOP,
        Command::Who => WHO,
        Command::Explain => EXPLAIN,
        Command::Coverage => COVERAGE,
        Command::Snapshot => SNAPSHOT,
        Command::LedgerBuild | Command::LedgerMerge | Command::LedgerShow => LEDGER,
        Command::Export => EXPORT,
    };
    let parts = [
        ("{inputs}", INPUTS),
        ("{output}", OUTPUT),
        ("{where}", WHERE),
        ("{policy}", POLICY),
        ("{names}", NAMES),
        ("{evidence}", EVIDENCE),
        ("{live}", LIVE),
    ];
    parts.iter().fold(text.to_owned(), |text, (name, part)| text.replace(name, part))
}

/// What a shell runs to complete commands and options; all else is completed as files.
///
/// # Errors
///
/// [`Failure::Usage`] for a shell that is not known.
pub(crate) fn completion(shell: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let first = [
        "parse",
        "correlate",
        "demo",
        "top",
        "who",
        "explain",
        "coverage",
        "snapshot",
        "ledger",
        "export",
        "completion",
    ];
    match shell {
        "bash" | "zsh" => {
            if shell == "zsh" {
                text.push_str("autoload -U +X bashcompinit && bashcompinit\n");
            }
            text.push_str(
                "_asglog() {\n    local words\n    case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n",
            );
            for (name, command) in COMMANDS {
                let pattern = name.replace(' ', "\\ ");
                let pattern = if name.contains(' ') { pattern + "*" } else { pattern + "\\ *" };
                let _ = writeln!(
                    text,
                    "        {pattern}) words=\"{}\" ;;",
                    options(command).join(" ")
                );
            }
            text.push_str("        ledger\\ *) words=\"build merge show\" ;;\n");
            text.push_str("        completion\\ *) words=\"bash zsh fish\" ;;\n");
            let _ = writeln!(text, "        *) words=\"{} --help --version\" ;;", first.join(" "));
            text.push_str("    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\n");
            text.push_str("complete -o default -F _asglog asglog\n");
        }
        "fish" => {
            let _ = writeln!(
                text,
                "complete -c asglog -n __fish_use_subcommand -a '{}'",
                first.join(" ")
            );
            text.push_str("complete -c asglog -n '__fish_seen_subcommand_from ledger' -a 'build merge show'\n");
            for (name, command) in COMMANDS {
                let word = name.rsplit(' ').next().unwrap_or(name);
                for option in options(command) {
                    let option = option.trim_start_matches('-');
                    let _ = writeln!(
                        text,
                        "complete -c asglog -n '__fish_seen_subcommand_from {word}' -l {option}"
                    );
                }
            }
        }
        other => {
            return Err(Failure::Usage(format!(
                "asglog completion takes bash, zsh or fish, and not `{other}`"
            )));
        }
    }
    Ok(text)
}

fn options(command: Command) -> Vec<String> {
    let own = OPTIONS.iter().filter(|option| option.of.contains(&command));
    own.map(|option| format!("--{}", option.name)).collect()
}
