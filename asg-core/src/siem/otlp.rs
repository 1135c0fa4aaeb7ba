//! OpenTelemetry logs as OTLP/JSON (proto 1.11.0, semantic conventions 1.44.0).
//!
//! The resource is the cell, which wrote the line. Each record has the sender of its packet: one
//! cell has many apps.

use std::fmt::Display;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::facts::{self, Cell, DestinationName, Facts, Owner, Short, Shown, keyword};
use super::lines::push;
use crate::time::Timestamp;

const SCHEMA: &str = "https://opentelemetry.io/schemas/1.44.0";

/// A flow as an OTLP/JSON request with one record; see
/// [`Flow::to_otlp`](crate::Flow::to_otlp).
#[derive(Debug, Clone)]
pub struct Otlp<'f>(pub(super) Facts<'f>);

/// The maximum number of records in one request.
const MOST_RECORDS: usize = 512;

/// Records of one cell that follow each other.
#[derive(Debug)]
struct Run {
    cell: Option<Box<str>>,
    resource: Box<[u8]>,
    /// Where each record ends in the text.
    ends: Vec<usize>,
}

/// Records as they come, without the requests around them.
#[derive(Debug, Default)]
pub(super) struct Runs(Vec<Run>);

impl Runs {
    /// Writes a record.
    pub(super) fn add(&mut self, facts: &Facts<'_>, out: &mut Vec<u8>) {
        push(out, &Record(facts));
        let cell = facts.cell.map(Cell::name);
        match self.0.last_mut() {
            Some(run) if run.cell.as_deref() == cell => run.ends.push(out.len()),
            _ => {
                let mut resource = Vec::new();
                push(&mut resource, &Resource(facts.cell));
                let (cell, resource) = (cell.map(Into::into), resource.into());
                self.0.push(Run { cell, resource, ends: vec![out.len()] });
            }
        }
    }
}

/// The request that is open.
#[derive(Debug, Default)]
pub(super) struct Open(Option<(Option<Box<str>>, usize)>);

impl Open {
    /// Writes at most this many records in requests, and returns their number. The request of a
    /// record depends on the records before it, and not on how they are divided into pieces.
    pub(super) fn add(&mut self, runs: &Runs, text: &[u8], most: u64, out: &mut Vec<u8>) -> u64 {
        let (mut start, mut added) = (0, 0);
        for run in &runs.0 {
            for end in &run.ends {
                if added == most {
                    return added;
                }
                self.begin(run, out);
                out.extend_from_slice(&text[start..*end]);
                start = *end;
                added += 1;
            }
        }
        added
    }

    /// Goes on with the request, or begins a new one if the cell is another.
    fn begin(&mut self, run: &Run, out: &mut Vec<u8>) {
        match &mut self.0 {
            Some((open, many)) if *open == run.cell && *many < MOST_RECORDS => {
                *many += 1;
                out.push(b',');
            }
            _ => {
                self.close(out);
                out.extend_from_slice(b"{\"resourceLogs\":[{\"resource\":");
                out.extend_from_slice(&run.resource);
                let scope = format!(
                    ",\"schemaUrl\":\"{SCHEMA}\",\"scopeLogs\":[{{\"scope\":{{\"name\":\"asglog\"}},\
                     \"schemaUrl\":\"{SCHEMA}\",\"logRecords\":["
                );
                out.extend_from_slice(scope.as_bytes());
                self.0 = Some((run.cell.clone(), 1));
            }
        }
    }

    pub(super) fn close(&mut self, out: &mut Vec<u8>) {
        if self.0.take().is_some() {
            out.extend_from_slice(b"]}]}]}\n");
        }
    }
}

impl Serialize for Otlp<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Request<'r> {
            resource_logs: [Resources<'r>; 1],
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Resources<'r> {
            resource: Resource<'r>,
            schema_url: &'static str,
            scope_logs: [Scopes<'r>; 1],
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Scopes<'r> {
            scope: Scope,
            schema_url: &'static str,
            log_records: [Record<'r>; 1],
        }
        #[derive(Serialize)]
        struct Scope {
            name: &'static str,
        }
        Request {
            resource_logs: [Resources {
                resource: Resource(self.0.cell),
                schema_url: SCHEMA,
                scope_logs: [Scopes {
                    scope: Scope { name: "asglog" },
                    schema_url: SCHEMA,
                    log_records: [Record(&self.0)],
                }],
            }],
        }
        .serialize(s)
    }
}

/// The cell.
struct Resource<'f>(Option<Cell<'f>>);

impl Serialize for Resource<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        struct Attributes<'f>(Option<Cell<'f>>);
        impl Serialize for Attributes<'_> {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                let mut list = s.serialize_seq(None)?;
                if let Some(cell) = self.0 {
                    let key = match cell {
                        Cell::Instance(_) => "cloudfoundry.system.instance.id",
                        Cell::Job(_) => "cf.asg.cell",
                        Cell::Address(_) | Cell::Host(_) => "host.name",
                    };
                    list.serialize_element(&text(key, cell.name()))?;
                }
                list.end()
            }
        }
        let mut map = s.serialize_map(Some(1))?;
        map.serialize_entry("attributes", &Attributes(self.0))?;
        map.end()
    }
}

/// A log record.
struct Record<'f>(&'f Facts<'f>);

/// Nanoseconds, which OTLP/JSON has as a string.
struct Nanos(Timestamp);

impl Serialize for Nanos {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0.as_nanos())
    }
}

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let facts = self.0;
        let mut map = s.serialize_map(None)?;
        if let Some(time) = facts.time {
            map.serialize_entry("timeUnixNano", &Nanos(time))?;
        }
        map.serialize_entry("observedTimeUnixNano", &Nanos(facts.reading.at()))?;
        map.serialize_entry("severityNumber", &9)?;
        map.serialize_entry("eventName", "cf.asg.flow")?;
        let (plane, verdict) = (facts::plane(facts.cf.plane), facts::verdict(facts.cf.verdict));
        let proto = facts.proto().map(|proto| format!(" {proto}")).unwrap_or_default();
        let body = format!("{plane} {verdict}{proto} {}", facts.path());
        map.serialize_entry("body", &Value::Text(body))?;
        map.serialize_entry("attributes", &Attributes(facts))?;
        map.end()
    }
}

/// An attribute's value: one member, by its type.
enum Value<T> {
    Text(T),
    Int(u64),
    List(Vec<T>),
}

impl<T: Display> Serialize for Value<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Values<T> {
            values: Vec<T>,
        }
        #[derive(Serialize)]
        #[serde(bound = "T: Display")]
        struct Element<T> {
            #[serde(rename = "stringValue")]
            string: Shown<T>,
        }
        let mut map = s.serialize_map(Some(1))?;
        match self {
            Self::Text(text) => map.serialize_entry("stringValue", &Shown(text))?,
            Self::Int(number) => map.serialize_entry("intValue", &Shown(number))?,
            Self::List(list) => {
                let values = list.iter().map(|it| Element { string: Shown(it) }).collect();
                map.serialize_entry("arrayValue", &Values { values })?;
            }
        }
        map.end()
    }
}

#[derive(Serialize)]
#[serde(bound = "T: Display")]
struct Attribute<T> {
    key: &'static str,
    value: Value<T>,
}

const fn text<T>(key: &'static str, text: T) -> Attribute<T> {
    Attribute { key, value: Value::Text(text) }
}

struct Attributes<'f>(&'f Facts<'f>);

/// Writes the attributes that have a value.
struct List<S>(S);

impl<S: SerializeSeq> List<S> {
    fn text(&mut self, key: &'static str, value: Option<impl Display>) -> Result<(), S::Error> {
        value.map_or(Ok(()), |value| self.0.serialize_element(&text(key, value)))
    }

    fn int(&mut self, key: &'static str, value: Option<u64>) -> Result<(), S::Error> {
        let attribute = |number| Attribute::<&str> { key, value: Value::Int(number) };
        value.map_or(Ok(()), |number| self.0.serialize_element(&attribute(number)))
    }

    fn list(&mut self, key: &'static str, value: Vec<impl Display>) -> Result<(), S::Error> {
        if value.is_empty() {
            return Ok(());
        }
        self.0.serialize_element(&Attribute { key, value: Value::List(value) })
    }
}

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let facts = self.0;
        let [spt, dpt] = facts.ports();
        let mut list = List(s.serialize_seq(None)?);
        list.text("log.record.uid", Some(facts.id))?;
        list.text("source.address", facts.src().map(Short))?;
        list.int("source.port", spt.map(u64::from))?;
        list.text("destination.address", facts.dst().map(Short))?;
        list.int("destination.port", dpt.map(u64::from))?;
        let name = facts.destination.map(DestinationName::name);
        list.text("cf.asg.destination_name", name)?;
        list.text("network.transport", facts.proto().and_then(keyword))?;
        let ip = facts.ip_version().map(|v| if v == 4 { "ipv4" } else { "ipv6" });
        list.text("network.type", ip)?;
        let number = facts.proto().map(|proto| u64::from(proto.number()));
        list.int("cf.asg.protocol.number", number)?;
        list.text("cf.asg.verdict", Some(facts::verdict(facts.cf.verdict)))?;
        list.text("cf.asg.plane", Some(facts::plane(facts.cf.plane)))?;
        list.text("cf.asg.direction", Some(facts::direction(facts.cf.direction)))?;
        list.text("cf.asg.subject", Some(facts.subject().word()))?;
        list.text("cf.asg.interface.in", facts.in_if())?;
        list.text("cf.asg.interface.out", facts.out_if())?;
        list.text("cf.asg.handle_prefix", facts.cf.handle_prefix)?;
        let certainty = facts::certainty(facts.attribution.certainty);
        list.text("cf.asg.attribution.certainty", Some(certainty))?;
        list.text("cf.asg.attribution.reason", Some(facts.attribution.reason.as_str()))?;
        let candidates = facts.attribution.candidates().iter().map(|it| it.handle()).collect();
        list.list("cf.asg.attribution.candidates", candidates)?;
        list.text("cf.asg.community_id", facts.community)?;
        list.int("cf.asg.time_error_ms", facts.error_ms)?;
        if let Some(owner) = facts.certain() {
            certain(&mut list, owner)?;
        }
        if let Some(rule) = facts.rule() {
            list.text("security_rule.uuid", Some(rule.id))?;
            list.text("security_rule.name", Some(rule.name))?;
            list.text("security_rule.ruleset.name", Some(rule.ruleset()))?;
            list.text("security_rule.description", rule.description)?;
            list.text("cf.asg.security_group", Some(rule.group))?;
        }
        if let Some(owner) = facts.inferred() {
            list.text("cf.asg.inferred.container", owner.handle())?;
            list.text("cf.asg.inferred.process_guid", owner.process)?;
            let app = owner.is_named.then_some(owner);
            list.text("cf.asg.inferred.app.id", app.and_then(|it| it.app_id()))?;
            list.text("cf.asg.inferred.app.name", app.and_then(|it| it.app_name()))?;
        }
        list.0.end()
    }
}

fn certain<S: SerializeSeq>(list: &mut List<S>, owner: &Owner<'_>) -> Result<(), S::Error> {
    list.text("container.id", owner.handle())?;
    list.text("cloudfoundry.app.id", owner.app_id())?;
    list.text("cloudfoundry.app.name", owner.app_name())?;
    list.text("cloudfoundry.app.instance.id", owner.index)?;
    list.text("cloudfoundry.space.id", owner.space.map(|it| &*it.guid))?;
    list.text("cloudfoundry.space.name", owner.space.and_then(|it| it.name.as_deref()))?;
    list.text("cloudfoundry.org.id", owner.org.map(|it| &*it.guid))?;
    list.text("cloudfoundry.org.name", owner.org.and_then(|it| it.name.as_deref()))?;
    list.text("cloudfoundry.process.id", owner.process_id())?;
    list.text("cloudfoundry.process.type", owner.process_type)
}
