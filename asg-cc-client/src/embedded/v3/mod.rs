//! The endpoints of API v3.

mod render;

use std::collections::HashSet;

use http::Response;
use serde_json::{Value, json};

use super::answer::{Asked, error, ok, unknown_request};
use super::foundation::{Foundation, SecurityGroup};
use super::rows::{Column, Lookup, Row, Thing};
use render::{included, render};

/// A kind of resource: its path, its name in "… not found", and the parameters of its lists beside
/// [`EVERYWHERE`].
struct Endpoint {
    path: &'static str,
    what: &'static str,
    rows: for<'a> fn(&'a Foundation) -> Vec<Row<'a>>,
    filters: &'static [(&'static str, Column)],
    include: &'static [&'static str],
    order_by: &'static [&'static str],
}

const BY_TIME: &[&str] = &["created_at", "updated_at"];
const BY_NAME: &[&str] = &["created_at", "updated_at", "name"];
/// Filters of things that belong to an app.
const OF_APP: &[(&str, Column)] = &[
    ("app_guids", Column::App),
    ("space_guids", Column::Space),
    ("organization_guids", Column::Org),
];

const ENDPOINTS: [Endpoint; 9] = [
    Endpoint {
        path: "apps",
        what: "App",
        rows: |f| Row::apps(f),
        filters: &[
            ("names", Column::Name),
            ("space_guids", Column::Space),
            ("organization_guids", Column::Org),
        ],
        include: &["space", "org", "space.organization"],
        order_by: BY_NAME,
    },
    Endpoint {
        path: "processes",
        what: "Process",
        rows: |f| Row::processes(f),
        filters: &[
            ("types", Column::Type),
            ("app_guids", Column::App),
            ("space_guids", Column::Space),
            ("organization_guids", Column::Org),
        ],
        include: &[],
        order_by: BY_TIME,
    },
    Endpoint {
        path: "tasks",
        what: "Task",
        rows: |f| Row::tasks(f),
        filters: OF_APP,
        include: &[],
        order_by: BY_TIME,
    },
    Endpoint {
        path: "builds",
        what: "Build",
        rows: |f| Row::builds(f),
        filters: &[("app_guids", Column::App)],
        include: &[],
        order_by: BY_TIME,
    },
    Endpoint {
        path: "deployments",
        what: "Deployment",
        rows: |f| Row::deployments(f),
        filters: &[("app_guids", Column::App)],
        include: &[],
        order_by: BY_TIME,
    },
    Endpoint {
        path: "spaces",
        what: "Space",
        rows: |f| Row::spaces(f),
        filters: &[("names", Column::Name), ("organization_guids", Column::Org)],
        include: &["org", "organization"],
        order_by: BY_NAME,
    },
    Endpoint {
        path: "organizations",
        what: "Organization",
        rows: |f| Row::orgs(f),
        filters: &[("names", Column::Name)],
        include: &[],
        order_by: BY_NAME,
    },
    Endpoint {
        path: "audit_events",
        what: "Event",
        rows: |f| Row::events(f),
        filters: &[
            ("types", Column::Type),
            ("target_guids", Column::Target),
            ("space_guids", Column::Space),
            ("organization_guids", Column::Org),
        ],
        include: &[],
        order_by: BY_TIME,
    },
    Endpoint {
        path: "security_groups",
        what: "Security group",
        rows: |f| Row::security_groups(f),
        filters: &[("names", Column::Name)],
        include: &[],
        order_by: BY_TIME,
    },
];

/// The parameters of every list.
const EVERYWHERE: [&str; 6] =
    ["page", "per_page", "order_by", "guids", "created_ats", "updated_ats"];
/// Further parameters of lists of security groups.
const OF_GROUPS: [&str; 4] = [
    "running_space_guids",
    "staging_space_guids",
    "globally_enabled_running",
    "globally_enabled_staging",
];

/// An error of a query.
enum Wrong {
    Unknown(String),
    Value(String),
}

impl Foundation {
    pub(super) fn v3(&self, asked: &Asked<'_>) -> Response<Vec<u8>> {
        let found = |path: &str| ENDPOINTS.iter().find(|endpoint| endpoint.path == path);
        let lookup = Lookup::new(self);
        match asked.segments[..] {
            [path] => found(path).map_or_else(
                || unknown_request(Some("v3")),
                |endpoint| list(asked, endpoint, (endpoint.rows)(self), &lookup),
            ),
            [path, guid] => found(path).map_or_else(
                || unknown_request(Some("v3")),
                |endpoint| self.v3_one(asked, endpoint, guid, &lookup),
            ),
            ["apps", app, below] => self.v3_below_app(asked, app, below, &lookup),
            ["spaces", space, which @ ("running_security_groups" | "staging_security_groups")] => {
                if lookup.space(space).is_none() || !asked.viewer.sees_space(space) {
                    return not_found("Space");
                }
                let running = which == "running_security_groups";
                let groups = Row::security_groups(self).into_iter().filter(|row| {
                    matches!(row.thing, Thing::SecurityGroup(group) if holds(group, space, running))
                });
                let endpoint = found("security_groups").expect("it is in the table");
                list(asked, endpoint, groups.collect(), &lookup)
            }
            _ => unknown_request(Some("v3")),
        }
    }

    /// Returns the lists behind an app's links. A foundation has no packages, droplets and
    /// revisions.
    fn v3_below_app<'a>(
        &'a self,
        asked: &Asked<'_>,
        app: &str,
        below: &str,
        lookup: &Lookup<'a>,
    ) -> Response<Vec<u8>> {
        if !lookup.space_of_app(app).is_some_and(|space| asked.viewer.sees_space(space)) {
            return not_found("App");
        }
        let path = match below {
            "processes" | "tasks" | "builds" => below,
            "packages" | "droplets" | "revisions" => "builds",
            _ => return unknown_request(Some("v3")),
        };
        let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.path == path);
        let endpoint = endpoint.expect("it is in the table");
        let rows = (endpoint.rows)(self).into_iter();
        let rows = rows.filter(|row| path == below && row.app() == Some(app));
        list(asked, endpoint, rows.collect(), lookup)
    }

    pub(super) fn v3_root(base: &str) -> Value {
        let mut links = json!({
            "self": { "href": format!("{base}/v3") },
            "info": { "href": format!("{base}/v3/info") },
        });
        for Endpoint { path, .. } in &ENDPOINTS {
            links[*path] = json!({ "href": format!("{base}/v3/{path}") });
        }
        json!({ "links": links })
    }

    pub(super) fn v3_info(&self, base: &str) -> Value {
        let limit = self.rate_limit.map_or((2000, 60), |l| (l.requests, l.window_seconds / 60));
        json!({
            "build": "embedded", "cli_version": { "minimum": "", "recommended": "" }, "custom": {},
            "description": "An embedded Cloud Controller", "name": "embedded", "version": 0,
            "osbapi_version": "2.15",
            "rate_limits": {
                "enabled": self.rate_limit.is_some(),
                "general_limit": limit.0, "reset_interval_in_minutes": limit.1
            },
            "links": { "self": { "href": format!("{base}/v3/info") }, "support": { "href": "" } }
        })
    }

    fn v3_one<'a>(
        &'a self,
        asked: &Asked<'_>,
        endpoint: &Endpoint,
        guid: &str,
        lookup: &Lookup<'a>,
    ) -> Response<Vec<u8>> {
        if let Err(wrong) = include(asked, endpoint) {
            return wrong.answer(endpoint);
        }
        let row = (endpoint.rows)(self).into_iter().find(|row| row.guid == guid);
        let Some(row) = row.filter(|row| row.is_visible(&asked.viewer, lookup)) else {
            return not_found(endpoint.what);
        };
        let mut one = render(asked, &row, lookup);
        if let Some(included) = included(asked, &[row], lookup) {
            one["included"] = included;
        }
        ok(&one)
    }
}

/// Returns whether a group holds for running or for staging in a space: globally, or because it is
/// bound there.
pub(super) fn holds(group: &SecurityGroup, space: &str, running: bool) -> bool {
    let (globally, spaces) = if running {
        (group.running, &group.running_spaces)
    } else {
        (group.staging, &group.staging_spaces)
    };
    globally || spaces.iter().any(|guid| guid == space)
}

impl Wrong {
    fn answer(self, endpoint: &Endpoint) -> Response<Vec<u8>> {
        let (Self::Unknown(detail) | Self::Value(detail)) = self;
        // This controller alone uses another sentence
        // (`app/controllers/v3/security_groups_controller.rb`).
        if endpoint.path == "security_groups" {
            return error(Some("v3"), 422, 10008, "CF-UnprocessableEntity", &detail);
        }
        let detail = format!("The query parameter is invalid: {detail}");
        error(Some("v3"), 400, 10005, "CF-BadQueryParameter", &detail)
    }
}

fn not_found(what: &str) -> Response<Vec<u8>> {
    let detail = format!("{what} not found");
    error(Some("v3"), 404, 10010, "CF-ResourceNotFound", &detail)
}

fn list<'a>(
    asked: &Asked<'_>,
    endpoint: &Endpoint,
    rows: Vec<Row<'a>>,
    lookup: &Lookup<'a>,
) -> Response<Vec<u8>> {
    match page_of(asked, endpoint, rows, lookup) {
        Ok(body) => ok(&body),
        Err(wrong) => wrong.answer(endpoint),
    }
}

/// Returns one page of the query's results.
fn page_of<'a>(
    asked: &Asked<'_>,
    endpoint: &Endpoint,
    mut rows: Vec<Row<'a>>,
    lookup: &Lookup<'a>,
) -> Result<Value, Wrong> {
    let query = &asked.query;
    let mut known = EVERYWHERE.to_vec();
    known.extend(endpoint.filters.iter().map(|(name, _)| *name));
    if !endpoint.include.is_empty() {
        known.push("include");
    }
    if endpoint.path == "security_groups" {
        known.extend(OF_GROUPS);
    }
    let unknown = query.unknown(&known);
    if !unknown.is_empty() {
        let (unknown, known) = (unknown.join("', '"), known.join("', '"));
        return Err(Wrong::Unknown(format!(
            "Unknown query parameter(s): '{unknown}'. Valid parameters are: '{known}'"
        )));
    }
    let page = query.number("page", 1, usize::MAX);
    let page = page.map_err(|()| Wrong::Value("Page must be a positive integer".into()))?;
    let per_page = query.number("per_page", 50, 5000);
    let per_page =
        per_page.map_err(|()| Wrong::Value("Per page must be between 1 and 5000".into()))?;
    include(asked, endpoint)?;

    for (parameter, column) in [("guids", Column::Guid)].iter().chain(endpoint.filters) {
        filter(&mut rows, asked, parameter, *column, lookup)?;
    }
    // Nothing here is ever updated, so both times are equal.
    for parameter in ["created_ats", "updated_ats"] {
        filter_by_time(&mut rows, asked, parameter)?;
    }
    filter_groups(&mut rows, asked)?;
    rows.retain(|row| row.is_visible(&asked.viewer, lookup));
    order(&mut rows, asked, endpoint, lookup)?;

    let total = rows.len();
    let pages = total.div_ceil(per_page).max(1);
    let rows: Vec<Row<'_>> =
        rows.into_iter().skip(per_page.saturating_mul(page - 1)).take(per_page).collect();
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
    if let Some(included) = included(asked, &rows, lookup) {
        body["included"] = included;
    }
    body["resources"] = rows.iter().map(|row| render(asked, row, lookup)).collect();
    Ok(body)
}

/// Keeps the rows that have one of the values, or with `[not]` none of them.
fn filter<'a>(
    rows: &mut Vec<Row<'a>>,
    asked: &Asked<'_>,
    parameter: &str,
    column: Column,
    lookup: &Lookup<'a>,
) -> Result<(), Wrong> {
    let has = |row: &Row<'a>, wanted: &HashSet<&str>| {
        row.get(column, lookup).is_some_and(|value| wanted.contains(value))
    };
    if let Some(wanted) = asked.query.list(parameter) {
        let wanted = wanted.into_iter().collect();
        rows.retain(|row| has(row, &wanted));
    }
    for (operator, values) in asked.query.operators(parameter) {
        // Only this filter of audit events can be negated (`app/messages/events_list_message.rb`).
        if (parameter, operator) != ("target_guids", "not") {
            let name = sentence(parameter);
            return Err(Wrong::Value(format!("{name} must be an array")));
        }
        let unwanted = values.split(',').map(str::trim_start).collect();
        rows.retain(|row| !has(row, &unwanted));
    }
    Ok(())
}

/// Filters by `created_ats=T1,T2` or `created_ats[gt]=T`.
fn filter_by_time(
    rows: &mut Vec<Row<'_>>,
    asked: &Asked<'_>,
    parameter: &str,
) -> Result<(), Wrong> {
    let bad = |()| {
        Wrong::Value(format!(
            "{} has an invalid timestamp format. Timestamps should be formatted as \
             'YYYY-MM-DDThh:mm:ssZ'",
            sentence(parameter)
        ))
    };
    if let Some(times) = asked.query.list(parameter) {
        times.iter().try_for_each(|time| seconds(time)).map_err(bad)?;
        rows.retain(|row| times.contains(&row.created_at()));
    }
    for (operator, time) in asked.query.operators(parameter) {
        seconds(time).map_err(bad)?;
        // Times of one form sort like texts.
        let keeps: fn(&str, &str) -> bool = match operator {
            "gt" => |a, b| a > b,
            "gte" => |a, b| a >= b,
            "lt" => |a, b| a < b,
            "lte" => |a, b| a <= b,
            _ => return Err(Wrong::Value(format!("Invalid relational operator: '{operator}'"))),
        };
        rows.retain(|row| keeps(row.created_at(), time));
    }
    Ok(())
}

/// Returns `Ok` if it is `YYYY-MM-DDThh:mm:ssZ`.
fn seconds(time: &str) -> Result<(), ()> {
    let has_form = time.len() == "2017-06-23T10:00:00Z".len() && time.ends_with('Z');
    let is_time = asg_core::Timestamp::parse(time.as_bytes()).is_ok();
    if has_form && is_time { Ok(()) } else { Err(()) }
}

/// Applies the filters that only security groups have.
fn filter_groups(rows: &mut Vec<Row<'_>>, asked: &Asked<'_>) -> Result<(), Wrong> {
    let mut keep = |wanted: &dyn Fn(&SecurityGroup) -> bool| {
        rows.retain(|row| matches!(row.thing, Thing::SecurityGroup(group) if wanted(group)));
    };
    for (parameter, running) in [("running_space_guids", true), ("staging_space_guids", false)] {
        if let Some(spaces) = asked.query.list(parameter) {
            keep(&|group| {
                let bound = if running { &group.running_spaces } else { &group.staging_spaces };
                bound.iter().any(|guid| spaces.contains(&guid.as_str()))
            });
        }
    }
    for (parameter, running) in
        [("globally_enabled_running", true), ("globally_enabled_staging", false)]
    {
        let Some(value) = asked.query.get(parameter) else { continue };
        let Ok(wanted) = value.parse::<bool>() else {
            let name = sentence(parameter);
            return Err(Wrong::Value(format!("{name} must be 'true' or 'false'")));
        };
        keep(&|group| (if running { group.running } else { group.staging }) == wanted);
    }
    Ok(())
}

fn order<'a>(
    rows: &mut [Row<'a>],
    asked: &Asked<'_>,
    endpoint: &Endpoint,
    lookup: &Lookup<'a>,
) -> Result<(), Wrong> {
    let Some(order) = asked.query.get("order_by") else { return Ok(()) };
    let (key, descending) = order.strip_prefix('-').map_or((order, false), |o| (o, true));
    if !endpoint.order_by.contains(&key) {
        let valid = endpoint.order_by.join("', '");
        return Err(Wrong::Value(format!("Order by can only be: '{valid}'")));
    }
    let column = if key == "name" { Column::Name } else { Column::Created };
    rows.sort_by(|a, b| a.get(column, lookup).cmp(&b.get(column, lookup)));
    if descending {
        rows.reverse();
    }
    Ok(())
}

/// Returns the names in `include`, if all are valid here.
fn include(asked: &Asked<'_>, endpoint: &Endpoint) -> Result<(), Wrong> {
    let asked_for = asked.query.list("include").unwrap_or_default();
    match asked_for.iter().find(|name| !endpoint.include.contains(name)) {
        Some(name) if !endpoint.include.is_empty() => {
            let valid = endpoint.include.join("', '");
            let why = format!("Invalid included resource: '{name}'");
            Err(Wrong::Value(format!("{why}. Valid included resources are: '{valid}'")))
        }
        _ => Ok(()),
    }
}

/// Returns `created_ats` as `Created ats`: how Rails begins a sentence with a parameter.
fn sentence(parameter: &str) -> String {
    let words = parameter.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |c| c.to_uppercase().chain(letters).collect())
}
