//! The endpoints of API v3.

use http::Response;
use serde_json::{Value, json};

use super::answer::{Asked, error, ok, unknown_request};
use super::foundation::Foundation;
use crate::text::distinct;

/// What every list understands.
const COMMON: [&str; 4] = ["page", "per_page", "order_by", "guids"];

/// What `/v3` points to.
const NAMES: [&str; 10] = [
    "apps",
    "audit_events",
    "builds",
    "deployments",
    "info",
    "organizations",
    "processes",
    "security_groups",
    "spaces",
    "tasks",
];

impl Foundation {
    pub(super) fn v3(&self, asked: &Asked<'_>) -> Response<Vec<u8>> {
        // What a single one is called in "… not found", the other parameters, and all that the viewer may see.
        let (what, parameters, all): (_, &[&str], _) = match asked.segments.first() {
            Some(&"apps") => ("App", &["include", "names", "space_guids"], self.v3_apps(asked)),
            Some(&"processes") => ("Process", &["app_guids", "types"], self.v3_processes(asked)),
            Some(&"tasks") => ("Task", &["app_guids"], self.v3_work(asked, "tasks")),
            Some(&"builds") => ("Build", &["app_guids"], self.v3_work(asked, "builds")),
            Some(&"deployments") => ("Deployment", &["app_guids"], self.v3_deployments(asked)),
            Some(&"spaces") => ("Space", &["include", "names"], self.v3_spaces(asked)),
            Some(&"organizations") => ("Organization", &["names"], self.v3_orgs(asked)),
            Some(&"audit_events") => ("Event", &["types", "target_guids"], self.v3_events(asked)),
            _ => return unknown_request(Some("v3")),
        };
        match asked.segments[1..] {
            [] => self.v3_list(asked, parameters, all),
            [guid] => {
                let Some(mut one) = all.into_iter().find(|one| one["guid"] == guid) else {
                    let detail = format!("{what} not found");
                    return error(Some("v3"), 404, 10010, "CF-ResourceNotFound", &detail);
                };
                if let Some(included) = self.included(asked, std::slice::from_ref(&one)) {
                    one["included"] = included;
                }
                ok(&one)
            }
            _ => unknown_request(Some("v3")),
        }
    }

    pub(super) fn v3_root(base: &str) -> Value {
        let mut links = json!({ "self": { "href": format!("{base}/v3") } });
        for name in NAMES {
            links[name] = json!({ "href": format!("{base}/v3/{name}") });
        }
        json!({ "links": links })
    }

    pub(super) fn v3_info(&self, base: &str) -> Value {
        let limit = self.rate_limit.map_or((2000, 60), |l| (l.requests, l.window_seconds / 60));
        json!({
            "build": "", "cli_version": { "minimum": "", "recommended": "" }, "custom": {},
            "description": "An embedded Cloud Controller", "name": "embedded", "version": 0,
            "osbapi_version": "2.15",
            "rate_limits": {
                "enabled": self.rate_limit.is_some(),
                "general_limit": limit.0, "reset_interval_in_minutes": limit.1
            },
            "links": { "self": { "href": format!("{base}/v3/info") }, "support": { "href": "" } }
        })
    }

    fn v3_list(
        &self,
        asked: &Asked<'_>,
        parameters: &[&str],
        mut all: Vec<Value>,
    ) -> Response<Vec<u8>> {
        let bad = |detail: String| {
            let detail = format!("The query parameter is invalid: {detail}");
            error(Some("v3"), 400, 10005, "CF-BadQueryParameter", &detail)
        };
        let query = &asked.query;
        let known = [&COMMON, parameters].concat();
        let unknown = query.unknown(&known);
        if !unknown.is_empty() {
            let (unknown, known) = (unknown.join("', '"), known.join("', '"));
            return bad(format!(
                "Unknown query parameter(s): '{unknown}'. Valid parameters are: '{known}'"
            ));
        }
        let Ok(page) = query.number("page", 1, usize::MAX) else {
            return bad("Page must be a positive integer".into());
        };
        let Ok(per_page) = query.number("per_page", 50, 5000) else {
            return bad("Per page must be between 1 and 5000".into());
        };
        for (parameter, pointer) in [
            ("guids", "/guid"),
            ("names", "/name"),
            ("types", "/type"),
            ("target_guids", "/target/guid"),
            ("app_guids", "/relationships/app/data/guid"),
            ("space_guids", "/relationships/space/data/guid"),
        ] {
            if let Some(wanted) = query.list(parameter) {
                let wanted: std::collections::HashSet<&str> = wanted.into_iter().collect();
                all.retain(|one| {
                    one.pointer(pointer).and_then(Value::as_str).is_some_and(|v| wanted.contains(v))
                });
            }
        }
        if let Some(order) = query.get("order_by") {
            let (key, descending) = order.strip_prefix('-').map_or((order, false), |o| (o, true));
            if !["created_at", "updated_at", "name"].contains(&key) {
                return bad(format!(
                    "Order by can only be: 'created_at', 'updated_at', 'name', not '{key}'"
                ));
            }
            let by = |one: &Value| one[key].as_str().unwrap_or_default().to_owned();
            all.sort_by_key(by);
            if descending {
                all.reverse();
            }
        }
        let total = all.len();
        let pages = total.div_ceil(per_page).max(1);
        let resources: Vec<Value> =
            all.into_iter().skip(per_page.saturating_mul(page - 1)).take(per_page).collect();
        let link = |page: usize| {
            let query = query.with_page(page, "per_page", per_page);
            json!({ "href": format!("{}{}?{query}", asked.base, asked.path) })
        };
        let mut body = json!({
            "pagination": {
                "total_results": total,
                "total_pages": pages,
                "first": link(1),
                "last": link(pages),
                "next": if page < pages { link(page + 1) } else { Value::Null },
                "previous": if page > 1 { link(page - 1) } else { Value::Null },
            },
        });
        if let Some(included) = self.included(asked, &resources) {
            body["included"] = included;
        }
        body["resources"] = Value::Array(resources);
        ok(&body)
    }

    /// `include=space`, `space.organization` and `organization`; each thing once per page.
    fn included(&self, asked: &Asked<'_>, resources: &[Value]) -> Option<Value> {
        let include = asked.query.list("include")?;
        let wants = |what: &str| include.contains(&what);
        let related = |one: &Value, what: &str| {
            let guid = one.pointer(&format!("/relationships/{what}/data/guid"))?;
            guid.as_str().map(ToOwned::to_owned)
        };
        let mut included = json!({});
        let mut orgs = resources.iter().filter_map(|one| related(one, "organization")).collect();
        if wants("space") || wants("space.organization") {
            let guids = distinct(resources.iter().filter_map(|one| related(one, "space")));
            let spaces: Vec<Value> =
                guids.iter().filter_map(|guid| self.v3_space(asked, guid)).collect();
            orgs = spaces.iter().filter_map(|space| related(space, "organization")).collect();
            included["spaces"] = Value::Array(spaces);
        }
        if wants("space.organization") || wants("organization") {
            let orgs: Vec<String> = orgs;
            let orgs = distinct(orgs.into_iter());
            let orgs = orgs.iter().filter_map(|guid| self.v3_org(asked, guid)).collect();
            included["organizations"] = Value::Array(orgs);
        }
        Some(included)
    }

    fn v3_apps(&self, asked: &Asked<'_>) -> Vec<Value> {
        let visible = self.apps.iter().filter(|app| asked.viewer.sees_space(&app.space));
        let json = |app: &super::App| {
            let body = json!({
                "name": app.name,
                "state": "STARTED",
                "lifecycle": { "type": "buildpack", "data": { "buildpacks": [], "stack": "cflinuxfs4" } },
                "relationships": {
                    "space": { "data": { "guid": app.space } },
                    "current_droplet": { "data": null }
                }
            });
            resource(asked, "apps", &app.guid, body)
        };
        visible.map(json).collect()
    }

    fn v3_processes(&self, asked: &Asked<'_>) -> Vec<Value> {
        let visible = self.processes.iter().filter(|p| self.sees_app(asked, &p.app));
        let json = |process: &super::Process| {
            let body = json!({
                "type": process.process_type,
                "command": "[PRIVATE DATA HIDDEN IN LISTS]",
                "instances": 1,
                "relationships": {
                    "app": { "data": { "guid": process.app } }, "revision": null
                }
            });
            resource(asked, "processes", &process.guid, body)
        };
        visible.map(json).collect()
    }

    fn v3_work(&self, asked: &Asked<'_>, path: &str) -> Vec<Value> {
        let all = if path == "tasks" { &self.tasks } else { &self.builds };
        let visible = all.iter().filter(|work| self.sees_app(asked, &work.app));
        let json = |work: &super::Work| {
            let body = json!({ "relationships": { "app": { "data": { "guid": work.app } } } });
            resource(asked, path, &work.guid, body)
        };
        visible.map(json).collect()
    }

    fn v3_deployments(&self, asked: &Asked<'_>) -> Vec<Value> {
        let visible = self.deployments.iter().filter(|d| self.sees_app(asked, &d.app));
        let json = |deployment: &super::Deployment| {
            let body = json!({
                "status": { "value": "FINALIZED", "reason": "DEPLOYED" },
                "strategy": "rolling",
                "new_processes": [{ "guid": deployment.new_process, "type": "web" }],
                "relationships": { "app": { "data": { "guid": deployment.app } } }
            });
            resource(asked, "deployments", &deployment.guid, body)
        };
        visible.map(json).collect()
    }

    fn v3_spaces(&self, asked: &Asked<'_>) -> Vec<Value> {
        self.spaces.iter().filter_map(|space| self.v3_space(asked, &space.guid)).collect()
    }

    fn v3_space(&self, asked: &Asked<'_>, guid: &str) -> Option<Value> {
        let space = self.space_by_guid(guid).filter(|_| asked.viewer.sees_space(guid))?;
        let body = json!({
            "name": space.name,
            "suspended": false,
            "relationships": {
                "organization": { "data": { "guid": space.org } }, "quota": { "data": null }
            }
        });
        Some(resource(asked, "spaces", guid, body))
    }

    fn v3_orgs(&self, asked: &Asked<'_>) -> Vec<Value> {
        self.orgs.iter().filter_map(|org| self.v3_org(asked, &org.guid)).collect()
    }

    fn v3_org(&self, asked: &Asked<'_>, guid: &str) -> Option<Value> {
        let org = self.orgs.iter().find(|org| org.guid == guid)?;
        let body = json!({
            "name": org.name,
            "suspended": false,
            "relationships": { "quota": { "data": null } }
        });
        asked.viewer.sees_org(self, guid).then(|| resource(asked, "organizations", guid, body))
    }

    fn v3_events(&self, asked: &Asked<'_>) -> Vec<Value> {
        let numbered = self.events.iter().enumerate();
        let visible =
            numbered.filter(|(_, event)| asked.viewer.sees_event(self, event.space.as_deref()));
        let guid = |guid: &Option<String>| guid.as_ref().map(|guid| json!({ "guid": guid }));
        let json = |(number, event): (usize, &super::Event)| {
            let body = json!({
                "created_at": event.at,
                "updated_at": event.at,
                "type": event.kind,
                "actor": {
                    "guid": "7b2d6421-da08-4a1d-86d3-dc07edbe8afd", "type": "user", "name": "admin"
                },
                "target": {
                    "guid": event.target, "type": event.target_type, "name": event.target_name
                },
                "data": event.data,
                "space": guid(&event.space),
                "organization": guid(&event.org),
            });
            resource(asked, "audit_events", &format!("event-{number}"), body)
        };
        visible.map(json).collect()
    }

    fn sees_app(&self, asked: &Asked<'_>, app: &str) -> bool {
        self.space_of_app(app).is_some_and(|space| asked.viewer.sees_space(space))
    }
}

/// `body` with what every resource has.
fn resource(asked: &Asked<'_>, path: &str, guid: &str, mut body: Value) -> Value {
    body["guid"] = json!(guid);
    for time in ["created_at", "updated_at"] {
        if body[time].is_null() {
            body[time] = json!(Foundation::created_at());
        }
    }
    body["metadata"] = json!({ "labels": {}, "annotations": {} });
    body["links"] = json!({ "self": { "href": format!("{}/v3/{path}/{guid}", asked.base) } });
    body
}
