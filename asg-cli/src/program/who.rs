//! `asglog who`: the owner of a handle.

use std::io::Write as _;

use asg_core::{Certainty, Identity, Ledger, escape_name, escape_text};
use serde_json::{Value, json};

use super::Context;
use super::logs::{Directory, Logs};
use super::options::Options;
use crate::ledger_file;
use crate::output::Out;
use crate::output::format::Format;
use crate::report::Failure;
use crate::who::{Question, owner_object};

pub(super) fn run(options: &Options, mut context: Context<'_>) -> Result<(), Failure> {
    let [prefix, paths @ ..] = &options.rest[..] else {
        let what = "asglog who takes a handle, the beginning of one, or a log prefix";
        return Err(Failure::Usage(what.into()));
    };
    let directory = Directory::new(options, &mut context)?;
    let Context { monitor, report } = context;
    let held = ledger_file::load_all(&options.ledgers)?;
    if held.is_none() && paths.is_empty() {
        return Err(Failure::Usage("there is nothing to search: give logs or --ledger".into()));
    }
    let mut ledger = held.unwrap_or_else(Ledger::new);
    let mut closing = Ok(());
    if !paths.is_empty() {
        let logs = Logs::new(paths, true, options, &monitor)?;
        let found = logs.gather(options)?;
        ledger.merge(found.ledger());
        closing = logs.close(found.outcomes(), report);
    }
    let prefix = prefix.to_string_lossy();
    let (cell, address) = (options.cell.as_deref(), options.address.as_deref());
    let answer = Question::new(&prefix, cell, options.at, address)?.ask(&ledger);
    let mut object = owner_object(&answer);
    if let (Some(guid), Some(asked)) = (answer.subject(), &directory.names) {
        let found = asked.identities(&[guid])?;
        if directory.is_answering() {
            names(&mut object, found.get(&guid).unwrap_or(&Identity::unknown()));
        }
    }
    let mut out = Out::new(None)?;
    if options.format == Format::Ndjson {
        serde_json::to_writer(&mut out, &object)?;
        out.write_all(b"\n")?;
    } else {
        let sentence = answer.reason.sentence();
        people(&object, sentence, &mut out)?;
    }
    out.finish()?;
    directory.close(report);
    if answer.certainty <= Certainty::Ambiguous {
        report.left_out(format_args!("nobody is known for sure: {}", answer.reason.sentence()));
    }
    closing
}

fn names(object: &mut Value, identity: &Identity) {
    let entity = |entity: Option<&asg_core::Entity>| json!({"guid": entity.map(|it| &it.guid), "name": entity.map(|it| &it.name)});
    let mut app = entity(identity.app.as_ref());
    app["state"] = json!(identity.state);
    if let Some(reason) = &identity.state_reason {
        app["state_reason"] = json!(reason);
    }
    object["app"] = app;
    object["space"] = entity(identity.space.as_ref());
    object["org"] = entity(identity.org.as_ref());
    object["process_type"] = json!(identity.process_type);
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
