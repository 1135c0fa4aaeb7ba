//! Calls of API v3. Lists by GUID come in batches of at most [`BATCH`], one call per batch.

use super::{
    App, BATCH, Call, Deployment, Event, Info, Org, Page, Process, Root, SecurityGroup, Space, Work,
};
use crate::text::encode;

/// The maximum size of a page.
const MOST: usize = 5000;

/// Calls `GET /`, which needs no token.
#[must_use]
pub fn root() -> Call<Root> {
    Call::get("/", "")
}

/// Calls `GET /v3/info`.
#[must_use]
pub fn info() -> Call<Info> {
    Call::get("/v3/info", "")
}

/// Asks for apps by GUID, with their spaces and orgs.
///
/// ```
/// let guids = vec!["4ccbb24c-268e-421a-9d1b-3678b6eb40d0".to_owned(); 450];
/// assert_eq!(asg_cc_client::api::v3::apps(&guids).len(), 3);
/// ```
#[must_use]
pub fn apps(guids: &[String]) -> Vec<Call<Page<App>>> {
    by_guid("/v3/apps", guids, "&include=space.organization")
}

/// Asks for processes by GUID.
#[must_use]
pub fn processes(guids: &[String]) -> Vec<Call<Page<Process>>> {
    by_guid("/v3/processes", guids, "")
}

/// Asks for tasks by GUID.
#[must_use]
pub fn tasks(guids: &[String]) -> Vec<Call<Page<Work>>> {
    by_guid("/v3/tasks", guids, "")
}

/// Asks for builds by GUID.
#[must_use]
pub fn builds(guids: &[String]) -> Vec<Call<Page<Work>>> {
    by_guid("/v3/builds", guids, "")
}

/// Asks for spaces by GUID, with their orgs.
#[must_use]
pub fn spaces(guids: &[String]) -> Vec<Call<Page<Space>>> {
    by_guid("/v3/spaces", guids, "&include=organization")
}

/// Asks for orgs by GUID.
#[must_use]
pub fn organizations(guids: &[String]) -> Vec<Call<Page<Org>>> {
    by_guid("/v3/organizations", guids, "")
}

/// Asks for audit events of these types about these targets, newest first.
#[must_use]
pub fn audit_events(targets: &[String], types: &[&str]) -> Vec<Call<Page<Event>>> {
    let types = encode(&types.join(","));
    let query = format!("types={types}&order_by=-created_at&per_page={MOST}");
    Call::batches("/v3/audit_events", "target_guids", targets, &query)
}

/// Asks for all audit events of these types, newest first: for a search by members that no filter
/// supports. There may be millions.
#[must_use]
pub fn audit_events_of_types(types: &[&str]) -> Call<Page<Event>> {
    let query = format!("types={}&order_by=-created_at&per_page=1000", encode(&types.join(",")));
    Call::get("/v3/audit_events", query)
}

/// Asks for all deployments, newest first: Cloud Controller cannot filter them by process.
#[must_use]
pub fn deployments() -> Call<Page<Deployment>> {
    Call::get("/v3/deployments", "order_by=-created_at&per_page=1000")
}

/// Asks for the deployments of these apps.
#[must_use]
pub fn deployments_of(apps: &[String]) -> Vec<Call<Page<Deployment>>> {
    Call::batches("/v3/deployments", "app_guids", apps, &format!("per_page={MOST}"))
}

/// Asks for all apps, with their spaces and orgs.
#[must_use]
pub fn all_apps() -> Call<Page<App>> {
    Call::get("/v3/apps", format!("per_page={MOST}&include=space.organization"))
}

/// Asks for all processes.
#[must_use]
pub fn all_processes() -> Call<Page<Process>> {
    Call::get("/v3/processes", format!("per_page={MOST}"))
}

/// Asks for security groups by GUID.
#[must_use]
pub fn security_groups(guids: &[String]) -> Vec<Call<Page<SecurityGroup>>> {
    by_guid("/v3/security_groups", guids, "")
}

/// Asks for all security groups.
#[must_use]
pub fn all_security_groups() -> Call<Page<SecurityGroup>> {
    Call::get("/v3/security_groups", format!("per_page={MOST}"))
}

/// Asks for the groups whose rules apply to running apps of a space: its own, and the global ones.
///
/// ```
/// let call = asg_cc_client::api::v3::running_security_groups("c65add41-d85b-4823-9e2a-545a5e0e5812");
/// assert_eq!(
///     call.target(),
///     "/v3/spaces/c65add41-d85b-4823-9e2a-545a5e0e5812/running_security_groups?per_page=5000"
/// );
/// ```
#[must_use]
pub fn running_security_groups(space: &str) -> Call<Page<SecurityGroup>> {
    of_space(space, "running_security_groups")
}

/// Asks for the groups whose rules apply while apps of a space are staged.
#[must_use]
pub fn staging_security_groups(space: &str) -> Call<Page<SecurityGroup>> {
    of_space(space, "staging_security_groups")
}

/// Asks for all security groups in Cloud Controller's own order, for saving the pages.
pub(crate) fn group_pages() -> Call<Page<Work>> {
    Call::get("/v3/security_groups", "per_page=200")
}

/// Returns every list that names and policies need, with the name of its saved pages. Lists are
/// ordered by age where possible, so that a deletion meanwhile does not shift a page; events are
/// newest first; security groups come in Cloud Controller's own order.
pub(crate) fn everything() -> Vec<(&'static str, Call<Page<Work>>)> {
    const BY_AGE: &str = "order_by=created_at&per_page=1000";
    const KINDS: [(&str, &str); 5] = [
        (
            "events-1-deletions",
            "audit.app.delete-request,audit.space.delete-request,audit.organization.delete-request",
        ),
        (
            "events-2-names",
            "audit.app.create,audit.app.update,audit.space.create,audit.space.update,\
             audit.organization.create,audit.organization.update",
        ),
        (
            "events-3-processes",
            "audit.app.process.create,audit.app.process.delete,audit.app.process.scale,\
             audit.app.process.update",
        ),
        (
            "events-4-tasks",
            "audit.app.task.create,audit.app.task.cancel,audit.app.build.create,\
             audit.app.build.staged,audit.app.build.failed",
        ),
        (
            "events-5-instances",
            "audit.app.process.terminate_instance,audit.app.process.crash,audit.app.process.ready,\
             audit.app.process.not-ready,audit.app.process.rescheduling",
        ),
    ];
    let list = |name: &'static str, path: &'static str| (name, Call::get(path, BY_AGE));
    let mut lists = vec![
        ("security-groups", group_pages()),
        ("apps", Call::get("/v3/apps", format!("{BY_AGE}&include=space.organization"))),
        list("processes", "/v3/processes"),
        list("tasks", "/v3/tasks"),
        list("builds", "/v3/builds"),
        list("deployments", "/v3/deployments"),
        list("spaces", "/v3/spaces"),
        list("organizations", "/v3/organizations"),
    ];
    lists.extend(KINDS.map(|(name, types)| {
        let query = format!("types={}&order_by=-created_at&per_page=1000", encode(types));
        (name, Call::get("/v3/audit_events", query))
    }));
    lists
}

fn of_space(space: &str, what: &str) -> Call<Page<SecurityGroup>> {
    Call::get(format!("/v3/spaces/{}/{what}", encode(space)), format!("per_page={MOST}"))
}

fn by_guid<T>(path: &str, guids: &[String], more: &str) -> Vec<Call<Page<T>>>
where
    T: super::Body,
    Page<T>: super::Body,
{
    Call::batches(path, "guids", guids, &format!("per_page={BATCH}{more}"))
}
