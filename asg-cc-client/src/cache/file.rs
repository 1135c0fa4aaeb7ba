//! The file of a cache: a header line with the format and a checksum of the rest, and a line per
//! id.

use asg_core::names::{AppState, Entity, NameHistory, Workload};
use asg_core::{Guid, Identity, Timestamp};
use serde_json::{Value, json};

use crate::error::Error;

/// Name and version of the format. Versions are not converted: a cache is cheaper to fill than to
/// convert.
const FORMAT: &str = "asg-cc-client cache 1";

pub(super) type Entry = (Guid, Identity, Option<Timestamp>);

pub(super) fn write<'a>(
    foundation: &str,
    entries: impl Iterator<Item = (Guid, &'a Identity, Option<Timestamp>)>,
) -> Vec<u8> {
    let mut body = json!({ "foundation": foundation }).to_string();
    body.push('\n');
    for (id, identity, end) in entries {
        let Some(state) = state_name(identity.state) else { continue };
        let entity = |entity: &Option<Entity>| {
            entity.as_ref().map(|e| json!({ "guid": e.guid, "name": e.name }))
        };
        let line = json!({
            "id": id.to_string(),
            "until": end.map(Timestamp::as_nanos),
            "state": state,
            "app": entity(&identity.app),
            "space": entity(&identity.space),
            "org": entity(&identity.org),
            "process_type": identity.process_type,
            "workload": identity.workload.map(workload_name),
            "deleted_at": identity.deleted_at.map(Timestamp::as_nanos),
        });
        body.push_str(&line.to_string());
        body.push('\n');
    }
    let mut text = header(body.as_bytes()).into_bytes();
    text.extend(body.into_bytes());
    text
}

pub(super) fn parse(text: &[u8], foundation: &str) -> Result<Vec<Entry>, Error> {
    let bad = |why: &str| Error::CacheFile(why.into());
    if !text.starts_with(FORMAT.as_bytes()) {
        return Err(bad("it is none, or of another version"));
    }
    let end = text.iter().position(|byte| *byte == b'\n').ok_or_else(|| bad("it is cut"))?;
    let (head, body) = text.split_at(end + 1);
    // The whole header is compared, so that no other spelling of the numbers passes.
    if head != header(body).as_bytes() {
        return Err(bad("its checksum is wrong"));
    }
    let damaged = || bad("it is damaged");
    let mut lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let first: Value =
        lines.next().and_then(|line| serde_json::from_slice(line).ok()).ok_or_else(damaged)?;
    if first["foundation"] != foundation {
        return Err(bad("it is of another foundation"));
    }
    lines
        .map(|line| entry(&serde_json::from_slice(line).ok()?))
        .map(|e| e.ok_or_else(damaged))
        .collect()
}

fn entry(line: &Value) -> Option<Entry> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let time = |value: &Value| value.as_i64().map(Timestamp::from_nanos);
    let entity =
        |value: &Value| Some(Entity { guid: text(&value["guid"])?, name: text(&value["name"]) });
    let identity = Identity {
        state_reason: None,
        state: STATES.into_iter().find(|state| line["state"].as_str() == state_name(*state))?,
        app: entity(&line["app"]),
        space: entity(&line["space"]),
        org: entity(&line["org"]),
        process_type: text(&line["process_type"]),
        workload: WORKLOADS
            .into_iter()
            .find(|kind| line["workload"].as_str() == Some(workload_name(*kind))),
        deleted_at: time(&line["deleted_at"]),
        // A file only has today's names.
        history: NameHistory::NONE,
    };
    Some((line["id"].as_str()?.parse().ok()?, identity, time(&line["until"])))
}

const STATES: [AppState; 4] =
    [AppState::Live, AppState::Deleted, AppState::Hidden, AppState::Unknown];

const WORKLOADS: [Workload; 3] = [Workload::App, Workload::Task, Workload::Staging];

const fn workload_name(workload: Workload) -> &'static str {
    match workload {
        Workload::App => "app",
        Workload::Task => "task",
        Workload::Staging => "staging",
    }
}

/// Returns the word for a state; `None` for a state that is kept in memory only.
const fn state_name(state: AppState) -> Option<&'static str> {
    match state {
        AppState::Live => Some("live"),
        AppState::Deleted => Some("deleted"),
        AppState::Hidden => Some("hidden"),
        AppState::Unknown => Some("unknown"),
        _ => None,
    }
}

fn header(body: &[u8]) -> String {
    format!("{FORMAT} {:08x}\n", crc32fast::hash(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(header(b"123456789"), format!("{FORMAT} cbf43926\n"));
    }
}
