//! `asglog who`: the owner of a handle or an address, and the containers of an app or a process.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use asg_core::bytes::{escape_name, escape_text};
use asg_core::ledger::{Attribution, Lifetime};
use asg_core::{Certainty, Guid, Identity, Ledger};
use serde_json::Value;

use super::logs::{Directory, Logs};
use super::options::Options;
use super::{Context, look};
use crate::ledger_file;
use crate::output::format::Format;
use crate::output::{Out, grid};
use crate::report::{Failure, Report};
use crate::search::By;
use crate::who::{Found, Nobody, Search, add_names, containers, owner_object, same_handle};

pub(super) fn run(options: &Options, mut context: Context<'_>) -> Result<(), Failure> {
    let [asked, paths @ ..] = &options.rest[..] else {
        let what = "asglog who takes a handle, the beginning of one, a log prefix, an address, a GUID or an app's name";
        return Err(Failure::Usage(what.into()));
    };
    if options.address.as_ref().is_some_and(|address| address.parse::<IpAddr>().is_err()) {
        return Err(Failure::Usage("address is an IP address".into()));
    }
    let directory = Directory::new(options, &mut context)?;
    let Context { monitor, report } = context;
    let held = ledger_file::load_all(&options.ledgers)?;
    if held.is_none() && paths.is_empty() && options.flows.is_none() {
        let what = "there is nothing to search: give logs, --flows or --ledger";
        return Err(Failure::Usage(what.into()));
    }
    let mut ledger = held.unwrap_or_else(Ledger::new);
    if let Some(path) = &options.flows {
        add_saved(path, &mut ledger)?;
    }
    let mut closing = Ok(());
    if !paths.is_empty() {
        closing = add_logs(paths, options, &monitor, &mut ledger, report);
    }
    let names = match &directory.names {
        Some(asked) => {
            let mut guids: Vec<_> = ledger.lifetimes().filter_map(Lifetime::subject).collect();
            guids.sort_unstable();
            guids.dedup();
            let found = asked.identities(&guids)?;
            if directory.is_answering() { found } else { HashMap::new() }
        }
        None => HashMap::new(),
    };
    let answer = Answer { options, ledger: &ledger, names: &names };
    let is_sure = answer.write(&asked.to_string_lossy(), report)?;
    directory.close(report);
    if let Some(why) = is_sure {
        report.left_out(format_args!("nobody is known for sure: {why}"));
    }
    closing
}

fn add_logs(
    paths: &[PathBuf],
    options: &Options,
    monitor: &std::sync::Arc<super::progress::Attended>,
    ledger: &mut Ledger,
    report: &mut Report,
) -> Result<(), Failure> {
    let logs = Logs::new(paths, true, options, monitor)?;
    let found = logs.gather(options)?;
    ledger.merge(found.ledger());
    logs.close(found.outcomes(), report)
}

/// Adds the containers of saved flows: each was there at the time of its packets.
fn add_saved(path: &Path, ledger: &mut Ledger) -> Result<(), Failure> {
    use asg_core::Origin;
    use asg_core::event::Moment;
    use asg_core::evidence::Evidence;
    use asg_core::guid::{Handle, ProcessName};

    use crate::query::{Column, Query, Row, for_each};

    let flows = Query::from_flows(path)?;
    let text = |row: &Row<'_>, name: &str| Column::named(name)?.value(row).text();
    let source = crate::origins::number(&path.to_string_lossy());
    let mut line = 0;
    for_each(flows.rows(), |row| {
        line += 1;
        let is_owned = matches!(text(row, "certainty").as_deref(), Some("exact" | "unique_prefix"));
        let handle = text(row, "handle").and_then(|handle| handle.parse::<Handle>().ok());
        let Some(handle) = handle.filter(|_| is_owned) else { return Ok(()) };
        let mut seen = Evidence::new(handle, Moment::Seen, Origin { source, line });
        seen.time = row.time();
        seen.process = text(row, "process_guid").map(|process| ProcessName::new(&process));
        seen.index = text(row, "index").and_then(|index| index.parse().ok());
        seen.app = text(row, "app_guid").and_then(|app| Guid::parse(app.as_bytes()).ok());
        seen.cell = text(row, "cell").map(Into::into);
        let side = if row.is_ingress() { "dst" } else { "src" };
        seen.address = text(row, side).and_then(|address| address.parse().ok());
        ledger.add(seen);
        Ok::<_, Failure>(())
    })
}

/// A ledger with names, and a question to it.
struct Answer<'a> {
    options: &'a Options,
    ledger: &'a Ledger,
    names: &'a HashMap<Guid, Identity>,
}

impl Answer<'_> {
    /// Writes the answer. Returns the reason if it is not sure.
    fn write(&self, asked: &str, report: &mut Report) -> Result<Option<String>, Failure> {
        let Options { cell, at, address, .. } = self.options;
        let (cell, address) = (cell.as_deref(), address.as_deref());
        let search = Search { text: asked, cell, at: *at, address };
        match search.of(self.ledger, self.names)? {
            Found::Owner(answer) => self.one(&answer),
            Found::Containers(by, found) => self.list(by, &found, report),
            Found::Nobody(Nobody::Then(by)) => {
                Ok(Some(format!("no container with this {} was there then", by.name())))
            }
            Found::Nobody(Nobody::Address) => {
                Ok(Some("no line shows a container with this address".into()))
            }
            Found::Nobody(Nobody::Name) => {
                let has_none = self.names.is_empty();
                let more = if has_none { "; names come with --cf or --cc-export" } else { "" };
                Ok(Some(format!(
                    "no line and no directory has an app with the name {asked:?}{more}"
                )))
            }
        }
    }

    /// Writes one owner.
    fn one(&self, answer: &Attribution<'_>) -> Result<Option<String>, Failure> {
        let mut object = owner_object(answer);
        let is_sure = answer.certainty > Certainty::Ambiguous;
        let reason = answer.reason.sentence();
        if let (Some(guid), false) = (answer.subject(), self.names.is_empty()) {
            add_names(&mut object, self.names.get(&guid).unwrap_or(&Identity::unknown()));
        }
        let mut out = Out::new(None)?;
        if self.options.format == Format::Ndjson {
            serde_json::to_writer(&mut out, &object)?;
            out.write_all(b"\n")?;
        } else {
            people(&object, reason, &mut out)?;
        }
        out.finish()?;
        Ok((!is_sure).then(|| reason.to_owned()))
    }

    /// Writes containers, the oldest first. One of several handles is not sure.
    fn list(
        &self,
        by: By,
        found: &[Lifetime<'_>],
        report: &Report,
    ) -> Result<Option<String>, Failure> {
        let table = containers(self.ledger, self.names, found);
        let mut out = Out::new(None)?;
        if self.options.format == Format::Ndjson {
            grid::write_ndjson(&table, &mut out)?;
        } else {
            grid::write_table(&table, &look(self.options), &mut out)?;
        }
        out.finish()?;
        let n = found.len();
        report.note(format_args!("found by {}: {n} container{}", by.name(), plural(n)));
        let is_open = by == By::Handle && !same_handle(found);
        Ok(is_open.then(|| "several known handles begin so".to_owned()))
    }
}

const fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// Writes the answer for people, one fact a line.
fn people(object: &Value, reason: &str, out: &mut Out) -> Result<(), Failure> {
    let attribution = &object["attribution"];
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let name =
        |what: &str| object[what]["name"].as_str().map(|name| escape_name(name).into_owned());
    let path = ["org", "space", "app"].map(name);
    let path = path.into_iter().collect::<Option<Vec<_>>>().map(|names| names.join("/"));
    let certainty = text(&attribution["certainty"]).unwrap_or_default().replace('_', " ");
    let rows = [
        ("app", path),
        ("state", text(&object["app"]["state"])),
        ("why", text(&object["app"]["state_reason"])),
        ("certainty", Some(format!("{certainty}: {reason}"))),
        ("handle", text(&object["handle"])),
        ("process", text(&object["process_guid"])),
        ("task or app", text(&object["subject_guid"]).filter(|_| object["process_guid"].is_null())),
        ("index", text(&object["index"])),
        ("cell", text(&object["cell"])),
        ("created", text(&object["created"])),
        ("destroyed", text(&object["destroyed"])),
    ];
    for (what, value) in rows {
        if let Some(value) = value {
            writeln!(out, "{what:<12}{}", escape_text(&value))?;
        }
    }
    for (title, list) in [("candidate", "candidates"), ("evidence", "evidence")] {
        for item in attribution[list].as_array().into_iter().flatten() {
            let parts = ["handle", "process_guid", "source", "line"].map(|key| text(&item[key]));
            let parts: Vec<_> = parts.into_iter().flatten().collect();
            writeln!(out, "{title:<12}{}", escape_text(&parts.join(" ")))?;
        }
    }
    Ok(())
}
