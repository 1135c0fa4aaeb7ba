//! The endpoints of API v2.

use http::Response;
use serde_json::{Value, json};

use super::answer::{Asked, error, not_authorized, ok, unknown_request};
use super::foundation::Foundation;

/// A resource, and whether the viewer may see it: v2 says that there is something that it does not show.
struct Entry {
    body: Value,
    visible: bool,
}

impl Foundation {
    pub(super) fn v2(&self, asked: &Asked<'_>) -> Response<Vec<u8>> {
        let (filters, not_found, all): (&[&str], _, _) = match asked.segments.first() {
            Some(&"apps") => (
                &["name", "space_guid"],
                (100_004, "CF-AppNotFound", "The app could not be found"),
                self.v2_apps(asked),
            ),
            Some(&"spaces") => (
                &["name", "organization_guid"],
                (40_004, "CF-SpaceNotFound", "The app space could not be found"),
                self.v2_spaces(asked),
            ),
            Some(&"organizations") => (
                &["name"],
                (30_003, "CF-OrganizationNotFound", "The organization could not be found"),
                self.v2_orgs(asked),
            ),
            Some(&"events") => (
                &["timestamp", "type", "actee", "space_guid", "organization_guid"],
                (230_002, "CF-EventNotFound", "Event could not be found"),
                self.v2_events(asked),
            ),
            _ => return unknown_request(Some("v2")),
        };
        match asked.segments[1..] {
            [] => list(asked, filters, all),
            [guid] => match all.into_iter().find(|one| one.body["metadata"]["guid"] == guid) {
                Some(one) if one.visible => ok(&one.body),
                Some(_) => not_authorized(Some("v2")),
                None => {
                    let (code, title, detail) = not_found;
                    error(Some("v2"), 404, code, title, &format!("{detail}: {guid}"))
                }
            },
            _ => unknown_request(Some("v2")),
        }
    }

    /// It answers even while v2 is switched off, and says so.
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

    fn v2_apps(&self, asked: &Asked<'_>) -> Vec<Entry> {
        // v2 shows an app by its web process, under the app's GUID; without one there is no app.
        let has_web = |app: &&super::App| {
            self.processes.iter().any(|p| p.app == app.guid && p.process_type == "web")
        };
        let entry = |app: &super::App| {
            let entity = json!({
                "name": app.name, "production": false, "space_guid": app.space,
                "buildpack": null, "environment_json": null, "instances": 1, "state": "STARTED",
                "space_url": format!("/v2/spaces/{}", app.space),
                "events_url": format!("/v2/apps/{}/events", app.guid)
            });
            let visible = asked.viewer.sees_space(&app.space);
            Entry { body: resource("apps", &app.guid, Foundation::created_at(), &entity), visible }
        };
        self.apps.iter().filter(has_web).map(entry).collect()
    }

    fn v2_spaces(&self, asked: &Asked<'_>) -> Vec<Entry> {
        let entry = |space: &super::Space| {
            let entity = json!({
                "name": space.name, "organization_guid": space.org,
                "space_quota_definition_guid": null, "allow_ssh": true,
                "organization_url": format!("/v2/organizations/{}", space.org)
            });
            let visible = asked.viewer.sees_space(&space.guid);
            Entry {
                body: resource("spaces", &space.guid, Foundation::created_at(), &entity),
                visible,
            }
        };
        self.spaces.iter().map(entry).collect()
    }

    fn v2_orgs(&self, asked: &Asked<'_>) -> Vec<Entry> {
        let entry = |org: &super::Org| {
            let entity = json!({ "name": org.name, "billing_enabled": false, "status": "active" });
            let visible = asked.viewer.sees_org(self, &org.guid);
            Entry {
                body: resource("organizations", &org.guid, Foundation::created_at(), &entity),
                visible,
            }
        };
        self.orgs.iter().map(entry).collect()
    }

    fn v2_events(&self, asked: &Asked<'_>) -> Vec<Entry> {
        let entry = |(number, event): (usize, &super::Event)| {
            let entity = json!({
                "type": event.kind,
                "actor": "7b2d6421-da08-4a1d-86d3-dc07edbe8afd", "actor_type": "user",
                "actor_name": "admin", "actor_username": "admin",
                "actee": event.target, "actee_type": event.target_type,
                "actee_name": event.target_name,
                "timestamp": event.at, "metadata": event.data,
                "space_guid": event.space.as_deref().unwrap_or_default(),
                "organization_guid": event.org.as_deref().unwrap_or_default()
            });
            let visible = asked.viewer.sees_event(self, event.space.as_deref());
            Entry {
                body: resource("events", &format!("event-{number}"), &event.at, &entity),
                visible,
            }
        };
        self.events.iter().enumerate().map(entry).collect()
    }
}

fn resource(path: &str, guid: &str, at: &str, entity: &Value) -> Value {
    json!({
        "metadata": {
            "guid": guid, "url": format!("/v2/{path}/{guid}"), "created_at": at, "updated_at": at
        },
        "entity": entity
    })
}

fn list(asked: &Asked<'_>, filters: &[&str], all: Vec<Entry>) -> Response<Vec<u8>> {
    let bad = |detail: &str| {
        let detail = format!("The query parameter is invalid: {detail}");
        error(Some("v2"), 400, 10005, "CF-BadQueryParameter", &detail)
    };
    let query = &asked.query;
    let Ok(page) = query.number("page", 1, usize::MAX) else { return bad("page must be >= 1") };
    let Ok(size) = query.number("results-per-page", 50, 100) else {
        return bad("results_per_page must be <= 100");
    };
    let mut all: Vec<Value> = all.into_iter().filter(|e| e.visible).map(|e| e.body).collect();
    // Conditions come as several `q`, or within one, between semicolons.
    for condition in query.all("q").flat_map(|q| q.split(';')) {
        let Some((key, op, value)) = condition_of(condition).filter(|c| filters.contains(&c.0))
        else {
            return bad(condition);
        };
        all.retain(|one| {
            let found = one["entity"][key].as_str().unwrap_or_default();
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
    if query.get("order-direction") == Some("desc") {
        all.reverse();
    }
    let total = all.len();
    let pages = total.div_ceil(size);
    let resources: Vec<Value> =
        all.into_iter().skip(size.saturating_mul(page - 1)).take(size).collect();
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

/// `actee:x`, `actee IN x,y`, `timestamp>=x` and so on.
fn condition_of(text: &str) -> Option<(&str, &str, &str)> {
    let key = text.find([':', '>', '<', ' ']).filter(|&at| at > 0)?;
    let op =
        [" IN ", ">=", "<=", ":", ">", "<"].into_iter().find(|op| text[key..].starts_with(op))?;
    Some((&text[..key], &text[key..key + op.len()], &text[key + op.len()..]))
}
