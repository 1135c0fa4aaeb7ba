//! Resolution over API v3, step by step.
//!
//! The order is: exact and cheap before searching, and live before deleted. A process of a rolling deployment is gone
//! from the list of processes as soon as the next deployment replaces it, and leaves no event; only the deployment's own
//! record still names it. So "the process is not there" never means "the app is not there", and each step that finds an
//! app of an open id asks first whether that app lives.

use super::plan::{Plan, Step};
use super::query::{Fallback, Query};
use crate::api::{BATCH, v3};

const DELETE_APP: &str = "audit.app.delete-request";
const DELETE_PROCESS: &str = "audit.app.process.delete";
/// Events that carry an app's names.
const APP_NAMED: [&str; 2] = ["audit.app.update", "audit.app.create"];
/// Events that carry a space's name, or an org's.
const SPACE_NAMED: [&str; 3] =
    ["audit.space.delete-request", "audit.space.update", "audit.space.create"];
const ORG_NAMED: [&str; 3] =
    ["audit.organization.delete-request", "audit.organization.update", "audit.organization.create"];

pub(super) const RESOLVE: &[Step] = &[
    probe,
    rest,
    processes,
    owners,
    owners_deleted,
    late_apps,
    works,
    owners,
    owners_deleted,
    deletions,
    deployments,
    owners,
    owners_deleted,
    process_deletions,
    owners,
    owners_deleted,
    spaces,
    orgs,
    space_events,
    org_events,
];

/// What more is asked where names of the past are wanted.
pub(super) const HISTORY: &[Step] = &[names];

pub(super) const PRELOAD: &[Step] = &[everything];

/// Are these apps? Web processes that no rolling deployment has replaced have their app's GUID.
fn probe(plan: &mut Plan) -> Vec<Query> {
    apps_of(&plan.ids[..plan.ids.len().min(BATCH)])
}

/// The rest, as apps too if most of the first were; if not, it is cheaper to begin with their processes.
fn rest(plan: &mut Plan) -> Vec<Query> {
    let (first, rest) = plan.ids.split_at(plan.ids.len().min(BATCH));
    let missing = plan.known.open(first).len();
    plan.processes_first = !rest.is_empty() && missing * 2 > first.len();
    if plan.processes_first { Vec::new() } else { apps_of(rest) }
}

fn processes(plan: &mut Plan) -> Vec<Query> {
    plan.open = plan.known.open(&plan.ids);
    Query::all(v3::processes(&plan.open), &Fallback::Fail)
}

/// The living apps among those that own open ids.
fn owners(plan: &mut Plan) -> Vec<Query> {
    apps_of(&plan.known.open_owners(&plan.open))
}

/// The deleted ones.
fn owners_deleted(plan: &mut Plan) -> Vec<Query> {
    let queries = deletions_of(&plan.known.open_owners(&plan.open));
    plan.open = plan.known.open(&plan.open);
    queries
}

/// What was not asked for as an app yet.
fn late_apps(plan: &mut Plan) -> Vec<Query> {
    plan.open = plan.known.open(&plan.open);
    if !plan.processes_first {
        return Vec::new();
    }
    let asked: std::collections::HashSet<&String> = plan.ids.iter().take(BATCH).collect();
    let new = plan.open.iter().filter(|id| !asked.contains(id) && !plan.known.has_owner(id));
    apps_of(&new.cloned().collect::<Vec<_>>())
}

fn works(plan: &mut Plan) -> Vec<Query> {
    plan.open = plan.known.open(&plan.open);
    let tasks = Query::all(v3::tasks(&plan.open), &Fallback::Skip);
    let builds = Query::all(v3::builds(&plan.open), &Fallback::Skip);
    tasks.into_iter().chain(builds).collect()
}

fn deletions(plan: &mut Plan) -> Vec<Query> {
    plan.open = plan.known.open(&plan.open);
    deletions_of(&plan.open)
}

fn deployments(plan: &mut Plan) -> Vec<Query> {
    search(plan, || Query::new(v3::deployments(), Fallback::Search))
}

fn process_deletions(plan: &mut Plan) -> Vec<Query> {
    search(plan, || Query::new(v3::audit_events_of_type(DELETE_PROCESS), Fallback::Search))
}

/// Reads a list that cannot be filtered, newest first, until every open id has an owner or the limit is reached.
fn search(plan: &mut Plan, first: impl FnOnce() -> Query) -> Vec<Query> {
    plan.open = plan.known.open(&plan.open);
    if plan.search_pages == 0 || plan.all_have_owners() {
        return Vec::new();
    }
    vec![Query { pages: plan.search_pages, ..first() }]
}

/// Names of the spaces and orgs of deleted apps: from their lists, then from their own last events.
fn spaces(plan: &mut Plan) -> Vec<Query> {
    Query::all(v3::spaces(&plan.known.nameless_spaces(&plan.ids)), &Fallback::Fail)
}

fn orgs(plan: &mut Plan) -> Vec<Query> {
    Query::all(v3::organizations(&plan.known.nameless_orgs(&plan.ids)), &Fallback::Fail)
}

fn space_events(plan: &mut Plan) -> Vec<Query> {
    let calls = v3::audit_events(&plan.known.nameless_spaces(&plan.ids), &SPACE_NAMED);
    Query::all(calls, &Fallback::Skip)
}

fn org_events(plan: &mut Plan) -> Vec<Query> {
    let calls = v3::audit_events(&plan.known.nameless_orgs(&plan.ids), &ORG_NAMED);
    Query::all(calls, &Fallback::Skip)
}

/// The names of apps over time.
fn names(plan: &mut Plan) -> Vec<Query> {
    let queries = Query::all(
        v3::audit_events(&plan.known.named_apps(&plan.ids), &APP_NAMED),
        &Fallback::History,
    );
    let pages = plan.search_pages.max(1);
    queries.into_iter().map(|query| Query { pages, ..query }).collect()
}

fn everything(_: &mut Plan) -> Vec<Query> {
    vec![
        Query::new(v3::all_apps(), Fallback::Fail),
        Query::new(v3::all_processes(), Fallback::Fail),
    ]
}

fn apps_of(guids: &[String]) -> Vec<Query> {
    Query::all(v3::apps(guids), &Fallback::Fail)
}

fn deletions_of(apps: &[String]) -> Vec<Query> {
    Query::all(v3::audit_events(apps, &[DELETE_APP]), &Fallback::Skip)
}
