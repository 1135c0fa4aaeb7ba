//! Resolution over API v2: the procedure that operators know, one request per app, space and org.
//!
//! v2 knows an app by the GUID of its first web process only, so later processes of rolling deployments, other process
//! types, tasks and builds are unknown to it. It tells "hidden" (403) from "not found" (404), which v3 does not.

use std::collections::HashSet;

use asg_core::Guid;

use crate::api::v2;
use crate::client::CloudController;
use crate::resolve::Knowledge;
use crate::{Error, Transport};

/// What was found, and which ids Cloud Controller refuses to show.
pub(crate) fn gather<T: Transport>(
    cc: &CloudController<T>,
    ids: &[String],
) -> Result<(Knowledge, HashSet<String>), Error> {
    let mut known = Knowledge::default();
    let mut hidden = HashSet::new();
    for id in ids {
        match cc.call(&v2::app(id)) {
            Ok(app) => known.add_app(app),
            Err(e) if is_not_found(&e, 100_004) => add_events(cc, id, &mut known)?,
            Err(e) if is_hidden(&e) => {
                hidden.insert(id.clone());
            }
            Err(e) => return Err(e),
        }
    }
    for guid in known.nameless_spaces(ids) {
        match cc.call(&v2::space(&guid)) {
            Ok(space) => known.add_space(space),
            Err(e) if is_not_found(&e, 40_004) => add_events(cc, &guid, &mut known)?,
            Err(e) if is_hidden(&e) => {}
            Err(e) => return Err(e),
        }
    }
    for guid in known.nameless_orgs(ids) {
        match cc.call(&v2::organization(&guid)) {
            Ok(org) => known.add_org(org),
            Err(e) if is_not_found(&e, 30_003) => add_events(cc, &guid, &mut known)?,
            Err(e) if is_hidden(&e) => {}
            Err(e) => return Err(e),
        }
    }
    Ok((known, hidden))
}

fn add_events<T: Transport>(
    cc: &CloudController<T>,
    actee: &str,
    known: &mut Knowledge,
) -> Result<(), Error> {
    // Spaces' GUIDs come from the server; one of another shape could break out of the query's grammar.
    if Guid::parse(actee.as_bytes()).is_err() {
        return Ok(());
    }
    cc.each(vec![v2::events(actee)], |page| {
        page.resources.into_iter().for_each(|event| known.add_event(event));
    })
}

fn is_not_found(error: &Error, code: i64) -> bool {
    matches!(error, Error::NotFound { errors } if errors.iter().any(|e| e.code == code))
}

/// 10003 alone: a token without scopes gets 10007, and a space supporter gets no code; neither says anything of the app.
fn is_hidden(error: &Error) -> bool {
    matches!(error, Error::Forbidden { errors } if errors.iter().any(|e| e.code == 10_003))
}
