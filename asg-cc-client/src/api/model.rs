//! What the endpoints' answers say, as far as it matters here. v2 and v3 say the same in different words, so there is
//! one type per thing.

use asg_core::Timestamp;
use serde_json::Value;

use super::Body;

/// `GET /`: which APIs there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// True if v2 is there: it has a link.
    pub v2: bool,
    /// True if v3 is there.
    pub v3: bool,
    /// Where the UAA is; absent on Korifi.
    pub uaa: Option<String>,
    /// The login server, which has a token endpoint too.
    pub login: Option<String>,
}

/// `GET /v3/info` or `/v2/info`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// The foundation's name.
    pub name: Option<String>,
    /// Its release, in the operators' words.
    pub build: Option<String>,
    /// v2 only: the version of the API; absent while v2 is switched off.
    pub api_version: Option<String>,
}

/// An app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its GUID.
    pub guid: String,
    /// Its name.
    pub name: Option<String>,
    /// Its space's GUID.
    pub space: Option<String>,
}

/// A space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// Its GUID.
    pub guid: String,
    /// Its name.
    pub name: Option<String>,
    /// Its org's GUID.
    pub org: Option<String>,
}

/// An org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Org {
    /// Its GUID.
    pub guid: String,
    /// Its name.
    pub name: Option<String>,
}

/// A process of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its GUID: the first half of Diego's process GUID.
    pub guid: String,
    /// Its app's GUID.
    pub app: Option<String>,
    /// `web`, `worker`, …
    pub process_type: Option<String>,
}

/// A task or a build: what runs once for an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Its GUID, which is Diego's task GUID too.
    pub guid: String,
    /// Its app's GUID.
    pub app: Option<String>,
}

/// A deployment: the only record of processes that a later deployment replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Its GUID.
    pub guid: String,
    /// Its app's GUID.
    pub app: Option<String>,
    /// The processes that it made.
    pub new_processes: Vec<Process>,
}

/// An audit event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Such as `audit.app.delete-request`.
    pub kind: String,
    /// When.
    pub at: Option<Timestamp>,
    /// The GUID of what it is about; the app's, for all events of processes, tasks and builds.
    pub target: Option<String>,
    /// Its name at that time.
    pub target_name: Option<String>,
    /// The space's GUID.
    pub space: Option<String>,
    /// The org's GUID.
    pub org: Option<String>,
    /// The process, task or build, for events of those.
    pub run: Option<String>,
    /// The process's type, for events of processes.
    pub process_type: Option<String>,
    /// The name that an update gave.
    pub renamed_to: Option<String>,
}

impl Event {
    /// True if it proves that its target, an app, was deleted.
    #[must_use]
    pub fn deletes_app(&self) -> bool {
        self.kind == "audit.app.delete-request"
    }
}

impl Body for Root {
    fn read(value: &Value) -> Option<Self> {
        let links = value["links"].as_object()?;
        let has = |name: &str| links.get(name).is_some_and(|link| !link.is_null());
        Some(Self {
            v2: has("cloud_controller_v2"),
            v3: has("cloud_controller_v3"),
            uaa: text(value, "/links/uaa/href"),
            login: text(value, "/links/login/href"),
        })
    }
}

impl Body for Info {
    fn read(value: &Value) -> Option<Self> {
        // Any JSON object might be read as one, so insist on what both APIs' have.
        value.get("build")?;
        Some(Self {
            name: text(value, "/name"),
            build: text(value, "/build"),
            api_version: text(value, "/api_version"),
        })
    }
}

impl Body for App {
    fn read(value: &Value) -> Option<Self> {
        let space = related(value, "space").or_else(|| text(value, "/entity/space_guid"));
        Some(Self { guid: guid(value)?, name: name(value), space })
    }
}

impl Body for Space {
    fn read(value: &Value) -> Option<Self> {
        let org =
            related(value, "organization").or_else(|| text(value, "/entity/organization_guid"));
        Some(Self { guid: guid(value)?, name: name(value), org })
    }
}

impl Body for Org {
    fn read(value: &Value) -> Option<Self> {
        Some(Self { guid: guid(value)?, name: name(value) })
    }
}

impl Body for Process {
    fn read(value: &Value) -> Option<Self> {
        let process_type = text(value, "/type");
        Some(Self { guid: guid(value)?, app: related(value, "app"), process_type })
    }
}

impl Body for Work {
    fn read(value: &Value) -> Option<Self> {
        Some(Self { guid: guid(value)?, app: related(value, "app") })
    }
}

impl Body for Deployment {
    fn read(value: &Value) -> Option<Self> {
        let app = related(value, "app");
        let made = value["new_processes"].as_array().into_iter().flatten();
        let new_processes = made
            .filter_map(Process::read)
            .map(|process| Process { app: app.clone(), ..process })
            .collect();
        Some(Self { guid: guid(value)?, app, new_processes })
    }
}

impl Body for Event {
    fn read(value: &Value) -> Option<Self> {
        if let Some(entity) = value.get("entity") {
            return Some(Self {
                kind: text(entity, "/type")?,
                at: time(entity, "/timestamp").or_else(|| time(value, "/metadata/created_at")),
                target: text(entity, "/actee"),
                target_name: text(entity, "/actee_name"),
                space: text(entity, "/space_guid"),
                org: text(entity, "/organization_guid"),
                run: run(entity, "/metadata"),
                process_type: text(entity, "/metadata/process_type"),
                renamed_to: text(entity, "/metadata/request/name"),
            });
        }
        let kind = text(value, "/type")?;
        // `data` names the process of most events, the actor that of crashes and readiness.
        let run = run(value, "/data").or_else(|| {
            (text(value, "/actor/type")? == "process").then(|| text(value, "/actor/guid")).flatten()
        });
        Some(Self {
            kind,
            at: time(value, "/created_at"),
            target: text(value, "/target/guid"),
            target_name: text(value, "/target/name"),
            space: text(value, "/space/guid"),
            org: text(value, "/organization/guid"),
            run,
            process_type: text(value, "/data/process_type"),
            renamed_to: text(value, "/data/request/name"),
        })
    }
}

fn run(value: &Value, within: &str) -> Option<String> {
    let guid = |what: &str| text(value, &format!("{within}/{what}_guid"));
    guid("process").or_else(|| guid("task")).or_else(|| guid("build"))
}

/// The text at a JSON pointer, unless it is empty.
fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().filter(|text| !text.is_empty()).map(Into::into)
}

fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    Timestamp::parse(text(value, pointer)?.as_bytes()).ok()
}

pub(super) fn guid(value: &Value) -> Option<String> {
    text(value, "/guid").or_else(|| text(value, "/metadata/guid"))
}

pub(super) fn name(value: &Value) -> Option<String> {
    text(value, "/name").or_else(|| text(value, "/entity/name"))
}

fn related(value: &Value, what: &str) -> Option<String> {
    text(value, &format!("/relationships/{what}/data/guid"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_empty_names_and_missing_objects_are_absent() {
        for json in [
            r#"{"guid":"g"}"#,
            r#"{"guid":"g","name":null,"relationships":null}"#,
            r#"{"guid":"g","name":"","relationships":{"space":null}}"#,
            r#"{"guid":"g","name":"","relationships":{"space":{"data":null}},"new":{"field":[1]}}"#,
            r#"{"metadata":{"guid":"g"},"entity":{"name":"","space_guid":null}}"#,
        ] {
            let app = App::read(&serde_json::from_str(json).unwrap()).unwrap();
            assert_eq!(app, App { guid: "g".into(), name: None, space: None }, "{json}");
        }
    }

    #[test]
    fn an_event_may_lack_everything_but_its_type() {
        for json in [
            r#"{"type":"audit.app.crash","target":null,"actor":null,"data":null,"space":null}"#,
            r#"{"metadata":null,"entity":{"type":"audit.app.crash","actee":"","metadata":{}}}"#,
        ] {
            let event = Event::read(&serde_json::from_str(json).unwrap()).unwrap();
            assert_eq!((event.target, event.space, event.run), (None, None, None), "{json}");
        }
    }
}
