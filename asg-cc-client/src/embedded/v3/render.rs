//! Resources as v3 writes them.

use serde_json::{Value, json};

use super::super::answer::Asked;
use super::super::foundation::SecurityGroup;
use super::super::rows::{Lookup, Row, Thing};
use crate::text::distinct;

/// Returns the spaces and orgs of these rows, each once.
pub(super) fn included<'a>(
    asked: &Asked<'_>,
    rows: &[Row<'a>],
    lookup: &Lookup<'a>,
) -> Option<Value> {
    let include = asked.query.list("include")?;
    let wants = |any: &[&str]| include.iter().any(|name| any.contains(name));
    let guids = distinct(rows.iter().filter_map(|row| row.space(lookup)).map(ToOwned::to_owned));
    let spaces: Vec<_> = guids
        .iter()
        .filter(|guid| asked.viewer.sees_space(guid))
        .filter_map(|guid| lookup.space(guid))
        .collect();
    let mut included = json!({});
    if wants(&["space", "space.organization"]) {
        included["spaces"] =
            spaces.iter().map(|s| render(asked, &row(&s.guid, Thing::Space(s)), lookup)).collect();
    }
    if wants(&["space.organization", "org", "organization"]) {
        let orgs = distinct(spaces.iter().map(|space| space.org.clone()));
        let orgs = orgs.iter().filter_map(|guid| lookup.org(guid));
        included["organizations"] =
            orgs.map(|o| render(asked, &row(&o.guid, Thing::Org(o)), lookup)).collect();
    }
    Some(included)
}

fn row<'a>(guid: &'a str, thing: Thing<'a>) -> Row<'a> {
    Row { guid: guid.into(), thing }
}

/// Writes a row as v3 does.
pub(super) fn render<'a>(asked: &Asked<'_>, row: &Row<'a>, lookup: &Lookup<'a>) -> Value {
    let one = |guid: &str| json!({ "data": { "guid": guid } });
    let (path, mut body) = match row.thing {
        Thing::App(app) => {
            let lifecycle =
                json!({ "type": "buildpack", "data": { "buildpacks": [], "stack": "cflinuxfs4" } });
            let related = json!({ "space": one(&app.space), "current_droplet": { "data": null } });
            let body = json!({
                "name": app.name, "state": "STARTED", "lifecycle": lifecycle,
                "relationships": related
            });
            ("apps", body)
        }
        Thing::Process(process) => {
            let body = json!({
                "type": process.process_type,
                "command": "[PRIVATE DATA HIDDEN IN LISTS]", "user": "vcap",
                "instances": 1, "memory_in_mb": 1024, "disk_in_mb": 1024,
                "log_rate_limit_in_bytes_per_second": -1,
                "health_check": { "type": "port", "data": { "timeout": null } },
                "readiness_health_check": {
                    "type": "process", "data": { "invocation_timeout": null }
                },
                "version": process.version(),
                "relationships": { "app": one(&process.app), "revision": null }
            });
            ("processes", body)
        }
        Thing::Task(task) => {
            // `command` is left out for callers who may not see secrets.
            let body = json!({
                "sequence_id": 1, "name": "task", "state": "RUNNING", "user": "vcap",
                "memory_in_mb": 512, "disk_in_mb": 1024, "log_rate_limit_in_bytes_per_second": -1,
                "result": { "failure_reason": null }, "droplet_guid": null,
                "relationships": { "app": one(&task.app) }
            });
            ("tasks", body)
        }
        Thing::Build(build) => {
            let body = json!({
                "state": "STAGED", "error": null, "created_by": null,
                "staging_memory_in_mb": 1024, "staging_disk_in_mb": 1024,
                "staging_log_rate_limit_bytes_per_second": -1,
                "lifecycle": { "type": "buildpack", "data": { "buildpacks": [], "stack": "cflinuxfs4" } },
                "package": { "guid": null }, "droplet": null,
                "relationships": { "app": one(&build.app) }
            });
            ("builds", body)
        }
        Thing::Deployment(deployment) => {
            let body = json!({
                "status": {
                    "value": "FINALIZED", "reason": "DEPLOYED",
                    "details": {
                        "last_successful_healthcheck": row.created_at(),
                        "last_status_change": row.created_at()
                    }
                },
                "strategy": "rolling", "options": { "max_in_flight": 1 },
                "droplet": { "guid": null }, "previous_droplet": { "guid": null }, "revision": null,
                "new_processes": [{ "guid": deployment.new_process, "type": "web" }],
                "relationships": { "app": one(&deployment.app) }
            });
            ("deployments", body)
        }
        Thing::Space(space) => {
            let related = json!({ "organization": one(&space.org), "quota": { "data": null } });
            let body = json!({ "name": space.name, "suspended": false, "relationships": related });
            ("spaces", body)
        }
        Thing::Org(org) => {
            let related = json!({ "quota": { "data": null } });
            let body = json!({ "name": org.name, "suspended": false, "relationships": related });
            ("organizations", body)
        }
        Thing::Event(event) => {
            let guid = |guid: &Option<String>| guid.as_ref().map(|guid| json!({ "guid": guid }));
            let actor = match &event.actor {
                Some(process) => json!({
                    "guid": process, "type": "process", "name": lookup.process_type(process)
                }),
                None => json!({
                    "guid": "7b2d6421-da08-4a1d-86d3-dc07edbe8afd", "type": "user", "name": "admin"
                }),
            };
            let body = json!({
                "type": event.kind,
                "actor": actor,
                "target": {
                    "guid": event.target, "type": event.target_type, "name": event.target_name
                },
                "data": event.data, "space": guid(&event.space), "organization": guid(&event.org),
            });
            ("audit_events", body)
        }
        Thing::SecurityGroup(group) => ("security_groups", security_group(asked, group)),
    };
    body["guid"] = json!(row.guid);
    body["created_at"] = json!(row.created_at());
    body["updated_at"] = json!(row.created_at());
    let link =
        |path: &str, guid: &str| json!({ "href": format!("{}/v3/{path}/{guid}", asked.base) });
    body["links"] = json!({ "self": link(path, &row.guid) });
    if !matches!(row.thing, Thing::Event(_) | Thing::SecurityGroup(_)) {
        body["metadata"] = json!({ "labels": {}, "annotations": {} });
    }
    if let Some(app) = row.app() {
        body["links"]["app"] = link("apps", app);
    }
    if let (Thing::App(_) | Thing::Process(_), Some(space)) = (row.thing, row.space(lookup)) {
        body["links"]["space"] = link("spaces", space);
    }
    let (below, actions): (&[&str], &[&str]) = match row.thing {
        Thing::App(_) => (&APP_LINKS, &["start", "stop"]),
        Thing::Process(_) => (&["stats", "process_instances"], &["scale"]),
        Thing::Task(_) => (&[], &["cancel"]),
        Thing::Space(_) => (&["features"], &["apply_manifest"]),
        Thing::Org(_) => (&["domains"], &[]),
        _ => (&[], &[]),
    };
    let own = format!("{}/v3/{path}/{}", asked.base, row.guid);
    for name in below {
        let part = if *name == "current_droplet" { "droplets/current" } else { name };
        body["links"][name] = json!({ "href": format!("{own}/{part}") });
    }
    for name in actions {
        body["links"][name] = json!({ "href": format!("{own}/actions/{name}"), "method": "POST" });
    }
    match row.thing {
        Thing::App(_) => {
            body["links"]["deployed_revisions"] =
                json!({ "href": format!("{own}/revisions/deployed") });
        }
        Thing::Space(space) => body["links"]["organization"] = link("organizations", &space.org),
        Thing::Org(_) => {
            body["links"]["default_domain"] = json!({ "href": format!("{own}/domains/default") });
        }
        _ => {}
    }
    body
}

/// The links from an app to the lists and things below it.
const APP_LINKS: [&str; 8] = [
    "environment_variables",
    "processes",
    "packages",
    "current_droplet",
    "droplets",
    "tasks",
    "revisions",
    "features",
];

fn security_group(asked: &Asked<'_>, group: &SecurityGroup) -> Value {
    // Bindings to spaces that the viewer does not see are left out.
    let spaces = |guids: &[String]| {
        let seen = guids.iter().filter(|guid| asked.viewer.sees_space(guid));
        json!({ "data": seen.map(|guid| json!({ "guid": guid })).collect::<Vec<_>>() })
    };
    json!({
        "name": group.name, "rules": group.rules,
        "globally_enabled": { "running": group.running, "staging": group.staging },
        "relationships": {
            "running_spaces": spaces(&group.running_spaces),
            "staging_spaces": spaces(&group.staging_spaces)
        }
    })
}
