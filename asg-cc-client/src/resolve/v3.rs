//! Resolution over API v3: some requests per 200 ids, however many ids there are.
//!
//! The order is: exact and cheap before searching, and live before deleted. A process of a rolling deployment is gone
//! from the list of processes as soon as the next deployment replaces it, and leaves no event; only the deployment's own
//! record still names it. So "the process is not there" never means "the app is not there", and each step that finds an
//! app of an open id asks first whether that app lives.

use crate::api::{Call, Event, Page, v3};
use crate::client::CloudController;
use crate::resolve::Knowledge;
use crate::{Error, Transport};

const DELETE_APP: &str = "audit.app.delete-request";
const DELETE_PROCESS: &str = "audit.app.process.delete";
/// Events that carry a space's name, or an org's.
const SPACE_NAMED: [&str; 3] =
    ["audit.space.delete-request", "audit.space.update", "audit.space.create"];
const ORG_NAMED: [&str; 3] =
    ["audit.organization.delete-request", "audit.organization.update", "audit.organization.create"];

pub(crate) fn gather<T: Transport>(
    cc: &CloudController<T>,
    ids: &[String],
) -> Result<Knowledge, Error> {
    let mut known = Knowledge::default();
    add_apps(cc, ids, &mut known)?;

    let mut open = known.open(ids);
    cc.each(v3::processes(&open), |p| p.resources.into_iter().for_each(|p| known.add_process(p)))?;
    follow(cc, &mut open, &mut known)?;
    optional(
        cc.each(v3::tasks(&open), |p| p.resources.into_iter().for_each(|w| known.add_work(w))),
    )?;
    optional(
        cc.each(v3::builds(&open), |p| p.resources.into_iter().for_each(|w| known.add_work(w))),
    )?;
    follow(cc, &mut open, &mut known)?;

    add_deletions(cc, &open, &mut known)?;
    open = known.open(&open);

    search(cc, &open, &mut known, v3::deployments(), |known, page| {
        page.resources.into_iter().for_each(|d| known.add_deployment(d));
    })?;
    follow(cc, &mut open, &mut known)?;
    let deletions = v3::audit_events_of_type(DELETE_PROCESS);
    search(cc, &open, &mut known, deletions, |known, page| {
        page.resources.into_iter().for_each(|e| known.add_event(e));
    })?;
    follow(cc, &mut open, &mut known)?;

    add_names(cc, ids, &mut known)?;
    Ok(known)
}

/// Asks for the apps that the last steps found to own open ids: first whether they live, then whether they were deleted.
fn follow<T: Transport>(
    cc: &CloudController<T>,
    open: &mut Vec<String>,
    known: &mut Knowledge,
) -> Result<(), Error> {
    add_apps(cc, &known.open_owners(open), known)?;
    add_deletions(cc, &known.open_owners(open), known)?;
    *open = known.open(open);
    Ok(())
}

fn add_apps<T: Transport>(
    cc: &CloudController<T>,
    guids: &[String],
    known: &mut Knowledge,
) -> Result<(), Error> {
    cc.each(v3::apps(guids), |page| {
        page.resources.into_iter().for_each(|app| known.add_app(app));
        page.spaces.into_iter().for_each(|space| known.add_space(space));
        page.orgs.into_iter().for_each(|org| known.add_org(org));
    })
}

fn add_deletions<T: Transport>(
    cc: &CloudController<T>,
    apps: &[String],
    known: &mut Knowledge,
) -> Result<(), Error> {
    add_events(cc, v3::audit_events(apps, &[DELETE_APP]), known)
}

fn add_events<T: Transport>(
    cc: &CloudController<T>,
    calls: Vec<Call<Page<Event>>>,
    known: &mut Knowledge,
) -> Result<(), Error> {
    optional(cc.each(calls, |page| page.resources.into_iter().for_each(|e| known.add_event(e))))
}

/// Reads a list that cannot be filtered, newest first, until every open id has an owner or the limit is reached.
fn search<T: Transport, R>(
    cc: &CloudController<T>,
    open: &[String],
    known: &mut Knowledge,
    first: Call<Page<R>>,
    mut add: impl FnMut(&mut Knowledge, Page<R>),
) -> Result<(), Error>
where
    R: crate::api::Body,
{
    let mut next = Some(first);
    for _ in 0..cc.search_pages() {
        let Some(call) = next else { break };
        if open.iter().all(|id| known.has_owner(id)) {
            break;
        }
        let page = match cc.call(&call) {
            Err(e) if is_absent(&e) => break,
            page => page?,
        };
        next = call.next(&page)?;
        add(known, page);
    }
    Ok(())
}

/// Names of the spaces and orgs of deleted apps: from their lists, then from their own last events.
fn add_names<T: Transport>(
    cc: &CloudController<T>,
    ids: &[String],
    known: &mut Knowledge,
) -> Result<(), Error> {
    cc.each(v3::spaces(&known.nameless_spaces(ids)), |page| {
        page.resources.into_iter().for_each(|space| known.add_space(space));
        page.orgs.into_iter().for_each(|org| known.add_org(org));
    })?;
    cc.each(v3::organizations(&known.nameless_orgs(ids)), |page| {
        page.resources.into_iter().for_each(|org| known.add_org(org));
    })?;
    add_events(cc, v3::audit_events(&known.nameless_spaces(ids), &SPACE_NAMED), known)?;
    add_events(cc, v3::audit_events(&known.nameless_orgs(ids), &ORG_NAMED), known)
}

/// Lists that not every Cloud Controller has, or not with these filters: without them less is found, and nothing wrong.
fn optional(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(e) if is_absent(&e) => Ok(()),
        result => result,
    }
}

fn is_absent(error: &Error) -> bool {
    match error {
        Error::NoSuchEndpoint => true,
        Error::Refused { errors, .. } => errors.iter().any(|e| e.code == 10005),
        _ => false,
    }
}
