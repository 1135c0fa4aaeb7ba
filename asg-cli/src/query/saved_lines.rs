//! Flows that were saved as lines of JSON, as batches of columns.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use asg_core::guid::ProcessName;
use asg_core::{FlowBuf, Timestamp};
use serde_json::Value as Json;

use super::cells::Cells;
use super::columns::{Column, schema};
use super::row::cc_process;
use super::saved::millis;
use super::value::{Kind, Value};
use crate::error::Error;
use crate::input::{decompressed, is_compressed};

/// Where the contract has the value of a column.
const MEMBERS: [(&str, &str); 42] = [
    ("time", "/time"),
    ("source", "/source"),
    ("line", "/line"),
    ("cell", "/cell"),
    ("verdict", "/verdict"),
    ("plane", "/plane"),
    ("direction", "/direction"),
    ("proto", "/proto"),
    ("src", "/src"),
    ("spt", "/spt"),
    ("dst", "/dst"),
    ("dpt", "/dpt"),
    ("handle_prefix", "/handle_prefix"),
    ("time_error", "/time_error"),
    ("certainty", "/attribution/certainty"),
    ("reason", "/attribution/reason"),
    ("handle", "/handle"),
    ("process_guid", "/process_guid"),
    ("cc_process_guid", "/process_guid"),
    ("index", "/index"),
    ("process_type", "/app/process_type"),
    ("app_guid", "/app/guid"),
    ("app_name", "/app/name"),
    ("app_state", "/app/state"),
    ("app_state_reason", "/app/state_reason"),
    ("deleted_at", "/app/deleted_at"),
    ("space_guid", "/space/guid"),
    ("space_name", "/space/name"),
    ("org_guid", "/org/guid"),
    ("org_name", "/org/name"),
    ("app_name_then", "/app/name_then"),
    ("space_name_then", "/space/name_then"),
    ("org_name_then", "/org/name_then"),
    ("evidence_source", "/attribution/evidence/0/source"),
    ("evidence_line", "/attribution/evidence/0/line"),
    ("len", "/len"),
    ("icmp_type", "/icmp_type"),
    ("icmp_code", "/icmp_code"),
    ("flags", "/flags"),
    ("in", "/in"),
    ("out", "/out"),
    ("uptime_us", "/uptime"),
];

/// How many bytes show whether a file is compressed.
const HEAD: u64 = 512;

/// How many rows a batch has.
const ROWS: usize = 8_192;

/// Returns the columns that lines of flows have.
pub(super) fn columns() -> Vec<&'static Column> {
    MEMBERS.iter().filter_map(|(name, _)| Column::named(name)).collect()
}

/// Opens a file of flows, compressed or not.
pub(super) fn open(
    path: &Path,
) -> Result<impl Iterator<Item = Result<RecordBatch, Error>> + Send + use<>, Error> {
    let name = path.display().to_string();
    let fail = |error| Error::file(name.clone(), error);
    let mut file = File::open(path).map_err(fail)?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head).map_err(fail)?;
    file.seek(SeekFrom::Start(0)).map_err(fail)?;
    let from: Box<dyn BufRead + Send> = if is_compressed(&head) {
        Box::new(BufReader::new(decompressed(file).map_err(fail)?))
    } else {
        Box::new(BufReader::new(file))
    };
    Ok(Lines { from, path: path.to_path_buf(), number: 0 })
}

struct Lines {
    from: Box<dyn BufRead + Send>,
    path: PathBuf,
    number: u64,
}

impl Iterator for Lines {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let columns = columns();
        let mut cells: Vec<_> = columns.iter().map(|column| Cells::new(column.kind)).collect();
        let (mut rows, mut line) = (0, Vec::new());
        while rows < ROWS {
            line.clear();
            match self.from.read_until(b'\n', &mut line) {
                Err(error) => return Some(Err(Error::file(self.path.to_string_lossy(), error))),
                Ok(0) => break,
                Ok(_) => self.number += 1,
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let object = match flow(&line) {
                Ok(object) => object,
                Err(error) => {
                    let (path, number) = (self.path.display(), self.number);
                    let what = format!("{path}:{number} is no flow of ours: {error}");
                    return Some(Err(Error::Value(what)));
                }
            };
            for (column, cells) in columns.iter().zip(&mut cells) {
                cells.put(rows, &value(column, &object));
            }
            rows += 1;
        }
        if rows == 0 {
            return None;
        }
        let arrays = cells.iter_mut().map(|cells| cells.finish(rows)).collect();
        let batch = RecordBatch::try_new(schema(&columns).into(), arrays);
        Some(batch.map_err(|error| Error::Arrow(error.to_string())))
    }
}

/// Returns the object of a line that is a flow.
fn flow(line: &[u8]) -> Result<Json, serde_json::Error> {
    serde_json::to_value(serde_json::from_slice::<FlowBuf>(line)?)
}

fn value<'r>(column: &Column, object: &'r Json) -> Value<'r> {
    let member = MEMBERS.iter().find(|(name, _)| *name == column.name);
    let Some(found) = member.and_then(|(_, at)| object.pointer(at)) else { return Value::Null };
    match (column.kind, found) {
        (Kind::Text, Json::Array(words)) => {
            let words: Vec<_> = words.iter().filter_map(Json::as_str).collect();
            Value::Text(words.join(" ").into())
        }
        (Kind::Text, Json::String(process)) if column.name == "cc_process_guid" => {
            cc_process(&ProcessName::new(process))
        }
        (Kind::Text, Json::String(text)) => Value::Text(Cow::Borrowed(text)),
        (Kind::Time, Json::String(text)) => {
            Timestamp::parse(text.as_bytes()).map_or(Value::Null, Value::Time)
        }
        // Seconds with six decimals.
        (Kind::Long, Json::String(text)) => {
            text.replace('.', "").parse().map_or(Value::Null, Value::Int)
        }
        (Kind::Seconds, Json::Number(number)) => number.as_f64().map_or(Value::Null, millis),
        (Kind::Int | Kind::Long, Json::Number(number)) => {
            number.as_i64().map_or(Value::Null, Value::Int)
        }
        _ => Value::Null,
    }
}
