//! `asglog verify`: checks every byte and every answer of a bundle.

use std::fs;
use std::io::Write as _;
use std::sync::Arc;

use asg_core::bytes::escape_text;
use serde_json::json;

use super::Context;
use super::options::Options;
use crate::bundle::{Answer, Verdict, verify};
use crate::error::Error;
use crate::monitor::Monitor;
use crate::output::Out;
use crate::output::format::Format;
use crate::report::{Failure, Report};

pub(super) fn run(options: &Options, context: &mut Context<'_>) -> Result<(), Failure> {
    let [path] = &options.rest[..] else {
        return Err(Failure::Usage("asglog verify takes one file of `asglog bundle`".into()));
    };
    let name = path.display().to_string();
    let bytes = fs::read(path).map_err(|error| Error::file(&*name, error))?;
    let monitor: Arc<dyn Monitor> = Arc::clone(&context.monitor) as Arc<dyn Monitor>;
    let verdict = verify(&bytes, monitor, options.threads).map_err(|error| match error {
        Error::Value(what) => Failure::Other(format!("{name} does not verify: {what}")),
        error => error.into(),
    })?;
    let mut out = Out::new(options.output.as_deref())?;
    match options.format {
        Format::Ndjson => ndjson(&verdict, &mut out)?,
        _ => people(&verdict, &name, &mut out)?,
    }
    out.finish()?;
    close(&verdict, context.report);
    Ok(())
}

/// Writes what holds for people, one fact a line.
fn people(verdict: &Verdict, name: &str, out: &mut Out) -> Result<(), Failure> {
    let manifest = &verdict.manifest;
    let question = &manifest.question;
    let time = |time: Option<asg_core::Timestamp>| time.map(|time| time.to_string());
    let certainties = manifest.certainty.iter().rev();
    let certainties: Vec<_> = certainties
        .map(|(word, packets)| format!("{packets} {}", word.replace('_', " ")))
        .collect();
    let bytes = "none was changed".to_owned();
    let held = |is_explanation| {
        let of_kind = verdict.answers.iter().filter(|it| it.is_explanation == is_explanation);
        let (all, hold) =
            of_kind.fold((0, 0), |(all, hold), it| (all + 1, hold + usize::from(it.holds)));
        format!("{hold} of {all} hold")
    };
    let rows = [
        ("file", Some(name.to_owned())),
        ("sha256", Some(verdict.digest.clone())),
        ("bytes", Some(bytes)),
        ("made by", Some(format!("asglog {}", manifest.program_version))),
        ("app", question.app.clone()),
        ("from", time(question.from)),
        ("to", time(question.to)),
        ("where", (!question.conditions.is_empty()).then(|| question.conditions.join(" and "))),
        ("packets", Some(manifest.packets.to_string())),
        ("certainty", (!certainties.is_empty()).then(|| certainties.join(", "))),
        ("answers", Some(held(false))),
        ("reasons", manifest.is_explained.then(|| held(true))),
        ("missing", (verdict.missing > 0).then(|| verdict.missing.to_string())),
    ];
    for (what, value) in rows {
        if let Some(value) = value {
            writeln!(out, "{what:<12}{}", escape_text(&value))?;
        }
    }
    for cell in &manifest.completeness {
        let lacks = [
            (cell.dropped, "lines dropped"),
            (cell.missing_records, "records of the kernel missing"),
            (cell.folded, "packets folded into other lines"),
            (cell.damaged, "lines damaged"),
            (cell.at_limit.values().sum(), "times at the limit of what is logged"),
        ];
        let lacks = lacks.iter().filter(|(number, _)| *number > 0);
        let lacks: Vec<_> =
            lacks.map(|(number, what)| format!("at least {number} {what}")).collect();
        if !lacks.is_empty() {
            let text = format!("{}: {}", cell.cell, lacks.join(", "));
            writeln!(out, "{:<12}{}", "lacks", escape_text(&text))?;
        }
    }
    for Answer { source, line, is_explanation, .. } in verdict.answers.iter().filter(|it| !it.holds)
    {
        let what = if *is_explanation { "reason" } else { "answer" };
        let text = format!("{source}:{line}: the {what} does not follow from the lines");
        writeln!(out, "{:<12}{}", "wrong", escape_text(&text))?;
    }
    Ok(())
}

/// Writes an object for each answer.
fn ndjson(verdict: &Verdict, out: &mut Out) -> Result<(), Failure> {
    for Answer { source, line, holds, is_explanation } in &verdict.answers {
        let what = if *is_explanation { "explanation" } else { "flow" };
        let object = json!({"source": source, "line": line, "what": what, "holds": holds});
        serde_json::to_writer(&mut *out, &object)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn close(verdict: &Verdict, report: &mut Report) {
    let manifest = &verdict.manifest;
    let wrong = verdict.answers.iter().filter(|answer| !answer.holds).count();
    if wrong > 0 {
        report.left_out(format_args!("{wrong} answers do not follow from the lines of the bundle"));
    }
    if verdict.missing > 0 {
        let missing = verdict.missing;
        report.left_out(format_args!(
            "{missing} answers follow from the lines, and are not in the bundle"
        ));
    }
    let own = env!("CARGO_PKG_VERSION");
    if manifest.program_version != own && !verdict.holds() {
        let theirs = &manifest.program_version;
        report.note(format_args!(
            "asglog {theirs} made it, and this is asglog {own}: try that version"
        ));
    }
    if manifest.packets == 0 {
        report.note("no packet was in question: that proves no absence");
    }
}
