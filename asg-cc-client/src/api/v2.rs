//! Calls of API v2, for foundations without v3. It finds one thing at a time.

use super::{App, Call, Event, Info, Org, Page, SecurityGroup, Space};
use crate::text::encode;

/// Calls `GET /v2/info`, which answers even while v2 is switched off.
///
/// ```
/// assert_eq!(asg_cc_client::api::v2::info().target(), "/v2/info");
/// ```
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
///
/// ```
/// assert_eq!(asg_cc_client::api::v2::space("s-1").target(), "/v2/spaces/s-1");
/// ```
#[must_use]
pub fn space(guid: &str) -> Call<Space> {
    Call::get(format!("/v2/spaces/{}", encode(guid)), "")
}

/// Asks for one org.
///
/// ```
/// assert_eq!(asg_cc_client::api::v2::organization("o-1").target(), "/v2/organizations/o-1");
/// ```
#[must_use]
pub fn organization(guid: &str) -> Call<Org> {
    Call::get(format!("/v2/organizations/{}", encode(guid)), "")
}

/// Asks for events about one app, space or org, oldest first.
///
/// ```
/// assert!(asg_cc_client::api::v2::events("a-1").target().starts_with("/v2/events?"));
/// ```
#[must_use]
pub fn events(actee: &str) -> Call<Page<Event>> {
    Call::get("/v2/events", format!("q=actee:{}", encode(actee)))
}

/// Asks for all apps.
///
/// ```
/// assert!(asg_cc_client::api::v2::all_apps().target().starts_with("/v2/apps?"));
/// ```
#[must_use]
pub fn all_apps() -> Call<Page<App>> {
    Call::get("/v2/apps", "results-per-page=100")
}

/// Asks for all spaces.
///
/// ```
/// assert!(asg_cc_client::api::v2::all_spaces().target().starts_with("/v2/spaces?"));
/// ```
#[must_use]
pub fn all_spaces() -> Call<Page<Space>> {
    Call::get("/v2/spaces", "results-per-page=100")
}

/// Asks for all orgs.
///
/// ```
/// let call = asg_cc_client::api::v2::all_organizations();
/// assert!(call.target().starts_with("/v2/organizations?"));
/// ```
#[must_use]
pub fn all_organizations() -> Call<Page<Org>> {
    Call::get("/v2/organizations", "results-per-page=100")
}

/// Asks for one security group.
///
/// ```
/// let call = asg_cc_client::api::v2::security_group("g-1");
/// assert!(call.target().starts_with("/v2/security_groups/g-1"));
/// ```
#[must_use]
pub fn security_group(guid: &str) -> Call<SecurityGroup> {
    Call::get(format!("/v2/security_groups/{}", encode(guid)), "")
}

/// Asks for all security groups.
///
/// ```
/// let call = asg_cc_client::api::v2::all_security_groups();
/// assert!(call.target().starts_with("/v2/security_groups?"));
/// ```
#[must_use]
pub fn all_security_groups() -> Call<Page<SecurityGroup>> {
    Call::get("/v2/security_groups", "results-per-page=100")
}

/// Asks for the groups whose rules apply to running apps of a space.
///
/// ```
/// let call = asg_cc_client::api::v2::running_security_groups("s-1");
/// assert!(call.target().starts_with("/v2/spaces/s-1/security_groups"));
/// ```
#[must_use]
pub fn running_security_groups(space: &str) -> Call<Page<SecurityGroup>> {
    Call::get(format!("/v2/spaces/{}/security_groups", encode(space)), "results-per-page=100")
}

/// Asks for the groups whose rules apply while apps of a space are staged.
///
/// ```
/// let call = asg_cc_client::api::v2::staging_security_groups("s-1");
/// assert!(call.target().starts_with("/v2/spaces/s-1/staging_security_groups"));
/// ```
#[must_use]
pub fn staging_security_groups(space: &str) -> Call<Page<SecurityGroup>> {
    let path = format!("/v2/spaces/{}/staging_security_groups", encode(space));
    Call::get(path, "results-per-page=100")
}
