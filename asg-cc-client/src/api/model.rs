//! The things in the endpoints' answers, as far as they matter here. v2 and v3 differ only in
//! words, so each thing has one type.

use asg_core::Timestamp;
use asg_core::names::Workload;

use super::body::FromResource;
use super::json::{Data, NewProcess, Resource, Text};

/// `GET /`: the available APIs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct Root {
    /// Whether v2 is available: it has a link.
    pub v2: bool,
    /// Whether v3 is available.
    pub v3: bool,
    /// The address of the UAA; absent on Korifi.
    pub uaa: Option<String>,
    /// The login server, which has a token endpoint too.
    pub login: Option<String>,
}

/// `GET /v3/info` or `/v2/info`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
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
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
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
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
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
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct Org {
    /// Its GUID.
    pub guid: String,
    /// Its name.
    pub name: Option<String>,
}

/// A process of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct Process {
    /// Its GUID: the first half of Diego's process GUID.
    pub guid: String,
    /// Its app's GUID.
    pub app: Option<String>,
    /// `web`, `worker`, …
    pub process_type: Option<String>,
}

/// A task or a build, which runs once for an app.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct Work {
    /// Its GUID, which is Diego's task GUID too.
    pub guid: String,
    /// Its app's GUID.
    pub app: Option<String>,
    /// Whether it is a task or a build; `None` if nothing shows it.
    pub workload: Option<Workload>,
}

/// A deployment: the only record of processes that a later deployment replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
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
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct Event {
    /// Such as `audit.app.delete-request`.
    pub kind: String,
    /// The time.
    pub at: Option<Timestamp>,
    /// The GUID of its subject; the app's, for all events of processes, tasks and builds.
    pub target: Option<String>,
    /// Its name at that time.
    pub target_name: Option<String>,
    /// The space's GUID.
    pub space: Option<String>,
    /// The org's GUID.
    pub org: Option<String>,
    /// The process, task or build, for events of those.
    pub run: Option<String>,
    /// The kind of these.
    pub workload: Option<Workload>,
    /// The process's type, for events of processes.
    pub process_type: Option<String>,
    /// The name that an update gave.
    pub renamed_to: Option<String>,
}

impl Event {
    /// Returns whether it proves that its target, an app, was deleted.
    #[must_use]
    pub fn deletes_app(&self) -> bool {
        self.kind == "audit.app.delete-request"
    }
}

impl FromResource for Root {
    fn from_resource(resource: Resource) -> Option<Self> {
        let links = resource.links.is_there.then_some(resource.links.value)?;
        Some(Self {
            v2: links.v2.0,
            v3: links.v3.0,
            uaa: links.uaa.href.0,
            login: links.login.href.0,
        })
    }
}

impl FromResource for Info {
    fn from_resource(resource: Resource) -> Option<Self> {
        // Any JSON object might parse as one, so the member that both APIs have is required.
        resource.build.is_there.then_some(Self {
            name: resource.name.value.0,
            build: resource.build.value.0,
            api_version: resource.api_version.0,
        })
    }
}

impl FromResource for App {
    fn from_resource(mut resource: Resource) -> Option<Self> {
        let (guid, name) = identity(&mut resource)?;
        let space = resource.relationships.space.value.data.guid.0;
        Some(Self { guid, name, space: space.or(resource.entity.value.space.value.0) })
    }
}

impl FromResource for Space {
    fn from_resource(mut resource: Resource) -> Option<Self> {
        let (guid, name) = identity(&mut resource)?;
        let org = resource.relationships.organization.value.data.guid.0;
        Some(Self { guid, name, org: org.or(resource.entity.value.organization.value.0) })
    }
}

impl FromResource for Org {
    fn from_resource(mut resource: Resource) -> Option<Self> {
        let (guid, name) = identity(&mut resource)?;
        Some(Self { guid, name })
    }
}

impl FromResource for Process {
    fn from_resource(mut resource: Resource) -> Option<Self> {
        let (guid, _) = identity(&mut resource)?;
        let app = resource.relationships.app.value.data.guid.0;
        Some(Self { guid, app, process_type: resource.kind.value.0 })
    }
}

impl FromResource for Work {
    fn from_resource(mut resource: Resource) -> Option<Self> {
        let (guid, _) = identity(&mut resource)?;
        let own = resource.links.value.own.href.0.unwrap_or_default();
        let workload = if resource.lifecycle.is_there || own.contains("/v3/builds/") {
            Some(Workload::Staging)
        } else {
            own.contains("/v3/tasks/").then_some(Workload::Task)
        };
        Some(Self { guid, app: resource.relationships.app.value.data.guid.0, workload })
    }
}

impl FromResource for Deployment {
    fn from_resource(mut resource: Resource) -> Option<Self> {
        let (guid, _) = identity(&mut resource)?;
        let app = resource.relationships.app.value.data.guid.0;
        let process = |made: NewProcess| {
            Some(Process { guid: made.guid.0?, app: app.clone(), process_type: made.kind.0 })
        };
        let new_processes = resource.new_processes.value.0.into_iter().filter_map(process);
        Some(Self { guid, new_processes: new_processes.collect(), app })
    }
}

impl FromResource for Event {
    fn from_resource(resource: Resource) -> Option<Self> {
        if resource.entity.is_there {
            let entity = resource.entity.value;
            let process_type = entity.metadata.process_type.0.clone();
            let renamed_to = entity.metadata.request.name.0.clone();
            let (run, workload) = run(entity.metadata).unzip();
            return Some(Self {
                kind: entity.kind.0?,
                at: time(&entity.timestamp).or_else(|| time(&resource.metadata.created_at)),
                target: entity.actee.value.0,
                target_name: entity.actee_name.0,
                space: entity.space.value.0,
                org: entity.organization.value.0,
                process_type,
                renamed_to,
                run,
                workload,
            });
        }
        // Most events name the process in `data`, crashes and readiness in the actor.
        let actor = resource.actor;
        let acting = actor.guid.0.filter(|_| actor.kind.0.as_deref() == Some("process"));
        let target = resource.target.value;
        let process_type = resource.data.process_type.0.clone();
        let renamed_to = resource.data.request.name.0.clone();
        let acting = acting.map(|process| (process, Workload::App));
        let (run, workload) = run(resource.data).or(acting).unzip();
        Some(Self {
            kind: resource.kind.value.0?,
            at: time(&resource.created_at),
            target: target.guid.0,
            target_name: target.name.0,
            space: resource.space.guid.0,
            org: resource.organization.guid.0,
            process_type,
            renamed_to,
            run,
            workload,
        })
    }
}

fn run(data: Data) -> Option<(String, Workload)> {
    let kinds = [Workload::App, Workload::Task, Workload::Staging];
    let guids = [data.process.0, data.task.0, data.build.0];
    guids.into_iter().zip(kinds).find_map(|(guid, kind)| Some((guid?, kind)))
}

fn time(text: &Text) -> Option<Timestamp> {
    Timestamp::parse(text.0.as_ref()?.as_bytes()).ok()
}

/// Returns the GUID and the name of a resource of v3 or v2.
pub(super) fn identity(resource: &mut Resource) -> Option<(String, Option<String>)> {
    let guid = resource.guid.value.0.take().or_else(|| resource.metadata.guid.0.take())?;
    let name = resource.name.value.0.take().or_else(|| resource.entity.value.name.0.take());
    Some((guid, name))
}

#[cfg(test)]
mod tests {
    use super::super::body::decode_one;
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
            let app = decode_one::<App>(json.as_bytes()).unwrap();
            assert_eq!(app, App { guid: "g".into(), name: None, space: None }, "{json}");
        }
    }

    #[test]
    fn an_event_may_lack_everything_but_its_type() {
        for json in [
            r#"{"type":"audit.app.crash","target":null,"actor":null,"data":null,"space":null}"#,
            r#"{"metadata":null,"entity":{"type":"audit.app.crash","actee":"","metadata":{}}}"#,
        ] {
            let event = decode_one::<Event>(json.as_bytes()).unwrap();
            assert_eq!((event.target, event.space, event.run), (None, None, None), "{json}");
        }
    }
}
