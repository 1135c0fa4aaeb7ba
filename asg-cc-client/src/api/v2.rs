//! Calls of API v2, for foundations without v3. It finds one thing at a time.

use super::{App, Call, Event, Info, Org, Page, SecurityGroup, Space};
use crate::text::encode;

/// Calls `GET /v2/info`, which answers even while v2 is switched off.
#[must_use]
pub fn info() -> Call<Info> {
    Call::get("/v2/info", "")
}

/// Asks for one app.
///
/// ```
/// let call = asg_cc_client::api::v2::app("4ccbb24c-268e-421a-9d1b-3678b6eb40d0");
/// assert_eq!(call.target(), "/v2/apps/4ccbb24c-268e-421a-9d1b-3678b6eb40d0");
/// ```
#[must_use]
pub fn app(guid: &str) -> Call<App> {
    Call::get(format!("/v2/apps/{}", encode(guid)), "")
}

/// Asks for one space.
#[must_use]
pub fn space(guid: &str) -> Call<Space> {
    Call::get(format!("/v2/spaces/{}", encode(guid)), "")
}

/// Asks for one org.
#[must_use]
pub fn organization(guid: &str) -> Call<Org> {
    Call::get(format!("/v2/organizations/{}", encode(guid)), "")
}

/// Asks for events about one app, space or org, oldest first.
#[must_use]
pub fn events(actee: &str) -> Call<Page<Event>> {
    Call::get("/v2/events", format!("q=actee:{}", encode(actee)))
}

/// Asks for all apps.
#[must_use]
pub fn all_apps() -> Call<Page<App>> {
    Call::get("/v2/apps", "results-per-page=100")
}

/// Asks for all spaces.
#[must_use]
pub fn all_spaces() -> Call<Page<Space>> {
    Call::get("/v2/spaces", "results-per-page=100")
}

/// Asks for all orgs.
#[must_use]
pub fn all_organizations() -> Call<Page<Org>> {
    Call::get("/v2/organizations", "results-per-page=100")
}

/// Asks for one security group.
#[must_use]
pub fn security_group(guid: &str) -> Call<SecurityGroup> {
    Call::get(format!("/v2/security_groups/{}", encode(guid)), "")
}

/// Asks for all security groups.
#[must_use]
pub fn all_security_groups() -> Call<Page<SecurityGroup>> {
    Call::get("/v2/security_groups", "results-per-page=100")
}

/// Asks for the groups whose rules apply to running apps of a space.
#[must_use]
pub fn running_security_groups(space: &str) -> Call<Page<SecurityGroup>> {
    Call::get(format!("/v2/spaces/{}/security_groups", encode(space)), "results-per-page=100")
}

/// Asks for the groups whose rules apply while apps of a space are staged.
#[must_use]
pub fn staging_security_groups(space: &str) -> Call<Page<SecurityGroup>> {
    let path = format!("/v2/spaces/{}/staging_security_groups", encode(space));
    Call::get(path, "results-per-page=100")
}
