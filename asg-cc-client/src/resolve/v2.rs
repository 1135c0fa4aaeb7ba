//! Resolution over API v2: the procedure that operators know, one request per app, space and org.
//!
//! v2 finds an app only by the GUID of its first web process, so later processes of rolling
//! deployments, other process types, tasks and builds are unknown to it. It distinguishes "hidden"
//! (403) from "not found" (404), which v3 does not.

use asg_core::Guid;

use super::plan::{Plan, Step};
use super::query::{Fallback, Query, Record};
use crate::api::{Call, v2};

pub(super) const RESOLVE: &[Step] = &[apps, spaces, orgs];
pub(super) const PRELOAD: &[Step] = &[everything];

fn apps(plan: &mut Plan) -> Vec<Query> {
    let query = |id: &Guid| single(v2::app(&id.to_string()), &id.to_string(), 100_004, true);
    plan.ids.iter().map(query).collect()
}

fn spaces(plan: &mut Plan) -> Vec<Query> {
    let spaces = plan.found.known.nameless_spaces(&plan.ids);
    spaces.iter().map(|guid| single(v2::space(guid), guid, 40_004, false)).collect()
}

fn orgs(plan: &mut Plan) -> Vec<Query> {
    let orgs = plan.found.known.nameless_orgs(&plan.ids);
    orgs.iter().map(|guid| single(v2::organization(guid), guid, 30_003, false)).collect()
}

fn everything(_: &mut Plan) -> Vec<Query> {
    vec![
        Query::new(v2::all_apps(), Fallback::Fail),
        Query::new(v2::all_spaces(), Fallback::Fail),
        Query::new(v2::all_organizations(), Fallback::Fail),
    ]
}

fn single<R: Record>(call: Call<R>, guid: &str, code: i64, is_app: bool) -> Query {
    Query::new(call, Fallback::Events { guid: guid.to_owned(), code, is_app })
}

/// Asks for the events about a thing that does not exist.
pub(super) fn events_of(actee: &str) -> Option<Query> {
    // Spaces' GUIDs come from the server; one of another shape could break out of the query's
    // syntax.
    Guid::parse(actee.as_bytes()).ok()?;
    Some(Query::new(v2::events(actee), Fallback::Fail))
}
