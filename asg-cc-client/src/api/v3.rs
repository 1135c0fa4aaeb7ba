//! Calls of API v3. Lists by GUID come in batches of at most [`BATCH`], one call per batch.

use super::{
    App, BATCH, Call, Deployment, Event, Info, Org, Page, Process, Root, Space, Work, batches,
};
use crate::text::encode;

/// `GET /`, which needs no token.
#[must_use]
pub fn root() -> Call<Root> {
    Call::get("/", "")
}

/// `GET /v3/info`.
#[must_use]
pub fn info() -> Call<Info> {
    Call::get("/v3/info", "")
}

/// Apps by GUID, with their spaces and orgs.
///
/// ```
/// let guids = vec!["4ccbb24c-268e-421a-9d1b-3678b6eb40d0".to_owned(); 450];
/// assert_eq!(asg_cc_client::api::v3::apps(&guids).len(), 3);
/// ```
#[must_use]
pub fn apps(guids: &[String]) -> Vec<Call<Page<App>>> {
    by_guid("/v3/apps", guids, "&include=space.organization")
}

/// Processes by GUID.
#[must_use]
pub fn processes(guids: &[String]) -> Vec<Call<Page<Process>>> {
    by_guid("/v3/processes", guids, "")
}

/// Tasks by GUID.
#[must_use]
pub fn tasks(guids: &[String]) -> Vec<Call<Page<Work>>> {
    by_guid("/v3/tasks", guids, "")
}

/// Builds by GUID.
#[must_use]
pub fn builds(guids: &[String]) -> Vec<Call<Page<Work>>> {
    by_guid("/v3/builds", guids, "")
}

/// Spaces by GUID, with their orgs.
#[must_use]
pub fn spaces(guids: &[String]) -> Vec<Call<Page<Space>>> {
    by_guid("/v3/spaces", guids, "&include=organization")
}

/// Orgs by GUID.
#[must_use]
pub fn organizations(guids: &[String]) -> Vec<Call<Page<Org>>> {
    by_guid("/v3/organizations", guids, "")
}

/// Audit events of these types about these targets, newest first.
#[must_use]
pub fn audit_events(targets: &[String], types: &[&str]) -> Vec<Call<Page<Event>>> {
    let types = types.join(",");
    batches(targets)
        .map(|batch| {
            let query = format!(
                "target_guids={batch}&types={}&order_by=-created_at&per_page=5000",
                encode(&types)
            );
            Call::get("/v3/audit_events", query)
        })
        .collect()
}

/// All audit events of one type, newest first: for a search by what cannot be filtered by. There may be millions.
#[must_use]
pub fn audit_events_of_type(kind: &str) -> Call<Page<Event>> {
    let query = format!("types={}&order_by=-created_at&per_page=1000", encode(kind));
    Call::get("/v3/audit_events", query)
}

/// All deployments, newest first: Cloud Controller does not find them by process.
#[must_use]
pub fn deployments() -> Call<Page<Deployment>> {
    Call::get("/v3/deployments", "order_by=-created_at&per_page=1000")
}

fn by_guid<T>(path: &str, guids: &[String], more: &str) -> Vec<Call<Page<T>>>
where
    T: super::Body,
{
    batches(guids)
        .map(|batch| Call::get(path, format!("guids={batch}&per_page={BATCH}{more}")))
        .collect()
}
