//! The names under which stores and shippers write down a line's machine, program and time: JSON
//! members, labels, tags and columns.
//!
//! Sources: systemd.journal-fields(7); rsyslog `runtime/msg.c`, and the JSON templates of its
//! documentation; syslog-ng's templates; Vector, Fluent Bit and Filebeat by their documentation;
//! logstash-patterns-core, `SYSLOGBASE` and `SYSLOG5424PRI`; graylog2-server `SyslogCodec`; the
//! Elastic Common Schema; Splunk's HEC; Loki, "Labels"; Azure Monitor's table `Syslog`; the GELF
//! specification; OpenTelemetry's semantic conventions; Mezmo's and Coralogix's ingestion APIs;
//! bosh-cli `cmd/ssh.go`.

use std::sync::LazyLock;

use hashbrown::HashMap;

use super::role::Role;
use crate::bytes::json::{self, Object};

/// The meaning of a name for the line beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tells {
    Host,
    /// `diego-cell/<id>`: a BOSH job and its instance.
    Machine,
    Instance,
    Job,
    Program,
    /// The program, if the value has the form of syslog's tag: `rep:`, `rep[7]:`, `rep[7]`.
    Tag,
    Priority,
    Time,
    /// Nothing: a name that is spelled like another one, and means something else.
    Nothing,
}

/// The names with a meaning, the surest first. A name in small letters and digits covers all its
/// spellings: `appname` covers `app_name`, `APP-NAME` and `app.name`. Any other name has one
/// spelling, and wins over those. A dot separates an object from a name in it.
///
/// The machine that wrote a line wins over the relay that sent it on. A program's own name wins
/// over the name of a service or an app, which may be a group's. Loki's `job` names a scrape job,
/// and so no program.
const NAMES: &[(Tells, &[&str])] = &[
    (
        Tells::Host,
        &[
            "_HOSTNAME",
            "logsource",
            "sysloghostname",
            "logsysloghostname",
            "sysloghost",
            "syslog5424host",
            "hostname",
            "host",
            "fromhost",
            "computer",
            "computername",
            "host.hostname",
            "host.name",
            "nodename",
            "sourcehost",
            "source_name",
            "compute.googleapis.com/resource_name",
            "beat.hostname",
            "beat.name",
            "agent.hostname",
            "agent.name",
        ],
    ),
    (Tells::Machine, &["instance"]),
    (Tells::Instance, &["id"]),
    (Tells::Job, &["group", "job"]),
    (
        Tells::Program,
        &[
            "SYSLOG_IDENTIFIER",
            "syslogidentifier",
            "identifier",
            "logsyslogappname",
            "syslogappname",
            "syslogprogram",
            "syslog5424app",
            "programname",
            "ident",
            "appname",
            "program",
            "progname",
            "processname",
            "processprogram",
            "SourceName",
            "syslogtag",
        ],
    ),
    (Tells::Tag, &["tag"]),
    (
        Tells::Program,
        &[
            "subsystemname",
            "applicationname",
            "application",
            "servicename",
            "service",
            "component",
            "app",
            "systemdunit",
            "unit",
        ],
    ),
    // Dynatrace's kind of source, a file or `syslog`.
    (Tells::Nothing, &["log.source"]),
    (Tells::Priority, &["PRIORITY", "pri"]),
    (
        Tells::Time,
        &[
            "@timestamp",
            "timestamp",
            "timereported",
            "time",
            "isodate",
            "risodate",
            "sisodate",
            "date",
            "datetime",
            "generated_at",
            "received_at",
            "timegenerated",
            "eventtime",
            "timeUnixNano",
            "messagetime",
            "syslog5424ts",
            "ts",
            "dt",
        ],
    ),
];

/// How sure a name is: the smaller one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sureness {
    /// The place in the table.
    place: usize,
    is_other_spelling: bool,
}

/// The longest name in the table is shorter.
const MOST: usize = 64;

/// The names of the table by their spelling.
static BY_NAME: LazyLock<HashMap<&[u8], (Tells, usize)>> = LazyLock::new(|| {
    let names = NAMES.iter().flat_map(|(tells, names)| names.iter().map(|name| (*tells, *name)));
    names.enumerate().map(|(place, (tells, name))| (name.as_bytes(), (tells, place))).collect()
});

/// Returns what a name of a member, a label or a column means.
pub(crate) fn of(name: &[u8]) -> Option<(Tells, Sureness)> {
    if name.len() > MOST {
        return None;
    }
    let found = |name: &[u8], is_other_spelling| {
        let (tells, place) = *BY_NAME.get(name)?;
        Some((tells, Sureness { place, is_other_spelling }))
    };
    found(name, false).or_else(|| {
        let mut plain = [0; MOST];
        let mut len = 0;
        for b in name.iter().filter(|b| !matches!(b, b'_' | b'-' | b'.')) {
            plain[len] = b.to_ascii_lowercase();
            len += 1;
        }
        found(&plain[..len], true)
    })
}

/// Returns whether a text is what stores and databases export for a missing value.
pub(crate) fn is_absent(value: &str) -> bool {
    // MySQL's and Postgres' `\N` has an escape in JSON.
    matches!(value, "-" | "null" | "NULL" | "(null)" | r"\N" | r"\\N" | "N/A" | "n/a")
}

/// Returns whether these are names of columns: two of them name a machine, a program or a time.
pub(crate) fn are_columns<'n>(names: impl Iterator<Item = &'n str>) -> bool {
    count_known(names) > 1
}

/// Returns how many of these names are those of a machine, a program or a time.
pub(crate) fn count_known<'n>(names: impl Iterator<Item = &'n str>) -> usize {
    let is_known = |name: &&str| {
        let tells = of(name.as_bytes()).map(|(tells, _)| tells);
        matches!(tells, Some(Tells::Host | Tells::Program | Tells::Tag | Tells::Time))
    };
    names.filter(is_known).count()
}

/// Returns what the name of a member of an object in an object means.
pub(crate) fn of_nested(object: &str, name: &str) -> Option<(Tells, Sureness)> {
    let mut joined = [0; MOST];
    let len = object.len() + 1 + name.len();
    let both = joined.get_mut(..len)?;
    both[..object.len()].copy_from_slice(object.as_bytes());
    both[object.len()] = b'.';
    both[object.len() + 1..].copy_from_slice(name.as_bytes());
    of(both)
}

/// Returns whether the surest member of an object names a program that is not the platform's.
pub(crate) fn tell_other_program(object: &Object<'_>) -> bool {
    let programs = object.members().filter_map(|(name, value)| {
        let (tells, sureness) = of(name.as_bytes())?;
        let value = json::string(Some(value))?;
        let is_program = tells == Tells::Program || (tells == Tells::Tag && is_tag(value.as_str()));
        is_program.then(|| (sureness, !is_of_platform(&value)))
    });
    // Of two that are as sure, the other program counts.
    programs.min_by_key(|(sureness, is_other)| (*sureness, !is_other)).is_some_and(|it| it.1)
}

fn is_of_platform(tag: &str) -> bool {
    Role::of_program(program_of(tag).as_bytes()).is_platform()
}

/// Returns whether a value has the form of syslog's tag.
pub(crate) fn is_tag(value: &str) -> bool {
    value.ends_with(':') || without_number(value).len() < value.len()
}

/// Returns the program that a tag names, or a unit of systemd's: `rep` of `rep[7]:` and of
/// `rep.service`. The kernel has no unit.
pub(crate) fn program_of(tag: &str) -> &str {
    let name = without_number(tag.strip_suffix(':').unwrap_or(tag));
    let of_unit = name.strip_suffix(".service");
    of_unit.filter(|it| Role::of_program(it.as_bytes()) != Role::Kernel).unwrap_or(name)
}

/// Returns a tag without the process number behind it.
fn without_number(name: &str) -> &str {
    match name.strip_suffix(']').and_then(|name| name.rsplit_once('[')) {
        Some((name, pid)) if pid.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => name,
    }
}

/// Parses `diego-cell/<id>` or `diego_cell/1`: the job, and the instance's id or index.
pub(crate) fn machine(value: &[u8]) -> Option<(&[u8], &[u8], bool)> {
    let slash = memchr::memchr(b'/', value)?;
    let (job, id) = (&value[..slash], &value[slash + 1..]);
    let is_index = !id.is_empty() && id.len() < 6 && id.iter().all(u8::is_ascii_digit);
    let is_machine = !job.is_empty() && (is_index || crate::guid::Guid::parse(id).is_ok());
    is_machine.then_some((job, id, is_index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_in_the_table_once_and_is_found_in_all_its_spellings() {
        let names: Vec<_> = NAMES.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        assert_eq!(BY_NAME.len(), names.len(), "a name is in the table twice");
        for (spelling, name) in [
            ("hostname", "hostname"),
            ("HOSTNAME", "hostname"),
            ("_hostname_", "hostname"),
            ("_HOSTNAME", "_HOSTNAME"),
            ("host.name", "host.name"),
            ("APP-NAME", "appname"),
            ("appName", "appname"),
            ("__time__", "time"),
            ("source_name", "source_name"),
            ("SourceName", "SourceName"),
            ("service.name", "servicename"),
            ("logSource", "logsource"),
            ("log.source", "log.source"),
        ] {
            let place = names.iter().position(|it| *it == name);
            let found = of(spelling.as_bytes()).map(|(_, sureness)| sureness.place);
            assert_eq!(found, place, "{spelling}");
        }
        // Sumo Logic's name of a source, and numbers in words, are nothing of the line's.
        for other in ["sourceName", "_sourcename", "priority", "Group_ID", "", &"a".repeat(70)] {
            assert_eq!(of(other.as_bytes()), None, "{other}");
        }
        assert_eq!(of_nested("host", "name"), of(b"host.name"));
        assert_eq!(of_nested("process", "name"), of(b"ProcessName"));
        assert_eq!(of_nested("a", &"b".repeat(80)), None);
    }

    #[test]
    fn a_unit_names_a_program_and_is_no_tag() {
        for (tag, program, has_form) in [
            ("rep", "rep", false),
            ("rep:", "rep", true),
            ("rep[7]:", "rep", true),
            ("rep[7]", "rep", true),
            ("rep.service", "rep", false),
            ("kernel.service", "kernel.service", false),
            // Fluent Bit makes such tags.
            ("host.rep.service", "host.rep", false),
        ] {
            assert_eq!((program_of(tag), is_tag(tag)), (program, has_form), "{tag}");
        }
    }
}
