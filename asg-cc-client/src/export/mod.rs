//! Saved pages of a Cloud Controller, as a directory.
//!
//! [`Export`] takes pages, files and folders, and answers without a network. [`Gap`] is a list that
//! lacks pages, and [`UnreadFile`] a file that could not be read to its end; with either, nothing
//! that is missing counts as unknown.
//!
//! ```
//! use asg_cc_client::Export;
//! use asg_core::names::AppState;
//!
//! let apps = br#"{"pagination":{"next":null},"resources":[{
//!     "guid":"4ccbb24c-268e-421a-9d1b-3678b6eb40d0",
//!     "name":"proxy","lifecycle":{},"links":{"self":{"href":
//!     "https://api.example.org/v3/apps/4ccbb24c-268e-421a-9d1b-3678b6eb40d0"}}}]}"#;
//! let export = Export::from_pages([&apps[..]])?;
//! let proxy = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0".parse()?;
//! assert_eq!(export.resolve(&[proxy])[&proxy].state, AppState::Live);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod pages;
mod source;

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use asg_core::{Directory, Guid, Identity, Timestamp};
use serde::de::DeserializeSeed;
use serde_json::Deserializer;

use crate::api::json::{Document, IntoSink, Resource, Sink};
use crate::api::{
    App, Deployment, Event, FromResource, Org, Process, Root, SecurityGroup, Space, Work,
};
use crate::error::Error;
use crate::resolve::Knowledge;
pub use pages::Gap;
use pages::Lists;
use source::Source;

/// The first member of the file that describes an export of
/// [`CloudController::save`](crate::CloudController::save).
pub(crate) const FORMAT: &str = "asglog export 1";

/// The file that describes such an export. Its name comes before those of all lists.
pub(crate) const ABOUT: &str = "about-this-export.json";

/// Saved answers of a Cloud Controller, for use without a connection to it.
///
/// Somebody logs in and saves lists, and the files answer from then on:
///
/// ```sh
/// cf curl '/v3/apps?per_page=5000&include=space.organization' > apps.json
/// cf curl '/v3/processes?per_page=5000' > processes.json
/// cf curl '/v3/audit_events?types=audit.app.delete-request&order_by=-created_at&per_page=5000' > deleted.json
/// ```
///
/// [`CloudController::save`](crate::CloudController::save) saves all lists with all their pages.
///
/// Apps, processes, tasks, builds, deployments, spaces, orgs, audit events and security groups are
/// recognised by their shape, as lists or one by one, of v3 or v2; a file may hold any number of
/// JSON documents, one after another, line by line or in an array. The root document and `/v3/info`
/// may be among them.
///
/// A file may be compressed with gzip, be UTF-16 as PowerShell writes it, or hold the output of `cf
/// curl -v`. GUIDs match in upper and lower case.
///
/// `cf curl` saves one page. [`Export::gaps`] returns the lists that lack pages. With gaps, or if a
/// list is missing that would have shown it, a GUID that is not found is
/// [`Unavailable`](asg_core::names::AppState::Unavailable), else it is
/// [`Unknown`](asg_core::names::AppState::Unknown). An app that is listed *and* has a delete
/// request is deleted: the list was saved before.
///
/// A file that cannot be read to its end does not affect other files: its first part is kept, and
/// [`Export::unread`] returns the file. Identities that are not found are `Unavailable` then, too.
///
/// # Example
///
/// ```
/// use asg_cc_client::Export;
/// use asg_core::names::AppState;
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
    lists: Lists,
    /// Lists that the Cloud Controller does not have.
    absent: BTreeSet<String>,
    taken_at: Option<Timestamp>,
    /// Whether it was saved with a token that does not see everything.
    is_limited: bool,
    unread: Vec<UnreadFile>,
    /// Whether a file had usable content.
    is_useful: bool,
}

/// A file that could not be read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadFile {
    /// The file, as the caller named it.
    pub file: String,
    /// The reason why it could not be read.
    pub why: String,
}

impl fmt::Display for UnreadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.why)
    }
}

impl Export {
    /// Creates an empty export: see [`Export::add`].
    ///
    /// ```
    /// use asg_cc_client::Export;
    /// assert!(Export::new().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads these files.
    ///
    /// # Errors
    ///
    /// Like [`Export::add`], for the first file that cannot be used.
    ///
    /// ```
    /// # use asg_cc_client::Export;
    /// let app = br#"{"guid":"4ccbb24c-268e-421a-9d1b-3678b6eb40d0","name":"proxy","links":{"self":
    ///     {"href":"https://api.example.org/v3/apps/4ccbb24c-268e-421a-9d1b-3678b6eb40d0"}}}"#;
    /// assert!(!Export::from_pages([&app[..]])?.is_empty());
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    pub fn from_pages<'a>(pages: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, Error> {
        let mut export = Self::new();
        pages.into_iter().try_for_each(|page| export.add(page))?;
        Ok(export)
    }

    /// Reads one file. A caller with many adds them one by one, so it can name the one that fails.
    ///
    /// # Errors
    ///
    /// [`Error::Export`] if it is not JSON, or JSON of another kind; the error does not contain the
    /// file's name.
    ///
    /// ```
    /// # use asg_cc_client::Export;
    /// let app = br#"{"guid":"4ccbb24c-268e-421a-9d1b-3678b6eb40d0","name":"proxy","links":{"self":
    ///     {"href":"https://api.example.org/v3/apps/4ccbb24c-268e-421a-9d1b-3678b6eb40d0"}}}"#;
    /// let mut export = Export::new();
    /// export.add(app)?;
    /// assert!(!export.is_empty());
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    pub fn add(&mut self, page: &[u8]) -> Result<(), Error> {
        self.add_from("the export", page)
    }

    /// Reads one file from a reader, piece by piece, under this name.
    ///
    /// # Errors
    ///
    /// Like [`Export::add`], also if the reader fails.
    ///
    /// ```
    /// # use asg_cc_client::Export;
    /// let app = br#"{"guid":"4ccbb24c-268e-421a-9d1b-3678b6eb40d0","name":"proxy","links":{"self":
    ///     {"href":"https://api.example.org/v3/apps/4ccbb24c-268e-421a-9d1b-3678b6eb40d0"}}}"#;
    /// let mut export = Export::new();
    /// export.add_from("apps.json", &app[..])?;
    /// assert!(!export.is_empty());
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    pub fn add_from(&mut self, name: &str, reader: impl Read) -> Result<(), Error> {
        self.ingest(name, reader).map_err(|why| {
            self.unread.push(UnreadFile { file: name.to_owned(), why: why.clone() });
            bad(&why)
        })
    }

    /// Takes in one file; fails with the reason.
    fn ingest(&mut self, name: &str, reader: impl Read) -> Result<(), String> {
        let unreadable = |e: &io::Error| format!("it cannot be read: {e}");
        let mut source = Source::new(reader).map_err(|e| unreadable(&e))?;
        let mut sink = Reading {
            export: self,
            file: name,
            is_trace: false,
            listed: 0,
            useful: false,
            useless: None,
            problem: None,
        };
        let mut documents = 0;
        while let Some(first) = source.next_start().map_err(|e| unreadable(&e))? {
            // `cf curl -v` prints the request and the headers before the answer.
            if first != b'{' && sink.is_trace || first == b'R' && documents == 0 {
                let line = source.skip_line().map_err(|e| unreadable(&e))?;
                sink.is_trace |= line.starts_with(b"REQUEST:");
                if sink.is_trace {
                    continue;
                }
                return Err("it is not JSON".into());
            }
            documents += 1;
            let before = source.lines();
            let mut deserializer = Deserializer::from_reader(&mut source);
            let read = IntoSink(&mut sink).deserialize(&mut deserializer);
            if let Some(problem) = sink.problem {
                return Err(problem);
            }
            read.map_err(|e| {
                let (line, column) = (before + e.line(), e.column());
                if e.is_io() {
                    unreadable(&e.into())
                } else {
                    format!("it is not JSON from line {line}, column {column} on")
                }
            })?;
        }
        match sink.useless {
            Some(kind) if !sink.useful => {
                Err(format!("it has {kind} in it, which have nothing to do with apps"))
            }
            _ if documents == 0 => Err("it is empty".into()),
            _ if sink.is_trace && !sink.useful => Err("it is a trace without an answer".into()),
            _ => Ok(()),
        }
    }

    /// Reads a file, or all files in a folder whose names end in `.json`, `.jsonl` or `.ndjson`,
    /// also with `.gz` behind that, in the order of their names.
    ///
    /// # Errors
    ///
    /// Like [`Export::add`], with the file's name, also if it cannot be opened. The other files of
    /// a folder are still read; the error is the first one's.
    ///
    /// ```
    /// # use asg_cc_client::Export;
    /// let app = br#"{"guid":"4ccbb24c-268e-421a-9d1b-3678b6eb40d0","name":"proxy","links":{"self":
    ///     {"href":"https://api.example.org/v3/apps/4ccbb24c-268e-421a-9d1b-3678b6eb40d0"}}}"#;
    /// let file = tempfile::NamedTempFile::new()?;
    /// std::fs::write(file.path(), app)?;
    /// let mut export = Export::new();
    /// export.add_path(file.path())?;
    /// assert!(!export.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_path(&mut self, path: &Path) -> Result<(), Error> {
        let pages = match pages_at(path) {
            Ok(pages) => pages,
            Err(why) => return Err(self.fails(path, why)),
        };
        let mut first = Ok(());
        for path in pages {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            let opened = File::open(&path).map_err(|e| e.to_string());
            let read = opened.and_then(|file| self.ingest(&name, file));
            first = first.and(read.map_err(|why| self.fails(&path, why)));
        }
        first
    }

    /// Notes a file that cannot be read to its end.
    fn fails(&mut self, path: &Path, why: String) -> Error {
        let file = path.display().to_string();
        let error = bad(&format!("{file}: {why}"));
        self.unread.push(UnreadFile { file, why });
        error
    }

    /// Returns whether [`CloudController::save`](crate::CloudController::save) made this folder.
    ///
    /// ```
    /// use asg_cc_client::Export;
    ///
    /// assert!(!Export::is_saved_folder(std::env::temp_dir().as_path()));
    /// ```
    #[must_use]
    pub fn is_saved_folder(path: &Path) -> bool {
        path.join(ABOUT).is_file()
    }

    /// Looks up these GUIDs; each of them is in the answer.
    ///
    /// ```
    /// # use asg_cc_client::Export;
    /// let app = br#"{"guid":"4ccbb24c-268e-421a-9d1b-3678b6eb40d0","name":"proxy","links":{"self":
    ///     {"href":"https://api.example.org/v3/apps/4ccbb24c-268e-421a-9d1b-3678b6eb40d0"}}}"#;
    /// let proxy = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0".parse()?;
    /// let found = Export::from_pages([&app[..]])?.resolve(&[proxy]);
    /// assert_eq!(found[&proxy].path().as_deref(), Some("?/?/proxy"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn resolve(&self, guids: &[Guid]) -> HashMap<Guid, Identity> {
        let doubt = self.doubt();
        let missing = || match &doubt {
            Some(why) => Identity::unavailable(why.as_str()),
            None => Identity::unknown(),
        };
        let events_since = self.events_since();
        let one = |guid: &Guid| {
            let Some(mut identity) = self.known.identify(*guid) else { return (*guid, missing()) };
            if let Some(since) = events_since {
                identity.history = self.known.history(&identity, since);
            }
            (*guid, identity)
        };
        guids.iter().map(one).collect()
    }

    /// Returns the time from which on the export has all events; `None` if it may lack some.
    fn events_since(&self) -> Option<Timestamp> {
        /// Cloud Controller keeps audit events for 31 days.
        const RETENTION: i64 = 31 * 24 * 60 * 60 * 1_000_000_000;
        let is_whole =
            self.gaps().is_empty() && !self.absent.contains("audit_events") && !self.is_limited;
        let is_whole = is_whole && self.unread.is_empty();
        let since = |at: Timestamp| Timestamp::from_nanos(at.as_nanos().saturating_sub(RETENTION));
        self.taken_at.filter(|_| is_whole).map(since)
    }

    /// Returns the lists that lack pages: names of apps are missing then, too.
    ///
    /// ```
    /// use asg_cc_client::Export;
    ///
    /// let page = br#"{"pagination":{"total_results":7000,
    ///     "first":{"href":"https://api.example.org/v3/apps?page=1&per_page=5000"},
    ///     "next":{"href":"https://api.example.org/v3/apps?page=2&per_page=5000"}},"resources":[]}"#;
    /// let mut export = Export::new();
    /// export.add_from("apps.json", &page[..])?;
    /// assert_eq!(
    ///     export.gaps()[0].to_string(),
    ///     "apps.json holds 0 of 7,000 apps: save the other pages, too"
    /// );
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        self.lists.gaps()
    }

    /// Returns the files that could not be read to their ends.
    ///
    /// ```
    /// use asg_cc_client::Export;
    ///
    /// let mut export = Export::new();
    /// assert!(export.add_from("apps.json", &b"FAILED"[..]).is_err());
    /// assert!(export.unread()[0].to_string().starts_with("apps.json: it is not JSON"));
    /// assert!(export.is_empty());
    /// ```
    #[must_use]
    pub fn unread(&self) -> &[UnreadFile] {
        &self.unread
    }

    /// Returns whether the files had no list and no resource of a Cloud Controller.
    ///
    /// ```
    /// use asg_cc_client::Export;
    /// assert!(Export::new().is_empty());
    /// ```
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        !self.is_useful
    }

    /// Returns when the saving began, if [`CloudController::save`](crate::CloudController::save)
    /// made the export; the first of several such times.
    ///
    /// ```
    /// use asg_cc_client::Export;
    /// assert!(Export::new().taken_at().is_none());
    /// ```
    #[must_use]
    pub const fn taken_at(&self) -> Option<Timestamp> {
        self.taken_at
    }

    /// Returns the security groups that were in the files, in their order.
    ///
    /// ```
    /// use asg_cc_client::Export;
    /// assert!(Export::new().security_groups().is_empty());
    /// ```
    #[must_use]
    pub fn security_groups(&self) -> &[SecurityGroup] {
        &self.security_groups
    }

    /// Returns the reason why a GUID that is not found may still exist.
    fn doubt(&self) -> Option<String> {
        const NEEDED: [&str; 6] =
            ["apps", "processes", "tasks", "builds", "deployments", "audit_events"];
        if let Some(unread) = self.unread.first() {
            return Some(unread.to_string());
        }
        if let Some(gap) = self.gaps().first() {
            return Some(gap.in_short());
        }
        if self.is_limited {
            return Some("the export was saved with a token that may not see everything".into());
        }
        let is_missing = |list: &&str| !self.lists.has(list);
        let missing: Vec<String> =
            NEEDED.into_iter().filter(is_missing).map(|list| list.replace('_', " ")).collect();
        let absent = |list: &String| self.absent.contains(&list.replace(' ', "_"));
        if missing.is_empty() {
            None
        } else if missing.iter().all(absent) {
            Some(format!("this Cloud Controller has no list of {}", missing.join(", ")))
        } else {
            Some(format!("the export has no list of {}", missing.join(", ")))
        }
    }
}

impl From<Knowledge> for Export {
    fn from(known: Knowledge) -> Self {
        Self { known, is_useful: true, ..Self::default() }
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

/// One file while it is read into an export.
struct Reading<'a> {
    export: &'a mut Export,
    file: &'a str,
    /// Whether it is the output of `cf curl -v`, in which other JSON occurs, too.
    is_trace: bool,
    /// The number of resources so far in the current list.
    listed: u64,
    /// Whether it has usable content.
    useful: bool,
    /// A kind of Cloud Controller's resources that is not usable.
    useless: Option<String>,
    problem: Option<String>,
}

impl Reading<'_> {
    /// Takes a resource of any kind; returns false for anything else.
    fn take(&mut self, resource: Resource) -> bool {
        let Some(kind) = kind(&resource) else { return false };
        let Export { known, security_groups: groups, .. } = &mut *self.export;
        match kind.as_str() {
            "apps" => add(resource, |app: App| known.add_app(app)),
            "processes" => add(resource, |process: Process| known.add_process(process)),
            "tasks" | "builds" => add(resource, |work: Work| known.add_work(work)),
            "deployments" => add(resource, |d: Deployment| known.add_deployment(d)),
            "spaces" => add(resource, |space: Space| known.add_space(space)),
            "organizations" => add(resource, |org: Org| known.add_org(org)),
            "audit_events" | "events" => add(resource, |event: Event| known.add_event(event)),
            "security_groups" => add(resource, |group: SecurityGroup| groups.push(group)),
            _ => {
                self.useless = Some(kind);
                return true;
            }
        }
        self.useful = true;
        self.export.is_useful = true;
        true
    }

    fn refuse(&mut self, why: impl Into<String>) -> bool {
        self.problem = Some(why.into());
        false
    }

    /// Takes a single resource, or a document in which the API describes itself, an export, or an
    /// error.
    fn take_single(&mut self, document: Document) -> bool {
        let problem = document.problems().into_iter().next();
        let resource = document.resource;
        if kind(&resource).is_some() {
            return self.take(resource);
        }
        if let Some((code, title, detail)) = problem {
            return self
                .refuse(format!("`cf curl` got an error and saved it ({code} {title}: {detail})"));
        }
        if resource.format.0.as_deref() == Some(FORMAT) {
            let at = resource.taken_at.0.and_then(|at| Timestamp::parse(at.as_bytes()).ok());
            self.export.taken_at = match (self.export.taken_at, at) {
                (Some(known), Some(at)) => Some(known.min(at)),
                (known, at) => known.or(at),
            };
            self.export.absent.extend(resource.absent.0.into_iter().filter_map(|list| list.0));
            let sees = resource.sees_everything;
            self.export.is_limited |= sees.is_there && !sees.value.0;
            self.useful = true;
            return true;
        }
        let is_named = resource.name.is_there;
        let is_info = is_named && resource.build.is_there;
        let is_root = Root::from_resource(resource).is_some_and(|root| root.v2 || root.v3);
        self.useful |= is_info || is_root;
        is_info || is_root || self.is_trace || self.refuse(STRANGE)
    }
}

const STRANGE: &str = "it is JSON, but not of a Cloud Controller";

impl Sink for Reading<'_> {
    fn resource(&mut self, resource: Resource) -> bool {
        self.listed += 1;
        self.take(resource) || self.refuse(STRANGE)
    }

    fn space(&mut self, resource: Resource) {
        add(resource, |space: Space| self.export.known.add_space(space));
    }

    fn org(&mut self, resource: Resource) {
        add(resource, |org: Org| self.export.known.add_org(org));
    }

    fn document(&mut self, document: Document) -> bool {
        let listed = std::mem::take(&mut self.listed);
        if document.is_list {
            self.useful |= listed == 0;
            self.export.is_useful |= self.useful;
            self.export.lists.add(self.file, listed, document.page);
            return true;
        }
        self.take_single(document)
    }
}

fn add<T: FromResource>(resource: Resource, into: impl FnOnce(T)) {
    // Without a GUID it is not usable; the others still are.
    if let Some(thing) = T::from_resource(resource) {
        into(thing);
    }
}

/// Returns the kind of a resource, in the words of the API's paths: from the link to itself, or
/// else from the members that only this kind has.
fn kind(resource: &Resource) -> Option<String> {
    let own = resource.links.value.own.href.0.as_deref();
    if let Some(kind) = own.or(resource.metadata.url.0.as_deref()).and_then(kind_of_link) {
        return Some(kind.to_owned());
    }
    let Resource { relationships, .. } = resource;
    let entity = &resource.entity.value;
    let kind = if resource.new_processes.is_there {
        "deployments"
    } else if resource.globally_enabled.is_there || entity.running.is_there {
        "security_groups"
    } else if resource.target.is_there && resource.kind.is_there || entity.actee.is_there {
        "audit_events"
    } else if relationships.app.is_there && resource.kind.is_there {
        "processes"
    } else if relationships.app.is_there && resource.guid.is_there {
        "tasks"
    } else if relationships.space.is_there && resource.lifecycle.is_there || entity.space.is_there {
        "apps"
    } else if relationships.organization.is_there || entity.organization.is_there {
        "spaces"
    } else if resource.suspended.is_there || entity.quota.is_there {
        "organizations"
    } else {
        return None;
    };
    Some(kind.to_owned())
}

/// Returns the kind of the thing to which a link leads.
fn kind_of_link(link: &str) -> Option<&str> {
    let (_, path) = link.split_once("/v3/").or_else(|| link.split_once("/v2/"))?;
    // `/v3/apps/<guid>` and no more: other things are below it.
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let kind = segments.next()?;
    (segments.count() == 1).then_some(kind)
}

/// Returns the files of pages at a path; fails with the reason.
fn pages_at(path: &Path) -> Result<Vec<PathBuf>, String> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let is_page = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        [".json", ".jsonl", ".ndjson"].iter().any(|end| name.ends_with(end)) && path.is_file()
    };
    let entries = fs::read_dir(path).map_err(|e| e.to_string())?;
    let mut paths: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_page).collect();
    if paths.is_empty() {
        return Err("there is no file of JSON in this folder".into());
    }
    paths.sort();
    Ok(paths)
}

fn bad(why: &str) -> Error {
    Error::Export(format!(
        "{why}: save lists with `cf curl '/v3/apps?per_page=5000&include=space.organization'`, \
         `/v3/processes`, `/v3/audit_events` and so on"
    ))
}

#[cfg(test)]
mod tests {
    use asg_core::names::AppState;

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
        assert_eq!(resolve(&[&event("audit.app.update")]).state, AppState::Unavailable);
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
