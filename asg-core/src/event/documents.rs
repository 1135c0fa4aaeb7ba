//! Documents: JSON about many containers at once, as operators fetch and keep it.
//!
//! | document | content |
//! |---|---|
//! | `/var/vcap/data/container-metadata/store.json` | silk's view of a cell: handle, address, app, space and org |
//! | `cfdot actual-lrps`, `actual-lrp-groups` | process, index, instance, cell and address, one object a line |
//! | `cfdot tasks` | task, cell and app |
//! | `cf curl /v3/processes/<guid>/stats` | instance, index, cell's and container's address |
//! | log-cache's envelopes: `cf tail --json`, `/api/v1/read/<app>` | handle, app, index and cell, and the cell's messages about the container's lifecycle |
//!
//! Sources: silk-release `lib/datastore/datastore.go`; bbs `models/actual_lrp.proto`, `task.proto`;
//! `cloud_controller_ng` `app/presenters/v3/process_stats_presenter.rb`; go-log-cache 2
//! `rpc/logcache_v1/egress.proto`.

use std::net::IpAddr;

use serde_json::value::RawValue;

use crate::bytes::json::Object;
use crate::event::app_log;
use crate::event::lager::{LagerEvent, RepEvent, RepEventKind, names_of_properties};
use crate::names::Names;
use crate::time::Timestamp;

/// Returns the containers in one object, if it is one of these documents.
pub(crate) fn containers<'a>(object: &Object<'a>) -> Vec<RepEvent<'a>> {
    let mut found = Vec::new();
    each_container(object, &mut |_, event| found.push(event));
    found
}

/// Returns whether the text may be an array of objects, or of texts.
pub(crate) fn may_be_array(text: &[u8]) -> bool {
    let inside = text.strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
    matches!(inside, Some([b'{' | b'"', ..]))
}

/// Returns the containers in the objects of an array, which lager may have written.
///
/// # Errors
///
/// If the text is not JSON.
pub(crate) fn containers_of_array(text: &[u8]) -> Result<Vec<RepEvent<'_>>, serde_json::Error> {
    let mut found = Vec::new();
    let values: Vec<&RawValue> = serde_json::from_slice(text)?;
    for value in values {
        one_entry(value, &mut |_, event| {
            if let LagerEvent::Rep(event) = event {
                found.push(event);
            }
        });
    }
    Ok(found)
}

/// Returns the events in a document, with the text that each comes from where that is known.
pub(crate) fn entries<'a>(
    value: &'a RawValue,
    each: &mut impl FnMut(&'a RawValue, LagerEvent<'a>),
) {
    if value.get().starts_with('[') {
        let values: Vec<&RawValue> = serde_json::from_str(value.get()).unwrap_or_default();
        for value in values {
            one_entry(value, each);
        }
    } else {
        one_entry(value, each);
    }
}

fn one_entry<'a>(value: &'a RawValue, each: &mut impl FnMut(&'a RawValue, LagerEvent<'a>)) {
    if !value.get().starts_with('{') {
        return;
    }
    let Ok(object) = Object::parse(value.get().as_bytes()) else { return };
    match LagerEvent::of(&object) {
        LagerEvent::Other => each_container(&object, &mut |place, event| {
            each(place.unwrap_or(value), LagerEvent::Rep(event));
        }),
        event => each(value, event),
    }
}

fn each_container<'a>(
    object: &Object<'a>,
    each: &mut impl FnMut(Option<&'a RawValue>, RepEvent<'a>),
) {
    let single = actual_lrp(object).or_else(|| task(object));
    if let Some(event) = single.or_else(|| app_log::classify_envelope(object)) {
        return each(None, event);
    }
    // log-cache's API wraps its batch once more than `cf tail --json` does.
    let batch =
        || object.get(&["batch"]).or_else(|| object.object(&["envelopes"])?.get(&["batch"]));
    if let Some(instances) = object.get(&["resources"]) {
        return each_of(instances, instance, each);
    }
    if let Some(envelopes) = batch() {
        return each_of(envelopes, app_log::classify_envelope, each);
    }
    for (key, place) in object.members() {
        // Few objects are a store: the first member decides.
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

/// Passes on the events in the objects of an array.
fn each_of<'a>(
    array: &'a RawValue,
    read: fn(&Object<'a>) -> Option<RepEvent<'a>>,
    each: &mut impl FnMut(Option<&'a RawValue>, RepEvent<'a>),
) {
    let places: Vec<&RawValue> = serde_json::from_str(array.get()).unwrap_or_default();
    for place in places {
        if let Some(event) = Object::parse(place.get().as_bytes()).ok().and_then(|o| read(&o)) {
            each(Some(place), event);
        }
    }
}

/// Reads
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

/// Parses `{"task_definition":{"log_guid":…,…},"task_guid":…,"domain":…,"state":…,"cell_id":…,…}`.
/// A task that waits for a cell has no container yet.
fn task<'a>(object: &Object<'a>) -> Option<RepEvent<'a>> {
    let mut event = RepEvent::seen("cfdot", "task");
    event.handle = Some(object.string(&["task_guid"])?);
    event.cell_id = Some(object.string(&["cell_id"])?);
    let domain = object.string(&["domain"])?;
    // Cloud Controller made the tasks of these two domains, and they log under the app's GUID.
    if matches!(&*domain, "cf-tasks" | "cf-app-staging") {
        let app = object.object(&["task_definition"]).and_then(|task| task.string(&["log_guid"]));
        event.names = app.map(|app| Box::new(Names { app_guid: Some(app), ..Names::default() }));
    }
    event.domain = Some(domain);
    Some(event)
}

/// Returns an entry of Cloud Controller's process stats. It had no `instance_guid` before 2021, and
/// an instance that is down has none.
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

/// Parses `"<handle>":{"handle":"<handle>","ip":…,"metadata":{"app_id":…,…}}`.
fn stored<'a>(key: &str, object: &Object<'a>) -> Option<RepEvent<'a>> {
    let mut event = RepEvent::seen("silk", "store.json");
    event.handle = Some(object.string(&["handle"]).filter(|handle| **handle == *key)?);
    object.get(&["ip"])?;
    event.container_ip = address(object, "ip");
    event.container_ipv6 = address(object, "ipv6");
    if let Some(metadata) = object.object(&["metadata"]) {
        event.names = names_of_properties(metadata).map(Box::new);
    }
    Some(event)
}

fn address(object: &Object<'_>, key: &str) -> Option<IpAddr> {
    object.string(&[key])?.parse().ok()
}

fn nanos(object: &Object<'_>, key: &str) -> Option<i64> {
    object.get(&[key])?.get().parse().ok().filter(|nanos| *nanos > 0)
}
