//! The head of an export's table: its first line names the columns of the others.
//!
//! Each row becomes an object with these names, so they decide as JSON's do: a program's column may
//! be anywhere. A column without a known name may name the program by its form.
//!
//! Sources: graylog2-server `SimpleMessageChunkCsvWriter`; kibana `generate_csv.ts`; Splunk's
//! `outputcsv`; Azure Monitor's and Sumo Logic's exports; `CloudWatch` Logs Insights.

use std::sync::Arc;

use super::columns::{self, fields};
use super::is_payload;
use super::json::TEXTS;
use crate::bytes::find::position;
use crate::line::envelope::layers;
use crate::line::envelope::members::{self, Tells};

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

/// Bytes that divide columns.
const DELIMITERS: [u8; 3] = [b',', b'\t', b';'];

/// Columns that show no program, whatever they look like: Splunk's, Graylog's, Azure Monitor's and
/// Sumo Logic's.
const NO_PROGRAMS: &[&str] = &[
    "index",
    "sourcetype",
    "source",
    "linecount",
    "splunk_server",
    "splunk_server_group",
    "punct",
    "eventtype",
    "timestartpos",
    "timeendpos",
    "level",
    "severity",
    "severitylevel",
    "priority",
    "facility",
    "type",
    "streams",
    "_id",
    "tenantid",
    "sourcesystem",
    "region",
    "zone",
    "az",
    "deployment",
    "sourcecategory",
    "format",
    "view",
    "encoding",
];

impl Head {
    /// Returns the head that this line is, if it names columns: of a time, a machine or a program
    /// two, or one beside a text.
    pub(in crate::line) fn of(line: &[u8]) -> Option<Self> {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
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
        if !may_hold_payload(row) {
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
        if !tells(&[Tells::Program]) {
            let has_host = tells(&[Tells::Host, Tells::Instance, Tells::Machine]);
            let unknown = others().filter(|(_, ((_, name), _))| may_name_program(name));
            let unknown = unknown.map(|(_, (_, (_, value)))| value.as_ref());
            if let Some(program) = other_program(has_host, &values[place].1, unknown) {
                push(&mut object, b"program", program.as_bytes());
            }
        }
        object.push(b'}');
        Some(object)
    }
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
    let Some((names, _)) = fields(line, delimiter).filter(|(names, _)| names.len() > 1) else {
        return false;
    };
    let names: Vec<_> = names.iter().filter_map(|(_, name)| name_of(name)).collect();
    let is_text = |name: &&str| TEXTS.iter().any(|text| text.eq_ignore_ascii_case(name));
    members::count_known(names.iter().copied())
        + names.iter().filter(|it| is_text(it)).take(1).count()
        > 1
}

/// Returns a column's name, without the zone that Azure Monitor adds: `TimeGenerated [UTC]`.
fn name_of(name: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(name).ok()?;
    Some(name.split_once(" [").map_or(name, |(name, _)| name))
}

/// Returns whether a column may name a program, though the table of names does not have it.
fn may_name_program(name: &[u8]) -> bool {
    let is_none = |known: &&str| known.as_bytes().eq_ignore_ascii_case(name);
    members::of(name).is_none() && !NO_PROGRAMS.iter().any(is_none)
}

fn tells_any(name: &[u8], all: &[Tells]) -> bool {
    let name = name_of(name).unwrap_or_default();
    members::of(name.as_bytes()).is_some_and(|(tells, _)| all.contains(&tells))
}

/// Returns the program in a column without a known name, by its form. A line with a header of its
/// own names its program; but an app may print a header.
fn other_program<'t>(
    has_host: bool,
    text: &[u8],
    unknown: impl Iterator<Item = &'t [u8]>,
) -> Option<String> {
    let program = columns::told_beside(has_host, unknown).program?;
    let is_told = layers::peel(text).program.is_some() && columns::names_carrier(&program);
    (!is_told).then_some(program)
}
