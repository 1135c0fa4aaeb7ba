//! The head of an export's table: its first line names the columns of the others.
//!
//! Each row becomes an object with these names, so they decide as JSON's do: a program's column may
//! be anywhere. Other columns name the writer if their names end in one of the [`WRITERS`]. A
//! column with an object has members that decide in the same way.
//!
//! Sources: graylog2-server `SimpleMessageChunkCsvWriter`; kibana `generate_csv.ts`; Splunk's
//! `outputcsv`; Azure Monitor's, Sumo Logic's and New Relic's exports; `CloudWatch` Logs Insights;
//! grafana `InspectDataTab.tsx`.

use std::sync::Arc;

use super::columns::{self, fields};
use super::json::TEXTS;
use super::{Outer, is_payload};
use crate::bytes::find::position;
use crate::line::envelope::layers;
use crate::line::envelope::members::{self, Tells};
use crate::line::envelope::role::Role;

/// The names of a table's columns, as the first line of an export has them.
///
/// ```
/// use asg_core::line::Form;
/// let form = Form::of(b"\"timestamp\",\"host\",\"message\"\n");
/// assert!(matches!(form, Form::Table(_)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    text: Arc<[u8]>,
    delimiter: u8,
}

/// The longest head.
const LONGEST: usize = 8 << 10;

/// The beginning of a line that names the delimiter of the columns, and nothing else: `sep=;`. The
/// head follows it.
///
/// Source: Excel.
const SEPARATOR: &[u8] = b"sep=";

/// Bytes that divide columns.
const DELIMITERS: [u8; 3] = [b',', b'\t', b';'];

/// Words for the writer of a line, the surest first. A column names it if its name ends in one of
/// them, perhaps with `name` behind: `kubernetes.container.name`, `PodName`.
///
/// Columns of the store's own do not: Kibana's `_index`, Sumo Logic's `_collector`, New Relic's
/// `logtype`. Neither do the fields that Splunk reads out of a packet, such as `OUT`.
const WRITERS: &[&str] = &[
    "program",
    "prog",
    "process",
    "comm",
    "command",
    "ident",
    "identifier",
    "daemon",
    "writer",
    "who",
    "container",
    "app",
    "application",
    "service",
    "svc",
    "unit",
    "workload",
    "pod",
    "component",
    "subsystem",
    "provider",
    "task",
    "function",
    "logger",
    "appid",
    "appguid",
    "applicationid",
    "applicationguid",
    "containerid",
    "podid",
    "poduid",
];

/// The beginning of the names of lager's own data, as Splunk reads them out of a line. They are
/// about the container that the line is about.
const LAGERS: &[u8] = b"data.";

/// The most words at the end of a name that are joined to one.
const MOST_WORDS: usize = 3;

impl Head {
    /// Returns the head that this line is, if it names columns: of a time, a machine or a program
    /// two, or one beside a text, or a text alone that no log begins with.
    pub(in crate::line) fn of(line: &[u8]) -> Option<Self> {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        if let Some([delimiter]) = unquoted(line).strip_prefix(SEPARATOR)
            && DELIMITERS.contains(delimiter)
        {
            return Some(Self { text: SEPARATOR.into(), delimiter: *delimiter });
        }
        if line.len() > LONGEST || !line.iter().all(|b| is_in_name(*b) || DELIMITERS.contains(b)) {
            return None;
        }
        let delimiter = DELIMITERS.into_iter().find(|delimiter| names_columns(line, *delimiter))?;
        Some(Self { text: line.into(), delimiter })
    }

    /// Returns the byte between two columns.
    pub(in crate::line) const fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// Returns a row as an object; `None` if it has other columns, or neither a packet's nor a
    /// container's text.
    pub(in crate::line) fn object(&self, row: &[u8]) -> Option<Vec<u8>> {
        if !may_hold_payload(row) || *self.text == *SEPARATOR {
            return None;
        }
        let (names, _) = fields(&self.text, self.delimiter)?;
        let (values, _) = fields(row, self.delimiter)?;
        let place = values.iter().position(|(_, value)| is_payload(value))?;
        if names.len() != values.len() {
            return None;
        }
        let mut object = vec![b'{'];
        // The text comes first, so that the object never resembles a line of lager's.
        push(&mut object, &names[place].1, &values[place].1);
        let others = || std::iter::zip(&names, &values).enumerate().filter(|(n, _)| *n != place);
        for (_, ((_, name), (_, value))) in others() {
            push(&mut object, name, value);
        }
        let tells = |all: &[Tells]| names.iter().any(|(_, name)| tells_any(name, all));
        let labels = labels(others().map(|(_, (_, (_, value)))| value.as_ref()));
        if !tells(&[Tells::Program]) {
            let columns = || others().map(|(_, ((_, name), (_, value)))| (&**name, &**value));
            let program = labels.program.or(labels.stream).or_else(|| writer(columns()));
            if let Some(program) = program.filter(|it| !is_told(it, &values[place].1)) {
                push(&mut object, b"program", program.as_bytes());
            }
        }
        if let Some(host) = labels.host.filter(|_| !tells(&[Tells::Host])) {
            push(&mut object, b"host", host.as_bytes());
        }
        object.push(b'}');
        Some(object)
    }
}

/// Returns a line without quotes around it.
fn unquoted(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line)
}

/// Returns whether a row may hold such a text, which may be in quotes.
fn may_hold_payload(row: &[u8]) -> bool {
    is_payload(row) || position!(b"timestamp\"\":", row).is_some()
}

/// Adds a member to an object.
fn push(object: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    if object.len() > 1 {
        object.push(b',');
    }
    let name = name_of(name).unwrap_or_default();
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    object.extend_from_slice(quoted(name).as_bytes());
    object.push(b':');
    object.extend_from_slice(quoted(&String::from_utf8_lossy(value)).as_bytes());
}

const fn is_in_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'@' | b'"' | b' ' | b'[' | b']')
}

fn names_columns(line: &[u8], delimiter: u8) -> bool {
    let Some((names, _)) = fields(line, delimiter) else { return false };
    let names: Vec<_> = names.iter().filter_map(|(_, name)| name_of(name)).collect();
    let is_text = |name: &&str| TEXTS.iter().any(|text| text.eq_ignore_ascii_case(name));
    // A log may begin with the word `log`.
    let is_name = || matches!(line, [b'"' | b'_' | b'@', ..]);
    if let [name] = names[..] {
        return is_text(&name) && is_name();
    }
    members::count_known(names.iter().copied())
        + names.iter().filter(|it| is_text(it)).take(1).count()
        > 1
}

/// Returns a column's name, without the zone that Azure Monitor adds: `TimeGenerated [UTC]`.
fn name_of(name: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(name).ok()?;
    Some(name.split_once(" [").map_or(name, |(name, _)| name))
}

fn tells_any(name: &[u8], all: &[Tells]) -> bool {
    let name = name_of(name).unwrap_or_default();
    members::of(name.as_bytes()).is_some_and(|(tells, _)| all.contains(&tells))
}

/// Returns the facts in columns with objects: Grafana's `labels`.
fn labels<'t>(values: impl Iterator<Item = &'t [u8]>) -> Outer {
    columns::labels(values).unwrap_or_default()
}

/// Returns the writer that columns without a known name show, by their names. Of two that are as
/// sure, the one that is not the platform's counts.
fn writer<'t>(columns: impl Iterator<Item = (&'t [u8], &'t [u8])>) -> Option<String> {
    let named = columns.filter(|(name, value)| members::of(name).is_none() && is_value(value));
    let writers = named.filter_map(|(name, value)| Some((place_of(name)?, value)));
    let is_platforms = |value: &[u8]| Role::of_program(value).is_platform();
    let (_, value) = writers.min_by_key(|(place, value)| (*place, is_platforms(value)))?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// Returns whether a value may be a name: it is not empty, Kibana's `-` or its like, or a number.
fn is_value(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    !std::str::from_utf8(value).is_ok_and(members::is_absent)
        && !value.iter().all(u8::is_ascii_digit)
}

/// Returns the place in the table of the word that a column's name ends in.
fn place_of(name: &[u8]) -> Option<usize> {
    let name = name_of(name)?;
    let is_lagers = name.as_bytes().get(..LAGERS.len()).is_some_and(|it| it == LAGERS);
    let words = if is_lagers { Vec::new() } else { words(name) };
    let endings = (1..=words.len().min(MOST_WORDS)).map(|n| words[words.len() - n..].concat());
    let mut places = endings.filter_map(|ending| {
        let ending = ending.strip_suffix("name").unwrap_or(&ending);
        WRITERS.iter().position(|word| *word == ending)
    });
    places.next()
}

/// Returns the words of a name in small letters: `k8s`, `pod` and `name` of `k8s.podName`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for letter in name.chars() {
        let is_large = letter.is_ascii_uppercase();
        if !letter.is_ascii_alphanumeric() || (is_large && was_small) {
            words.push(String::new());
        }
        if letter.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(letter.to_ascii_lowercase());
        }
        was_small = letter.is_ascii_lowercase() || letter.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Returns whether the text's own header names its program, and the other program hands on lines.
/// An app may print a header.
fn is_told(program: &str, text: &[u8]) -> bool {
    layers::peel(text).program.is_some() && columns::names_carrier(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_columns_name_says_whether_it_names_the_writer() {
        for (name, expected) in [
            ("container_name", Some("container")),
            ("kubernetes.container.name", Some("container")),
            ("resource.labels.container_name", Some("container")),
            ("ContainerName", Some("container")),
            ("containername", Some("container")),
            ("Container Name", Some("container")),
            ("PodName [UTC]", Some("pod")),
            ("k8s-app", Some("app")),
            ("_SYSTEMD_UNIT", Some("unit")),
            ("_COMM", Some("comm")),
            ("log.logger", Some("logger")),
            ("APP_ID", Some("appid")),
            ("appGuid", Some("appguid")),
            ("who", Some("who")),
            // A store's own, and those of the machine.
            ("data_stream.dataset", None),
            ("_index", None),
            ("_collector", None),
            ("_source", None),
            ("_sourceCategory", None),
            ("logtype", None),
            ("CollectorHostName", None),
            ("service.type", None),
            ("container.image.name", None),
            ("container_runtime", None),
            ("input.type", None),
            ("event.module", None),
            ("agent.type", None),
            ("username", None),
            ("name", None),
            // Those that Splunk reads out of a packet, and out of lager's data.
            ("IN", None),
            ("OUT", None),
            ("PROTO", None),
            ("log_level", None),
            ("process_guid", None),
            ("pid", None),
            ("data.container-state", None),
            ("data.source.container_id", None),
            ("data.source.app_guid", None),
            ("data.app", None),
            ("", None),
            ("._-", None),
        ] {
            let found = place_of(name.as_bytes()).map(|place| WRITERS[place]);
            assert_eq!(found, expected, "{name}");
        }
    }
}
