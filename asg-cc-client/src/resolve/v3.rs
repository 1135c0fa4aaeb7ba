//! Resolution over API v3, step by step.
//!
//! The order is: exact and cheap before searching, and live before deleted. A process of a rolling
//! deployment disappears from the list of processes when the next deployment replaces it, and
//! leaves no event; only the deployment's own record still names it. So a missing process does not
//! mean a missing app, and each step that finds an app of an open id first asks whether that app
//! lives.

use std::collections::HashSet;

use asg_core::Guid;

use super::plan::{Plan, Step};
use super::query::{Fallback, Query};
use super::search::List;
use crate::api::{BATCH, v3};

const DELETE_APP: &str = "audit.app.delete-request";
/// Events that carry names of apps, spaces and orgs, and follow each other without gaps.
const NAMED: [&str; 6] = [
    "audit.app.update",
    "audit.app.create",
    "audit.space.update",
    "audit.space.create",
    "audit.organization.update",
    "audit.organization.create",
];
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
    rare_events,
    owners,
    owners_deleted,
    frequent_events,
    owners,
    owners_deleted,
    spaces,
    orgs,
    space_events,
    org_events,
];

/// Further steps if names of the past are wanted.
pub(super) const HISTORY: &[Step] = &[names];

pub(super) const PRELOAD: &[Step] = &[everything];

/// Asks whether these are apps. Web processes that no rolling deployment has replaced have their
/// app's GUID.
fn probe(plan: &mut Plan) -> Vec<Query> {
    apps_of(&plan.ids[..plan.ids.len().min(BATCH)])
}

/// Asks for the rest, as apps too if most of the first were; if not, it is cheaper to begin with
/// their processes.
fn rest(plan: &mut Plan) -> Vec<Query> {
    let (first, rest) = plan.ids.split_at(plan.ids.len().min(BATCH));
    let missing = plan.found.known.open(first).len();
    plan.processes_first = !rest.is_empty() && missing * 2 > first.len();
    if plan.processes_first { Vec::new() } else { apps_of(rest) }
}

fn processes(plan: &mut Plan) -> Vec<Query> {
    plan.open = plan.found.known.open(&plan.ids);
    Query::all(v3::processes(&texts(&plan.open)), &Fallback::Fail)
}

/// Asks for the living apps among those that own open ids.
fn owners(plan: &mut Plan) -> Vec<Query> {
    apps_of(&plan.found.known.open_owners(&plan.open))
}

/// Asks for the deleted ones.
fn owners_deleted(plan: &mut Plan) -> Vec<Query> {
    let queries = deletions_of(&plan.found.known.open_owners(&plan.open));
    plan.open = plan.found.known.open(&plan.open);
    queries
}

/// Asks for the ids that were not asked for as apps yet.
fn late_apps(plan: &mut Plan) -> Vec<Query> {
    plan.open = plan.found.known.open(&plan.open);
    if !plan.processes_first {
        return Vec::new();
    }
    let asked: HashSet<Guid> = plan.ids.iter().take(BATCH).copied().collect();
    let known = &plan.found.known;
    let new = plan.open.iter().filter(|id| !asked.contains(id) && !known.has_owner(**id));
    apps_of(&new.copied().collect::<Vec<_>>())
}

fn works(plan: &mut Plan) -> Vec<Query> {
    plan.open = plan.found.known.open(&plan.open);
    let open = texts(&plan.open);
    let tasks = Query::all(v3::tasks(&open), &Fallback::Skip("tasks"));
    let builds = Query::all(v3::builds(&open), &Fallback::Skip("builds"));
    tasks.into_iter().chain(builds).collect()
}

fn deletions(plan: &mut Plan) -> Vec<Query> {
    plan.open = plan.found.known.open(&plan.open);
    deletions_of(&plan.open)
}

fn deployments(plan: &mut Plan) -> Vec<Query> {
    search(plan, List::Deployments)
}

fn rare_events(plan: &mut Plan) -> Vec<Query> {
    search(plan, List::RareEvents)
}

fn frequent_events(plan: &mut Plan) -> Vec<Query> {
    search(plan, List::FrequentEvents)
}

fn search(plan: &mut Plan, list: List) -> Vec<Query> {
    plan.open = plan.found.known.open(&plan.open);
    plan.search(list, plan.search_pages).into_iter().collect()
}

/// Asks for the names of the spaces and orgs of deleted apps: from their lists, then from their own
/// last events.
fn spaces(plan: &mut Plan) -> Vec<Query> {
    Query::all(v3::spaces(&plan.found.known.nameless_spaces(&plan.ids)), &Fallback::Fail)
}

fn orgs(plan: &mut Plan) -> Vec<Query> {
    Query::all(v3::organizations(&plan.found.known.nameless_orgs(&plan.ids)), &Fallback::Fail)
}

fn space_events(plan: &mut Plan) -> Vec<Query> {
    let calls = v3::audit_events(&plan.found.known.nameless_spaces(&plan.ids), &SPACE_NAMED);
    Query::all(calls, &Fallback::Skip("audit events"))
}

fn org_events(plan: &mut Plan) -> Vec<Query> {
    let calls = v3::audit_events(&plan.found.known.nameless_orgs(&plan.ids), &ORG_NAMED);
    Query::all(calls, &Fallback::Skip("audit events"))
}

/// Asks for the names of apps, spaces and orgs over time.
fn names(plan: &mut Plan) -> Vec<Query> {
    let targets = plan.found.known.named(&plan.ids);
    let queries = Query::all(v3::audit_events(&targets, &NAMED), &Fallback::History);
    let pages = plan.search_pages.max(1);
    queries.into_iter().map(|query| Query { pages, ..query }).collect()
}

fn everything(_: &mut Plan) -> Vec<Query> {
    vec![
        Query::new(v3::all_apps(), Fallback::Fail),
        Query::new(v3::all_processes(), Fallback::Fail),
    ]
}

fn apps_of(guids: &[Guid]) -> Vec<Query> {
    Query::all(v3::apps(&texts(guids)), &Fallback::Fail)
}

fn deletions_of(apps: &[Guid]) -> Vec<Query> {
    let calls = v3::audit_events(&texts(apps), &[DELETE_APP]);
    Query::all(calls, &Fallback::Skip("audit events"))
}

fn texts(guids: &[Guid]) -> Vec<String> {
    guids.iter().map(ToString::to_string).collect()
}
