//! The data behind an embedded Cloud Controller, and how to make it.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The time of things that are created without one: the day of the log in the article that
/// operators follow.
const LONG_AGO: &str = "2017-06-16T23:13:55Z";

/// The data of an embedded Cloud Controller. It is plain data: fill it freely, read it with serde,
/// or use the methods, which keep it consistent.
///
/// ```
/// use asg_cc_client::embedded::Foundation;
///
/// let foundation = Foundation::new()
///     .org("o1", "o")
///     .space("s1", "s", "o1")
///     .app("a1", "proxy", "s1")
///     .process("w1", "worker", "a1");
/// assert_eq!(foundation.processes.len(), 2, "an app has a web process, of the same GUID");
///
/// let same: Foundation = serde_json::from_str(
///     r#"{"orgs":[{"guid":"o1","name":"o"}],"spaces":[{"guid":"s1","name":"s","org":"o1"}]}"#
/// )?;
/// assert_eq!(same.orgs, foundation.orgs);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "it is a fixture that tests write as a literal")]
pub struct Foundation {
    /// The orgs.
    pub orgs: Vec<Org>,
    /// The spaces.
    pub spaces: Vec<Space>,
    /// The apps that exist.
    pub apps: Vec<App>,
    /// The processes that exist.
    pub processes: Vec<Process>,
    /// The tasks.
    pub tasks: Vec<Work>,
    /// The builds.
    pub builds: Vec<Work>,
    /// The deployments; they outlive the processes that they made.
    pub deployments: Vec<Deployment>,
    /// The audit events, oldest first; they outlive everything.
    pub events: Vec<Event>,
    /// The security groups.
    pub security_groups: Vec<SecurityGroup>,
    /// The tokens with access; if empty, and without a UAA, any token reads everything.
    pub tokens: Vec<Access>,
    /// The number of requests that a holder of tokens may make, if that is limited.
    pub rate_limit: Option<RateLimit>,
    /// A limit for v2 alone, beside the general one.
    pub v2_rate_limit: Option<RateLimit>,
    /// False if v2 is switched off.
    pub v2: bool,
    /// False if v3 does not exist.
    pub v3: bool,
    /// The beginning of links between pages; by default the address that the client used.
    pub external_url: Option<String>,
}

/// An org.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "it is a fixture that tests write as a literal")]
pub struct Org {
    /// Its GUID.
    pub guid: String,
    /// Its name.
    pub name: String,
}

/// A space.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "it is a fixture that tests write as a literal")]
pub struct Space {
    /// Its GUID.
    pub guid: String,
    /// Its name.
    pub name: String,
    /// Its org's GUID.
    pub org: String,
}

/// An app.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "it is a fixture that tests write as a literal")]
pub struct App {
    /// Its GUID.
    pub guid: String,
    /// Its name.
    pub name: String,
    /// Its space's GUID.
    pub space: String,
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "it is a fixture that tests write as a literal")]
pub struct Process {
    /// Its GUID: the app's own for its first web process, another for any other.
    pub guid: String,
    /// `web`, `worker`, …
    #[serde(rename = "type")]
    pub process_type: String,
    /// Its app's GUID.
    pub app: String,
}

impl Process {
    /// Returns the second half of Diego's process GUID: a GUID of its own, derived from the first
    /// here.
    #[must_use]
    pub fn version(&self) -> String {
        let mut version: Vec<u8> = self.guid.bytes().collect();
        for digit in version.iter_mut().filter(|c| c.is_ascii_hexdigit()) {
            let value = (*digit as char).to_digit(16).unwrap_or_default() ^ 15;
            *digit = char::from_digit(value, 16).map_or(b'0', |c| c as u8);
        }
        // A GUID of version 4 keeps its version digit.
        if let Some(digit) = version.get_mut(14) {
            *digit = b'4';
        }
        String::from_utf8_lossy(&version).into_owned()
    }
}

/// A task or a build.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "it is a fixture that tests write as a literal")]
pub struct Work {
    /// Its GUID.
    pub guid: String,
    /// Its app's GUID.
    pub app: String,
}

/// A deployment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "it is a fixture that tests write as a literal")]
pub struct Deployment {
    /// Its GUID.
    pub guid: String,
    /// Its app's GUID.
    pub app: String,
    /// The web process that it made.
    pub new_process: String,
}

/// An audit event.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "it is a fixture that tests write as a literal")]
pub struct Event {
    /// Such as `audit.app.delete-request`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The time, as in `2017-06-23T10:00:00Z`.
    pub at: String,
    /// The GUID of its subject.
    pub target: String,
    /// `app`, `space` or `organization`.
    pub target_type: String,
    /// Its name then.
    pub target_name: String,
    /// The space's GUID, if there is one.
    #[serde(default)]
    pub space: Option<String>,
    /// The org's GUID.
    #[serde(default)]
    pub org: Option<String>,
    /// The process that caused it, as with crashes and readiness; without one, a user did.
    #[serde(default)]
    pub actor: Option<String>,
    /// The details.
    #[serde(default)]
    pub data: Map<String, Value>,
}

/// A token, and what it shows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "it is a fixture that tests write as a literal")]
pub struct Access {
    /// The token, without `bearer`.
    pub token: String,
    /// The GUIDs of the spaces that it shows; if absent, all.
    #[serde(default)]
    pub spaces: Option<Vec<String>>,
    /// Its scopes: a global one shows all, and without `cloud_controller.read` nothing is shown; if
    /// absent, it may read.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
}

/// A security group; its rules are kept unchanged, also those that no Cloud Controller would
/// accept.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "it is a fixture that tests write as a literal")]
pub struct SecurityGroup {
    /// Its GUID.
    pub guid: String,
    /// Its name.
    pub name: String,
    /// Its rules, in JSON.
    pub rules: Vec<Value>,
    /// Whether it holds for all running apps.
    pub running: bool,
    /// Whether it holds for all apps that are staged.
    pub staging: bool,
    /// The GUIDs of the spaces whose running apps it holds for.
    pub running_spaces: Vec<String>,
    /// The GUIDs of the spaces for whose staging it holds.
    pub staging_spaces: Vec<String>,
}

/// A number of requests and the time for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "it is a fixture that tests write as a literal")]
pub struct RateLimit {
    /// The requests; Cloud Controller's default is 2000.
    pub requests: u64,
    /// The length of a window; its default is an hour.
    pub window_seconds: u64,
}

impl Default for Foundation {
    fn default() -> Self {
        Self::new()
    }
}

impl Foundation {
    /// Creates an empty one, with both APIs.
    ///
    /// ```
    /// use asg_cc_client::embedded::Foundation;
    /// assert!(Foundation::new().apps.is_empty());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self {
            orgs: Vec::new(),
            spaces: Vec::new(),
            apps: Vec::new(),
            processes: Vec::new(),
            tasks: Vec::new(),
            builds: Vec::new(),
            deployments: Vec::new(),
            events: Vec::new(),
            security_groups: Vec::new(),
            tokens: Vec::new(),
            rate_limit: None,
            v2_rate_limit: None,
            v2: true,
            v3: true,
            external_url: None,
        }
    }

    /// Adds an org.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Foundation;
    /// let story = Foundation::new().org("o-1", "shop").space("s-1", "prod", "o-1");
    /// let story = story.app("a-1", "orders", "s-1");
    /// assert_eq!(story.orgs.len(), 1);
    /// ```
    #[must_use]
    pub fn org(mut self, guid: &str, name: &str) -> Self {
        self.orgs.push(Org { guid: guid.into(), name: name.into() });
        self.log("audit.organization.create", LONG_AGO, "organization", guid, Map::new());
        self
    }

    /// Adds a space.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Foundation;
    /// let story = Foundation::new().org("o-1", "shop").space("s-1", "prod", "o-1");
    /// let story = story.app("a-1", "orders", "s-1");
    /// assert_eq!(story.spaces[0].name, "prod");
    /// ```
    #[must_use]
    pub fn space(mut self, guid: &str, name: &str, org: &str) -> Self {
        self.spaces.push(Space { guid: guid.into(), name: name.into(), org: org.into() });
        self.log("audit.space.create", LONG_AGO, "space", guid, Map::new());
        self
    }

    /// Adds an app with its web process, whose GUID is the app's.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Foundation;
    /// let story = Foundation::new().org("o-1", "shop").space("s-1", "prod", "o-1");
    /// let story = story.app("a-1", "orders", "s-1");
    /// assert_eq!(story.apps[0].name, "orders");
    /// ```
    #[must_use]
    pub fn app(mut self, guid: &str, name: &str, space: &str) -> Self {
        self.apps.push(App { guid: guid.into(), name: name.into(), space: space.into() });
        self.log("audit.app.create", LONG_AGO, "app", guid, Map::new());
        self.process(guid, "web", guid)
    }

    /// Adds a process to an app.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Foundation;
    /// let story = Foundation::new().org("o-1", "shop").space("s-1", "prod", "o-1");
    /// let story = story.app("a-1", "orders", "s-1");
    /// let story = story.process("p-1", "worker", "a-1");
    /// assert!(story.processes.iter().any(|process| process.guid == "p-1"));
    /// ```
    #[must_use]
    pub fn process(mut self, guid: &str, process_type: &str, app: &str) -> Self {
        let process_type = process_type.to_owned();
        self.processes.push(Process { guid: guid.into(), process_type, app: app.into() });
        self
    }

    /// Adds a task to an app.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Foundation;
    /// let story = Foundation::new().org("o-1", "shop").space("s-1", "prod", "o-1");
    /// let story = story.app("a-1", "orders", "s-1");
    /// assert_eq!(story.task("t-1", "a-1").tasks.len(), 1);
    /// ```
    #[must_use]
    pub fn task(mut self, guid: &str, app: &str) -> Self {
        self.tasks.push(Work { guid: guid.into(), app: app.into() });
        self
    }

    /// Adds a build to an app.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Foundation;
    /// let story = Foundation::new().org("o-1", "shop").space("s-1", "prod", "o-1");
    /// let story = story.app("a-1", "orders", "s-1");
    /// assert_eq!(story.build("b-1", "a-1").builds.len(), 1);
    /// ```
    #[must_use]
    pub fn build(mut self, guid: &str, app: &str) -> Self {
        self.builds.push(Work { guid: guid.into(), app: app.into() });
        self
    }

    /// Makes this token show everything. From now on, unknown tokens are refused.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Foundation;
    /// let story = Foundation::new().org("o-1", "shop").space("s-1", "prod", "o-1");
    /// let story = story.app("a-1", "orders", "s-1");
    /// assert_eq!(story.token("sesame").tokens.len(), 1);
    /// ```
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.tokens.push(Access { token: token.into(), spaces: None, scopes: None });
        self
    }

    /// Makes this token show these spaces.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Foundation;
    /// let story = Foundation::new().org("o-1", "shop").space("s-1", "prod", "o-1");
    /// let story = story.app("a-1", "orders", "s-1");
    /// assert_eq!(story.token_for_spaces("sesame", &["s-1"]).tokens.len(), 1);
    /// ```
    #[must_use]
    pub fn token_for_spaces(mut self, token: &str, spaces: &[&str]) -> Self {
        let spaces = Some(spaces.iter().map(ToString::to_string).collect());
        self.tokens.push(Access { token: token.into(), spaces, scopes: None });
        self
    }

    /// Adds a security group.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Foundation;
    /// let story = Foundation::new().org("o-1", "shop").space("s-1", "prod", "o-1");
    /// let story = story.app("a-1", "orders", "s-1");
    /// let story = story.security_group(asg_cc_client::embedded::SecurityGroup::default());
    /// assert_eq!(story.security_groups.len(), 1);
    /// ```
    #[must_use]
    pub fn security_group(mut self, group: SecurityGroup) -> Self {
        self.security_groups.push(group);
        self
    }

    /// Limits the requests of each holder of tokens.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Foundation;
    /// let story = Foundation::new().org("o-1", "shop").space("s-1", "prod", "o-1");
    /// let story = story.app("a-1", "orders", "s-1");
    /// assert!(story.limited_to(100, 60).rate_limit.is_some());
    /// ```
    #[must_use]
    pub fn limited_to(self, requests: u64, window_seconds: u64) -> Self {
        Self { rate_limit: Some(RateLimit { requests, window_seconds }), ..self }
    }

    /// Switches v2 off, as it is by default since 2025.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Foundation;
    /// let story = Foundation::new().org("o-1", "shop").space("s-1", "prod", "o-1");
    /// let story = story.app("a-1", "orders", "s-1");
    /// assert_ne!(story.clone().without_v2(), story);
    /// ```
    #[must_use]
    pub fn without_v2(self) -> Self {
        Self { v2: false, ..self }
    }

    /// Makes it an old foundation: v2 only.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Foundation;
    /// let story = Foundation::new().org("o-1", "shop").space("s-1", "prod", "o-1");
    /// let story = story.app("a-1", "orders", "s-1");
    /// assert_ne!(story.clone().without_v3(), story);
    /// ```
    #[must_use]
    pub fn without_v3(self) -> Self {
        Self { v3: false, ..self }
    }

    /// Deploys an app without downtime: a new web process replaces the old one, which leaves no
    /// event behind.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Foundation;
    /// let story = Foundation::new().org("o-1", "shop").space("s-1", "prod", "o-1");
    /// let story = story.app("a-1", "orders", "s-1");
    /// let mut story = story;
    /// story.rolling_deployment("a-1", "p-2");
    /// assert!(story.processes.iter().any(|process| process.guid == "p-2"));
    /// ```
    pub fn rolling_deployment(&mut self, app: &str, new_process: &str) {
        self.processes.retain(|p| p.app != app || p.process_type != "web");
        self.processes.push(Process {
            guid: new_process.into(),
            process_type: "web".into(),
            app: app.into(),
        });
        self.deployments.push(Deployment {
            guid: format!("deployment-{}-of-{app}", self.deployments.len()),
            app: app.into(),
            new_process: new_process.into(),
        });
    }

    /// Writes an event of an instance of a process: `what` is `crash`, `ready`, `not-ready` or
    /// `rescheduling`. The event is about the app, and the process is its actor.
    ///
    /// ```
    /// use asg_cc_client::embedded::Foundation;
    ///
    /// let mut foundation =
    ///     Foundation::new().org("o1", "o").space("s1", "s", "o1").app("a1", "proxy", "s1");
    /// foundation.process_event("crash", "a1", 0, "2017-06-23T10:00:00Z");
    /// let event = foundation.events.last().unwrap();
    /// assert_eq!((&*event.kind, &*event.target), ("audit.app.process.crash", "a1"));
    /// assert_eq!(event.actor.as_deref(), Some("a1"));
    /// ```
    pub fn process_event(&mut self, what: &str, process: &str, index: u32, at: &str) {
        let Some(found) = self.processes.iter().find(|p| p.guid == process) else { return };
        let app = found.app.clone();
        let mut data = Map::new();
        data.insert("instance".into(), json!(""));
        data.insert("index".into(), json!(index));
        if what == "crash" {
            data.insert("reason".into(), json!("CRASHED"));
            data.insert("exit_description".into(), json!("APP/PROC/WEB: Exited with status 1"));
        }
        self.log(&format!("audit.app.process.{what}"), at, "app", &app, data);
        if let Some(event) = self.events.last_mut() {
            event.actor = Some(process.into());
        }
    }

    /// Deletes an app and all that is in it; audit events stay.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Foundation;
    /// let story = Foundation::new().org("o-1", "shop").space("s-1", "prod", "o-1");
    /// let story = story.app("a-1", "orders", "s-1");
    /// let mut story = story;
    /// story.delete_app("a-1", "2024-05-06T07:09:10Z");
    /// assert!(story.apps.is_empty() && !story.events.is_empty());
    /// ```
    pub fn delete_app(&mut self, guid: &str, at: &str) {
        self.log("audit.app.delete-request", at, "app", guid, Map::new());
        let processes = self.processes.iter().filter(|p| p.app == guid);
        for process in processes.map(|p| p.guid.clone()).collect::<Vec<_>>() {
            self.delete_process(&process, at);
        }
        self.tasks.retain(|t| t.app != guid);
        self.builds.retain(|b| b.app != guid);
        self.deployments.retain(|d| d.app != guid);
        self.apps.retain(|a| a.guid != guid);
    }

    /// Removes a process from its app, as a deployment of a manifest without it does; its event
    /// names the app as its target.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Foundation;
    /// let story = Foundation::new().org("o-1", "shop").space("s-1", "prod", "o-1");
    /// let story = story.app("a-1", "orders", "s-1");
    /// let mut story = story.process("p-1", "worker", "a-1");
    /// story.delete_process("p-1", "2024-05-06T07:09:10Z");
    /// assert!(story.processes.iter().all(|process| process.guid != "p-1"));
    /// ```
    pub fn delete_process(&mut self, guid: &str, at: &str) {
        let Some(found) = self.processes.iter().position(|p| p.guid == guid) else { return };
        let process = self.processes.remove(found);
        let mut data = Map::new();
        data.insert("process_guid".into(), json!(process.guid));
        data.insert("process_type".into(), json!(process.process_type));
        self.log("audit.app.process.delete", at, "app", &process.app, data);
    }

    /// Deletes a space and its apps.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Foundation;
    /// let story = Foundation::new().org("o-1", "shop").space("s-1", "prod", "o-1");
    /// let story = story.app("a-1", "orders", "s-1");
    /// let mut story = story;
    /// story.delete_space("s-1", "2024-05-06T07:09:10Z");
    /// assert!(story.spaces.is_empty());
    /// ```
    pub fn delete_space(&mut self, guid: &str, at: &str) {
        let apps: Vec<String> =
            self.apps.iter().filter(|a| a.space == guid).map(|a| a.guid.clone()).collect();
        for app in apps {
            self.delete_app(&app, at);
        }
        self.log("audit.space.delete-request", at, "space", guid, Map::new());
        self.spaces.retain(|s| s.guid != guid);
    }

    /// Deletes an org, its spaces and their apps.
    ///
    /// ```
    /// # use asg_cc_client::embedded::Foundation;
    /// let story = Foundation::new().org("o-1", "shop").space("s-1", "prod", "o-1");
    /// let story = story.app("a-1", "orders", "s-1");
    /// let mut story = story;
    /// story.delete_org("o-1", "2024-05-06T07:09:10Z");
    /// assert!(story.orgs.is_empty());
    /// ```
    pub fn delete_org(&mut self, guid: &str, at: &str) {
        let spaces: Vec<String> =
            self.spaces.iter().filter(|s| s.org == guid).map(|s| s.guid.clone()).collect();
        for space in spaces {
            self.delete_space(&space, at);
        }
        self.log("audit.organization.delete-request", at, "organization", guid, Map::new());
        self.orgs.retain(|o| o.guid != guid);
    }

    /// Writes an audit event about something that exists.
    fn log(
        &mut self,
        kind: &str,
        at: &str,
        target_type: &str,
        guid: &str,
        data: Map<String, Value>,
    ) {
        let app = self.apps.iter().find(|a| a.guid == guid);
        let space_guid = app.map_or(guid, |app| &app.space);
        let space = self.spaces.iter().find(|s| s.guid == space_guid);
        let org_guid = space.map_or(guid, |space| &space.org);
        let org = self.orgs.iter().find(|o| o.guid == org_guid);
        let name = match target_type {
            "app" => app.map(|app| &app.name),
            "space" => space.map(|space| &space.name),
            _ => org.map(|org| &org.name),
        };
        self.events.push(Event {
            kind: kind.into(),
            at: at.into(),
            target: guid.into(),
            target_type: target_type.into(),
            target_name: name.cloned().unwrap_or_default(),
            space: app.map(|app| app.space.clone()).or_else(|| space.map(|s| s.guid.clone())),
            org: Some(org_guid.into()).filter(|_| org.is_some()),
            actor: None,
            data,
        });
    }

    pub(super) fn created_at() -> &'static str {
        LONG_AGO
    }
}
