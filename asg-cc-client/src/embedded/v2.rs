//! The endpoints of API v2.

use http::Response;
use serde_json::{Value, json};

use super::answer::{Asked, error, not_authorized, ok, unknown_request};
use super::foundation::Foundation;
use super::rows::{Column, Lookup, Row, Thing};
use super::v3::holds;

/// A kind of resource: its path, its "not found", and the keys that its `q` may have.
struct Endpoint {
    path: &'static str,
    not_found: (i64, &'static str, &'static str),
    rows: for<'a> fn(&'a Foundation) -> Vec<Row<'a>>,
    filters: &'static [(&'static str, Column)],
}

const ENDPOINTS: [Endpoint; 5] = [
    Endpoint {
        path: "apps",
        not_found: (100_004, "CF-AppNotFound", "The app could not be found"),
        rows: |f| apps_with_web(f),
        filters: &[
            ("name", Column::Name),
            ("space_guid", Column::Space),
            ("organization_guid", Column::Org),
        ],
    },
    Endpoint {
        path: "spaces",
        not_found: (40_004, "CF-SpaceNotFound", "The app space could not be found"),
        rows: |f| Row::spaces(f),
        filters: &[("name", Column::Name), ("organization_guid", Column::Org)],
    },
    Endpoint {
        path: "organizations",
        not_found: (30_003, "CF-OrganizationNotFound", "The organization could not be found"),
        rows: |f| Row::orgs(f),
        filters: &[("name", Column::Name)],
    },
    Endpoint {
        path: "events",
        not_found: (230_002, "CF-EventNotFound", "Event could not be found"),
        rows: |f| Row::events(f),
        filters: &[
            ("timestamp", Column::Created),
            ("type", Column::Type),
            ("actee", Column::Target),
            ("space_guid", Column::Space),
            ("organization_guid", Column::Org),
        ],
    },
    Endpoint {
        path: "security_groups",
        not_found: (300_002, "CF-SecurityGroupNotFound", "The security group could not be found"),
        rows: |f| Row::security_groups(f),
        filters: &[("name", Column::Name)],
    },
];

impl Foundation {
    pub(super) fn v2(&self, asked: &Asked<'_>) -> Response<Vec<u8>> {
        let found = |path: &str| ENDPOINTS.iter().find(|endpoint| endpoint.path == path);
        let lookup = Lookup::new(self);
        let groups = |wanted: &dyn Fn(&super::SecurityGroup) -> bool| {
            let endpoint = found("security_groups").expect("it is in the table");
            let rows = Row::security_groups(self)
                .into_iter()
                .filter(|row| matches!(row.thing, Thing::SecurityGroup(group) if wanted(group)));
            list(asked, endpoint, rows.collect(), &lookup)
        };
        match asked.segments[..] {
            [path] => found(path).map_or_else(
                || unknown_request(Some("v2")),
                |endpoint| list(asked, endpoint, (endpoint.rows)(self), &lookup),
            ),
            ["config", "running_security_groups"] => groups(&|group| group.running),
            ["config", "staging_security_groups"] => groups(&|group| group.staging),
            ["spaces", space, which @ ("security_groups" | "staging_security_groups")] => {
                let running = which == "security_groups";
                let endpoint = found("spaces").expect("it is in the table");
                let bound = |_: &Row<'_>| groups(&|group| holds(group, space, running));
                self.v2_one(asked, endpoint, space, &lookup, bound)
            }
            [path, guid] => found(path).map_or_else(
                || unknown_request(Some("v2")),
                |endpoint| {
                    let show = |row: &Row<'_>| ok(&render(endpoint, row));
                    self.v2_one(asked, endpoint, guid, &lookup, show)
                },
            ),
            _ => unknown_request(Some("v2")),
        }
    }

    /// Returns the info document, which is served, and shows it, even while v2 is switched off.
    pub(super) fn v2_info(&self, base: &str, uaa: Option<&str>) -> Value {
        let (support, version) =
            if self.v2 { ("", "2.293.0") } else { ("CF API v2 is disabled", "") };
        json!({
            "name": "embedded", "build": "", "support": support, "version": 0,
            "description": "An embedded Cloud Controller",
            "authorization_endpoint": uaa.map_or_else(|| format!("{base}/login"), ToOwned::to_owned),
            "token_endpoint": uaa.map_or_else(|| format!("{base}/uaa"), ToOwned::to_owned),
            "min_cli_version": null, "min_recommended_cli_version": null, "api_version": version
        })
    }

    /// Returns one thing, written by `show`. v2 answers 403 for a thing that exists and may not be
    /// seen.
    fn v2_one<'a>(
        &'a self,
        asked: &Asked<'_>,
        endpoint: &Endpoint,
        guid: &str,
        lookup: &Lookup<'a>,
        show: impl FnOnce(&Row<'a>) -> Response<Vec<u8>>,
    ) -> Response<Vec<u8>> {
        match (endpoint.rows)(self).into_iter().find(|row| row.guid == guid) {
            Some(row) if row.is_visible(&asked.viewer, lookup) => show(&row),
            Some(_) => not_authorized(Some("v2")),
            None => {
                let (code, title, detail) = endpoint.not_found;
                error(Some("v2"), 404, code, title, &format!("{detail}: {guid}"))
            }
        }
    }
}

/// Returns the apps that v2 shows: each by its web process, under the app's GUID, and none without.
fn apps_with_web(foundation: &Foundation) -> Vec<Row<'_>> {
    let webs = foundation.processes.iter().filter(|process| process.process_type == "web");
    let webs: std::collections::HashSet<&str> = webs.map(|process| &*process.app).collect();
    let mut rows = Row::apps(foundation);
    rows.retain(|row| webs.contains(&*row.guid));
    rows
}

fn list<'a>(
    asked: &Asked<'_>,
    endpoint: &Endpoint,
    mut rows: Vec<Row<'a>>,
    lookup: &Lookup<'a>,
) -> Response<Vec<u8>> {
    let bad = |detail: &str| {
        let detail = format!("The query parameter is invalid: {detail}");
        error(Some("v2"), 400, 10005, "CF-BadQueryParameter", &detail)
    };
    let query = &asked.query;
    let Ok(page) = query.number("page", 1, usize::MAX) else { return bad("page must be >= 1") };
    let Ok(size) = query.number("results-per-page", 50, 100) else {
        return bad("results_per_page must be <= 100");
    };
    // Conditions come as several `q`, or within one, separated by semicolons.
    for condition in query.all("q").flat_map(|q| q.split(';')) {
        let parts = condition_of(condition);
        let column = parts.and_then(|(key, ..)| endpoint.filters.iter().find(|f| f.0 == key));
        let (Some((_, op, value)), Some((_, column))) = (parts, column) else {
            return bad(condition);
        };
        let time;
        let value = if *column == Column::Created {
            time = zulu(value);
            &time
        } else {
            value
        };
        rows.retain(|row| {
            let found = row.get(*column, lookup).unwrap_or_default();
            match op {
                ":" => found == value,
                " IN " => value.split(',').any(|value| found == value),
                ">=" => found >= value,
                "<=" => found <= value,
                ">" => found > value,
                _ => found < value,
            }
        });
    }
    rows.retain(|row| row.is_visible(&asked.viewer, lookup));
    if query.get("order-direction") == Some("desc") {
        rows.reverse();
    }
    let total = rows.len();
    let pages = total.div_ceil(size);
    let rows = rows.into_iter().skip(size.saturating_mul(page - 1)).take(size);
    let resources: Vec<Value> = rows.map(|row| render(endpoint, &row)).collect();
    // Links of v2 have no host.
    let link =
        |page: usize| format!("{}?{}", asked.path, query.with_page(page, "results-per-page", size));
    ok(&json!({
        "total_results": total,
        "total_pages": pages,
        "prev_url": (page > 1).then(|| link(page - 1)),
        "next_url": (page < pages).then(|| link(page + 1)),
        "resources": resources
    }))
}

/// Parses `actee:x`, `actee IN x,y`, `timestamp>=x` and so on.
fn condition_of(text: &str) -> Option<(&str, &str, &str)> {
    let key = text.find([':', '>', '<', ' ']).filter(|&at| at > 0)?;
    let op =
        [" IN ", ">=", "<=", ":", ">", "<"].into_iter().find(|op| text[key..].starts_with(op))?;
    Some((&text[..key], &text[key..key + op.len()], &text[key + op.len()..]))
}

/// Converts a time of any zone to the form in events. Any other text stays, and equals no time.
fn zulu(time: &str) -> String {
    let parsed = asg_core::Timestamp::parse(time.replacen(' ', "T", 1).as_bytes());
    parsed.map_or_else(|_| time.to_owned(), |time| time.to_string())
}

/// Writes a row as v2 does.
fn render(endpoint: &Endpoint, row: &Row<'_>) -> Value {
    let (guid, at) = (&row.guid, row.created_at());
    let url = format!("/v2/{}/{guid}", endpoint.path);
    let entity = match row.thing {
        Thing::App(app) => json!({
            "name": app.name, "production": false, "space_guid": app.space,
            "buildpack": null, "environment_json": null, "instances": 1, "state": "STARTED",
            "space_url": format!("/v2/spaces/{}", app.space), "events_url": format!("{url}/events")
        }),
        Thing::Space(space) => json!({
            "name": space.name, "organization_guid": space.org,
            "space_quota_definition_guid": null, "allow_ssh": true,
            "organization_url": format!("/v2/organizations/{}", space.org)
        }),
        Thing::Org(org) => {
            json!({ "name": org.name, "billing_enabled": false, "status": "active" })
        }
        Thing::Event(event) => json!({
            "type": event.kind,
            "actor": "7b2d6421-da08-4a1d-86d3-dc07edbe8afd", "actor_type": "user",
            "actor_name": "admin", "actor_username": "admin",
            "actee": event.target, "actee_type": event.target_type,
            "actee_name": event.target_name,
            "timestamp": event.at, "metadata": event.data,
            "space_guid": event.space.as_deref().unwrap_or_default(),
            "organization_guid": event.org.as_deref().unwrap_or_default()
        }),
        Thing::SecurityGroup(group) => json!({
            "name": group.name, "rules": group.rules,
            "running_default": group.running, "staging_default": group.staging,
            "spaces_url": format!("{url}/spaces"),
            "staging_spaces_url": format!("{url}/staging_spaces")
        }),
        // v2 has other words for these, which this crate does not ask for.
        Thing::Process(_) | Thing::Task(_) | Thing::Build(_) | Thing::Deployment(_) => Value::Null,
    };
    json!({
        "metadata": { "guid": guid, "url": url, "created_at": at, "updated_at": at },
        "entity": entity
    })
}
