//! Pages of a Cloud Controller that someone saved, as a directory.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use asg_core::{Directory, Guid, Identity};
use serde_json::{Deserializer, Value};

use crate::api::{
    App, Body, Deployment, Event, Info, Org, Process, Root, SecurityGroup, Space, Work,
};
use crate::error::ApiError;
use crate::error::Error;
use crate::resolve::Knowledge;

/// Saved answers of a Cloud Controller, for where there is no way to it or no wish to ask.
///
/// Someone who may logs in and saves lists, and the files answer from then on:
///
/// ```sh
/// cf curl '/v3/apps?per_page=5000&include=space.organization' > apps.json
/// cf curl '/v3/processes?per_page=5000' > processes.json
/// cf curl '/v3/audit_events?types=audit.app.delete-request&per_page=5000' > deleted.json
/// ```
///
/// Apps, processes, tasks, builds, deployments, spaces, orgs, audit events and security groups are recognised by their
/// shape, as lists or one by one, of v3 or v2; a file may hold any number of JSON documents, one after another, line by
/// line or in an array. The root document and `/v3/info` may be among them.
///
/// What is not in the files is [`Unknown`](asg_core::AppState::Unknown): an export cannot know what it leaves out. An app
/// that is listed *and* has a delete request is deleted: the list was saved before.
///
/// # Example
///
/// ```
/// use asg_cc_client::Export;
/// use asg_core::AppState;
///
/// let apps = br#"{"pagination":{"next":null},"resources":[{
///     "guid":"4ccbb24c-268e-421a-9d1b-3678b6eb40d0","name":"proxy","lifecycle":{},
///     "relationships":{"space":{"data":{"guid":"c65add41-d85b-4823-9e2a-545a5e0e5812"}}},
///     "links":{"self":{"href":"https://api.example.org/v3/apps/4ccbb24c-268e-421a-9d1b-3678b6eb40d0"}}
/// }]}"#;
/// let export = Export::from_pages([&apps[..]])?;
/// let proxy = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0".parse()?;
/// let found = export.resolve(&[proxy]);
/// assert_eq!(found[&proxy].state, AppState::Live);
/// assert_eq!(found[&proxy].path().as_deref(), Some("?/?/proxy"));
/// assert!(Export::from_pages([&b"app,space\n"[..]]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Export {
    known: Knowledge,
    security_groups: Vec<SecurityGroup>,
}

impl Export {
    /// An export with nothing in it: see [`Export::add`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads these files.
    ///
    /// # Errors
    ///
    /// As [`Export::add`], for the first of them that is none.
    pub fn from_pages<'a>(pages: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, Error> {
        let mut export = Self::new();
        pages.into_iter().try_for_each(|page| export.add(page))?;
        Ok(export)
    }

    /// Reads one file. A caller with many adds them one by one, to name the one that fails.
    ///
    /// # Errors
    ///
    /// [`Error::Export`] if it is not JSON, or JSON of something else; it does not know the file's name.
    pub fn add(&mut self, page: &[u8]) -> Result<(), Error> {
        let text = page.strip_prefix(b"\xef\xbb\xbf").unwrap_or(page);
        let mut documents = 0;
        for document in Deserializer::from_slice(text).into_iter::<Value>() {
            let document = document.map_err(|e| {
                bad(&format!("it is not JSON from line {}, column {} on", e.line(), e.column()))
            })?;
            self.add_document(&document)?;
            documents += 1;
        }
        if documents == 0 { Err(bad("it is empty")) } else { Ok(()) }
    }

    /// Reads a file, or all files in a folder whose names end in `.json`, `.jsonl` or `.ndjson`, in the order of their
    /// names.
    ///
    /// # Errors
    ///
    /// As [`Export::add`], with the file's name, also if it cannot be read.
    pub fn add_path(&mut self, path: &Path) -> Result<(), Error> {
        let within = |e: &dyn fmt::Display| Error::Export(format!("{}: {e}", path.display()));
        if !path.is_dir() {
            let page = fs::read(path).map_err(|e| within(&e))?;
            return self.add(&page).map_err(|e| within(&e));
        }
        let entries = fs::read_dir(path).map_err(|e| within(&e))?;
        let is_page = |path: &PathBuf| {
            let extension = path.extension().and_then(|e| e.to_str());
            path.is_file() && matches!(extension, Some("json" | "jsonl" | "ndjson"))
        };
        let mut paths: Vec<PathBuf> =
            entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_page).collect();
        if paths.is_empty() {
            return Err(within(&"there is no file of JSON in this folder"));
        }
        paths.sort();
        paths.iter().try_for_each(|path| self.add_path(path))
    }

    /// Looks up these GUIDs; each of them is in the answer.
    #[must_use]
    pub fn resolve(&self, guids: &[Guid]) -> HashMap<Guid, Identity> {
        let one = |guid: &Guid| self.known.identify(&guid.to_string());
        guids.iter().map(|guid| (*guid, one(guid).unwrap_or_else(Identity::unknown))).collect()
    }

    /// The security groups that were in the files, in their order.
    #[must_use]
    pub fn security_groups(&self) -> &[SecurityGroup] {
        &self.security_groups
    }

    fn add_document(&mut self, document: &Value) -> Result<(), Error> {
        if let Value::Array(documents) = document {
            return documents.iter().try_for_each(|document| self.add_document(document));
        }
        if let Value::Array(resources) = &document["resources"] {
            resources.iter().try_for_each(|resource| self.add_resource(resource))?;
            for included in ["spaces", "organizations"] {
                let included = document["included"][included].as_array().into_iter().flatten();
                included.for_each(|resource| drop(self.add_resource(resource)));
            }
            return Ok(());
        }
        if let Some(error) = ApiError::of(document).first() {
            return Err(bad(&format!("`cf curl` got an error and saved it ({error})")));
        }
        self.add_resource(document)
    }

    fn add_resource(&mut self, resource: &Value) -> Result<(), Error> {
        let known = &mut self.known;
        let groups = &mut self.security_groups;
        let Some(kind) = kind(resource) else {
            // What the API says about itself: of no use here, and nothing wrong either.
            if Root::read(resource).is_some_and(|root| root.v2 || root.v3)
                || resource.get("name").is_some() && Info::read(resource).is_some()
            {
                return Ok(());
            }
            return Err(bad("it is JSON, but not of a Cloud Controller"));
        };
        match kind.as_str() {
            "apps" => add(resource, |app: App| known.add_app(app)),
            "processes" => add(resource, |process: Process| known.add_process(process)),
            "tasks" | "builds" => add(resource, |work: Work| known.add_work(work)),
            "deployments" => add(resource, |d: Deployment| known.add_deployment(d)),
            "spaces" => add(resource, |space: Space| known.add_space(space)),
            "organizations" => add(resource, |org: Org| known.add_org(org)),
            "audit_events" | "events" => add(resource, |event: Event| known.add_event(event)),
            "security_groups" => add(resource, |group: SecurityGroup| groups.push(group)),
            other => {
                return Err(bad(&format!("it has {other} in it, which say nothing about apps")));
            }
        }
        Ok(())
    }
}

impl From<Knowledge> for Export {
    fn from(known: Knowledge) -> Self {
        Self { known, security_groups: Vec::new() }
    }
}

impl Directory for Export {
    type Error = Infallible;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Infallible> {
        Ok(self.resolve(guids))
    }
}

impl Directory for &Export {
    type Error = Infallible;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Infallible> {
        Ok(self.resolve(guids))
    }
}

fn add<T: Body>(resource: &Value, into: impl FnOnce(T)) {
    // Without a GUID it is of no use, and no reason to refuse the others.
    if let Some(thing) = T::read(resource) {
        into(thing);
    }
}

/// What a resource is, in the words of the API's paths: from the link to itself, or else by the members that only it has.
fn kind(resource: &Value) -> Option<String> {
    resource.as_object()?;
    let link = resource
        .pointer("/links/self/href")
        .or_else(|| resource.pointer("/metadata/url"))
        .and_then(Value::as_str);
    let segment = |link: &str| {
        let (_, path) = link.split_once("/v3/").or_else(|| link.split_once("/v2/"))?;
        // `/v3/apps/<guid>` and no more: below it are other things.
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        let kind = segments.next()?;
        (segments.count() == 1).then(|| kind.to_owned())
    };
    if let Some(kind) = link.and_then(segment) {
        return Some(kind);
    }
    let has = |pointer: &str| resource.pointer(pointer).is_some();
    let kind = if has("/new_processes") {
        "deployments"
    } else if has("/globally_enabled") || has("/entity/running_default") {
        "security_groups"
    } else if has("/target") && has("/type") || has("/entity/actee") {
        "audit_events"
    } else if has("/relationships/app") && has("/type") {
        "processes"
    } else if has("/relationships/app") && has("/guid") {
        "tasks"
    } else if has("/relationships/space") && has("/lifecycle") || has("/entity/space_guid") {
        "apps"
    } else if has("/relationships/organization") || has("/entity/organization_guid") {
        "spaces"
    } else if has("/suspended") || has("/entity/quota_definition_guid") {
        "organizations"
    } else {
        return None;
    };
    Some(kind.to_owned())
}

fn bad(why: &str) -> Error {
    Error::Export(format!(
        "{why}: save lists with `cf curl '/v3/apps?per_page=5000&include=space.organization'`, \
         `/v3/processes`, `/v3/audit_events` and so on"
    ))
}

#[cfg(test)]
mod tests {
    use asg_core::AppState;

    use super::*;

    const APP: &str = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0";

    fn resolve(pages: &[&str]) -> Identity {
        let export = Export::from_pages(pages.iter().map(|page| page.as_bytes())).unwrap();
        let app = APP.parse().unwrap();
        export.resolve(&[app]).remove(&app).unwrap()
    }

    #[test]
    fn what_is_no_export_says_why() {
        for (text, why) in [
            ("", "it is empty"),
            ("  \n", "it is empty"),
            ("FAILED\nNot logged in", "not JSON from line 1, column 1"),
            (r#"{"resources":["#, "not JSON"),
            ("{}", "not of a Cloud Controller"),
            ("[7]", "not of a Cloud Controller"),
            (r#"{"errors":[{"code":1000,"title":"CF-InvalidAuthToken","detail":"x"}]}"#, "1000"),
            (r#"{"code":100004,"error_code":"CF-AppNotFound","description":"x"}"#, "100004"),
            (
                r#"{"resources":[{"guid":"g","links":{"self":{"href":"https://a/v3/routes/g"}}}]}"#,
                "it has routes in it",
            ),
        ] {
            let err = Export::from_pages([text.as_bytes()]).unwrap_err().to_string();
            assert!(err.contains(why), "{text}: {err}");
        }
    }

    #[test]
    fn a_folder_is_all_its_pages() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let read = || {
            let mut export = Export::new();
            export.add_path(folder.path()).map(|()| export)
        };
        write("README.md", "not a page");
        assert!(read().unwrap_err().to_string().contains("no file of JSON"));
        write(
            "2.json",
            r#"{"guid":"s1","name":"s","links":{"self":{"href":"https://a/v3/spaces/s1"}}}"#,
        );
        write(
            "1.jsonl",
            &format!(
                "{{\"metadata\":{{\"guid\":\"{APP}\",\"url\":\"/v2/apps/{APP}\"}},\"entity\":{{\"name\":\"proxy\",\"space_guid\":\"s1\"}}}}\n{{\"links\":{{\"cloud_controller_v3\":{{}}}}}}\n"
            ),
        );
        let app = APP.parse().unwrap();
        let found = read().unwrap().resolve(&[app]);
        assert_eq!(found[&app].path().as_deref(), Some("?/s/proxy"));
        write("3.json", "FAILED");
        let err = read().unwrap_err().to_string();
        assert!(err.contains("3.json: it is not JSON"), "{err}");
    }

    #[test]
    fn documents_may_follow_each_other_in_any_way() {
        let app = format!(
            r#"{{"metadata":{{"guid":"{APP}","url":"/v2/apps/{APP}"}},"entity":{{"name":"proxy","space_guid":"s1"}}}}"#
        );
        let space = r#"{"metadata":{"guid":"s1","url":"/v2/spaces/s1"},"entity":{"name":"s","organization_guid":"o1"}}"#;
        let org =
            r#"{"metadata":{"guid":"o1","url":"/v2/organizations/o1"},"entity":{"name":"o"}}"#;
        for pages in [
            vec![format!("{app}{space}{org}")],
            vec![format!("\u{feff}{app}\r\n{space}\r\n{org}\r\n")],
            vec![format!("[{app},[{space}],{org}]")],
            vec![org.to_owned(), app.clone(), space.to_owned()],
            vec![format!(r#"{{"total_results":3,"resources":[{space},{org},{app}]}}"#)],
        ] {
            let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
            assert_eq!(resolve(&pages).path().as_deref(), Some("o/s/proxy"), "{pages:?}");
        }
    }

    #[test]
    fn only_a_delete_request_makes_an_app_deleted_and_it_outlives_an_old_list() {
        let event = |kind: &str| {
            format!(
                r#"{{"type":"{kind}","created_at":"2017-06-23T10:00:00Z","target":{{"guid":"{APP}","type":"app","name":"proxy"}},"space":{{"guid":"s1"}},"organization":{{"guid":"o1"}}}}"#
            )
        };
        let app = format!(
            r#"{{"guid":"{APP}","name":"proxy","links":{{"self":{{"href":"https://a/v3/apps/{APP}"}}}}}}"#
        );
        assert_eq!(resolve(&[&event("audit.app.update")]).state, AppState::Unknown);
        assert_eq!(resolve(&[&event("audit.app.update"), &app]).state, AppState::Live);
        let deleted = event("audit.app.delete-request");
        for pages in [vec![&deleted], vec![&deleted, &app], vec![&app, &deleted]] {
            let pages: Vec<&str> = pages.into_iter().map(String::as_str).collect();
            let identity = resolve(&pages);
            assert_eq!(identity.state, AppState::Deleted);
            assert_eq!(identity.deleted_at.unwrap().to_string(), "2017-06-23T10:00:00Z");
            assert_eq!(identity.path().as_deref(), Some("?/?/proxy"));
        }
    }
}
