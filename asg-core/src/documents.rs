//! Documents: JSON that tells of many containers at once, as operators fetch and keep it.
//!
//! | document | what it tells |
//! |---|---|
//! | `/var/vcap/data/container-metadata/store.json` | silk's view of a cell: handle, address, app, space and org |
//! | `cfdot actual-lrps`, `actual-lrp-groups` | process, index, instance, cell and address, one object a line |
//! | `cfdot tasks` | task, cell and app |
//! | `cf curl /v3/processes/<guid>/stats` | instance, index, cell's and container's address |
//!
//! Sources: silk-release `lib/datastore/datastore.go`; bbs `models/actual_lrp.proto`, `task.proto`;
//! `cloud_controller_ng` `app/presenters/v3/process_stats_presenter.rb`.

use std::net::IpAddr;

use serde_json::value::RawValue;

use crate::evidence::{Evidence, Origin};
use crate::json::Object;
use crate::lager::{LagerEvent, RepEvent};
use crate::record::{logger_evidence, rep_evidence};
use crate::{Error, Names, RepEventKind, Timestamp};

/// Hands on what a whole file proves: one or several JSON documents, on any number of lines, pretty or not. Documents that
/// are none of these prove nothing. `origin` is where the first line stands; the evidence says where each entry begins.
///
/// # Errors
///
/// At the byte where the text is no JSON; what stands before it was handed on.
///
/// # Example
///
/// ```
/// use asg_core::{Origin, SourceId, documents};
///
/// let store = br#"{
///   "bfce786c-ab07-40ad-79f9-8f21": {"handle": "bfce786c-ab07-40ad-79f9-8f21", "ip": "10.255.73.3",
///     "metadata": {"app_id": "bc6f229d-5e4a-4c41-a63f-e8795496c283"}}
/// }"#;
/// let mut seen = Vec::new();
/// let origin = Origin { source: SourceId(0), line: 1 };
/// documents::evidence(store, origin, |evidence| seen.push(evidence))?;
/// assert_eq!(seen[0].app.unwrap().to_string(), "bc6f229d-5e4a-4c41-a63f-e8795496c283");
/// assert_eq!(seen[0].origin.line, 2);
/// # Ok::<(), asg_core::Error>(())
/// ```
pub fn evidence(text: &[u8], origin: Origin, mut each: impl FnMut(Evidence)) -> Result<(), Error> {
    let values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    let mut lines = LineNumbers { text, counted: 0, line: origin.line };
    for value in values {
        let value = value.map_err(|e| {
            let at = if e.is_eof() { text.len() } else { offset(text, e.line(), e.column()) };
            Error::json(at, &e.to_string(), e.is_eof())
        })?;
        entries(value, &mut |entry, event| {
            let origin = Origin { line: lines.of(entry.get()), ..origin };
            let evidence = match event {
                LagerEvent::Rep(event) => rep_evidence(&event, None, origin),
                LagerEvent::Logger(event) => logger_evidence(&event, origin),
                LagerEvent::Other => None,
            };
            evidence.into_iter().for_each(&mut each);
        });
    }
    Ok(())
}

/// The containers that one object tells of, if it is one of these documents.
pub(crate) fn containers<'a>(object: &Object<'a>) -> Vec<RepEvent<'a>> {
    let mut found = Vec::new();
    each_container(object, &mut |_, event| found.push(event));
    found
}

/// The same for the objects of an array.
pub(crate) fn containers_of_array(text: &[u8]) -> Vec<RepEvent<'_>> {
    let mut found = Vec::new();
    let objects: Vec<Object<'_>> = serde_json::from_slice(text).unwrap_or_default();
    for object in &objects {
        each_container(object, &mut |_, event| found.push(event));
    }
    found
}

/// The events in a document, with the text that each comes from where that is known.
fn entries<'a>(value: &'a RawValue, each: &mut impl FnMut(&'a RawValue, LagerEvent<'a>)) {
    let mut one = |value: &'a RawValue| {
        let Ok(object) = Object::parse(value.get().as_bytes()) else { return };
        match LagerEvent::of(&object) {
            LagerEvent::Other => each_container(&object, &mut |place, event| {
                each(place.unwrap_or(value), LagerEvent::Rep(event));
            }),
            event => each(value, event),
        }
    };
    if value.get().starts_with('[') {
        let values: Vec<&RawValue> = serde_json::from_str(value.get()).unwrap_or_default();
        values.into_iter().for_each(one);
    } else {
        one(value);
    }
}

fn each_container<'a>(
    object: &Object<'a>,
    each: &mut impl FnMut(Option<&'a RawValue>, RepEvent<'a>),
) {
    if let Some(event) = actual_lrp(object).or_else(|| task(object)) {
        return each(None, event);
    }
    if let Some(instances) = object.get(&["resources"]) {
        let instances: Vec<&RawValue> = serde_json::from_str(instances.get()).unwrap_or_default();
        for place in instances {
            let event = Object::parse(place.get().as_bytes()).ok().and_then(|o| instance(&o));
            if let Some(event) = event {
                each(Some(place), event);
            }
        }
        return;
    }
    for (key, place) in object.members() {
        // Few objects are a store: the first member tells.
        if !place.get().starts_with('{') {
            return;
        }
        let Ok(member) = Object::parse(place.get().as_bytes()) else { return };
        let event = match key {
            "instance" | "evacuating" => actual_lrp(&member),
            _ => stored(key, &member),
        };
        let Some(event) = event else { return };
        each(Some(place), event);
    }
}

/// `{"process_guid":…,"index":0,"domain":…,"instance_guid":…,"cell_id":…,"address":…,"instance_address":…,"state":…,…}`.
/// An LRP that is not claimed has no instance.
fn actual_lrp<'a>(object: &Object<'a>) -> Option<RepEvent<'a>> {
    let state = object.string(&["state"])?;
    let mut event = RepEvent::seen("cfdot", "actual-lrp");
    event.process_guid = Some(object.string(&["process_guid"])?);
    event.instance_guid = Some(object.string(&["instance_guid"])?);
    event.cell_id = Some(object.string(&["cell_id"])?);
    event.index = object.number(&["index"]);
    event.domain = object.string(&["domain"]);
    event.cell_ip = address(object, "address");
    event.container_ip = address(object, "instance_address");
    event.container_ipv6 = address(object, "instance_ipv6_address");
    event.event = match &*state {
        "CLAIMED" => RepEventKind::Creating,
        "RUNNING" if object.string(&["presence"]).is_some_and(|p| &*p == "EVACUATING") => {
            RepEventKind::Evacuating
        }
        "RUNNING" => RepEventKind::Running,
        _ => RepEventKind::Seen,
    };
    // When the state was reached, in nanoseconds.
    event.time = nanos(object, "since").map(Timestamp::from_nanos);
    Some(event)
}

/// `{"task_definition":{"log_guid":…,…},"task_guid":…,"domain":…,"state":…,"cell_id":…,…}`. A task that waits for a cell
/// has no container yet.
fn task<'a>(object: &Object<'a>) -> Option<RepEvent<'a>> {
    let mut event = RepEvent::seen("cfdot", "task");
    event.handle = Some(object.string(&["task_guid"])?);
    event.cell_id = Some(object.string(&["cell_id"])?);
    let domain = object.string(&["domain"])?;
    // Of these two, Cloud Controller made the task, and logs under the app's GUID.
    if matches!(&*domain, "cf-tasks" | "cf-app-staging") {
        let app = object.object(&["task_definition"]).and_then(|task| task.string(&["log_guid"]));
        event.names = app.map(|app| Box::new(Names { app_guid: Some(app), ..Names::default() }));
    }
    event.domain = Some(domain);
    Some(event)
}

/// One of Cloud Controller's process stats; it had no `instance_guid` before 2021, and none has one that is down.
fn instance<'a>(object: &Object<'a>) -> Option<RepEvent<'a>> {
    let mut event = RepEvent::seen("cloud_controller", "stats");
    event.instance_guid = Some(object.string(&["instance_guid"])?);
    event.index = object.number(&["index"]);
    event.cell_ip = address(object, "host");
    event.container_ip = address(object, "instance_internal_ip");
    if object.string(&["state"]).is_some_and(|state| &*state == "RUNNING") {
        event.event = RepEventKind::Running;
        let measured = object.object(&["usage"]).and_then(|usage| usage.string(&["time"]));
        event.time = measured.and_then(|time| Timestamp::parse(time.as_bytes()).ok());
    }
    if let Some(process_type) = object.string(&["type"]) {
        event.names =
            Some(Box::new(Names { process_type: Some(process_type), ..Names::default() }));
    }
    Some(event)
}

/// `"<handle>":{"handle":"<handle>","ip":…,"metadata":{"app_id":…,…}}`.
fn stored<'a>(key: &str, object: &Object<'a>) -> Option<RepEvent<'a>> {
    let mut event = RepEvent::seen("silk", "store.json");
    event.handle = Some(object.string(&["handle"]).filter(|handle| **handle == *key)?);
    object.get(&["ip"])?;
    event.container_ip = address(object, "ip");
    event.container_ipv6 = address(object, "ipv6");
    if let Some(metadata) = object.object(&["metadata"]) {
        event.names = Names::of_properties(metadata).map(Box::new);
    }
    Some(event)
}

fn address(object: &Object<'_>, key: &str) -> Option<IpAddr> {
    object.string(&[key])?.parse().ok()
}

fn nanos(object: &Object<'_>, key: &str) -> Option<i64> {
    object.get(&[key])?.get().parse().ok().filter(|nanos| *nanos > 0)
}

/// The place of `serde_json`'s line and column, both counted from 1.
fn offset(text: &[u8], line: usize, column: usize) -> usize {
    let start = match line {
        0 | 1 => 0,
        _ => memchr::memchr_iter(b'\n', text).nth(line - 2).map_or(text.len(), |at| at + 1),
    };
    (start + column.saturating_sub(1)).min(text.len())
}

/// Counts line ends once, as the places asked for go on.
struct LineNumbers<'a> {
    text: &'a [u8],
    counted: usize,
    line: u64,
}

impl LineNumbers<'_> {
    /// The line on which a piece of the text begins.
    fn of(&mut self, piece: &str) -> u64 {
        let at = piece.as_ptr() as usize - self.text.as_ptr() as usize;
        let between = self.text.get(self.counted..at).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', between).count() as u64;
        self.counted = self.counted.max(at);
        self.line
    }
}
