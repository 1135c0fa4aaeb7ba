//! `asglog redact`: logs, exports and security groups without names, and answers with them again.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use asg_core::line::Transcoder;
use asg_core::policy::{CellSettings, SilkVersion};
use serde_json::{Value, json};

use super::Context;
use super::logs::Logs;
use super::options::Options;
use crate::error::Error;
use crate::explain::SettingsSource;
use crate::output::Out;
use crate::redact::{Fate, Folder, Key, Lines, Redactor, export, policy, reverse};
use crate::report::{Failure, Report};

pub(super) fn run(options: &Options, context: Context<'_>) -> Result<(), Failure> {
    let Some(path) = &options.key else {
        let what =
            "asglog redact needs a key: give --key FILE, with --new-key if there is none yet";
        return Err(Failure::Usage(what.into()));
    };
    if options.reverse {
        return show(options, &Redactor::new(&Key::load(path)?));
    }
    let Some(output) = &options.output else {
        return Err(Failure::Usage("name a new folder with --output FOLDER".into()));
    };
    let is_new = options.new_key && !path.exists();
    let key = if is_new { Key::create(path)? } else { Key::load(path)? };
    let Context { monitor, report } = context;
    if is_new {
        let path = path.display();
        report.note(format_args!("made the key {path}: keep it, and do not share it"));
    }
    let redactor = Redactor::new(&key);
    let folder = Folder::create(output, redactor.clone())?;
    let has_policy =
        !options.rules.sources.groups.is_empty() || options.rules.sources.settings.is_some();
    let has_logs = !options.rest.is_empty() || options.names.exports.is_empty() && !has_policy;
    if has_logs {
        let logs = Logs::new(&options.rest, false, options, &monitor)?;
        let lines = folder.logs(&logs.readers)?;
        tell(&lines, report);
        logs.close(&lines.outcomes, report)?;
    }
    for (n, path) in options.names.exports.iter().enumerate() {
        let name = if n == 0 { "export".to_owned() } else { format!("export-{}", n + 1) };
        redact_export(&folder, &redactor, path, &name, report)?;
    }
    if !options.rules.sources.groups.is_empty() {
        redact_groups(&folder, &redactor, options, report)?;
    }
    if let Some(SettingsSource::File(path)) = &options.rules.sources.settings {
        redact_settings(&folder, &redactor, path)?;
    }
    Ok(folder.finish()?)
}

/// Reports what is not in the new files.
fn tell(lines: &Lines, report: &mut Report) {
    for (fate, what) in [
        (Fate::Unread, "look like a packet's or a container's and could not be read"),
        (Fate::Unwritten, "could not be written so that they mean the same"),
    ] {
        if lines.of(fate) > 0 {
            let lines = lines.of(fate);
            report.left_out(format_args!("{lines} lines {what}: a mark stands for each"));
        }
    }
    let (kept, dropped) = (lines.of(Fate::Kept), lines.of(Fate::TextDropped));
    report.note(format_args!(
        "{kept} lines are written anew; of {dropped} others the text is dropped, and the time stays"
    ));
}

/// Writes the pages of an export anew.
fn redact_export(
    folder: &Folder,
    redactor: &Redactor,
    path: &Path,
    name: &str,
    report: &mut Report,
) -> Result<(), Failure> {
    for (n, page) in pages(path)?.iter().enumerate() {
        let file = |error| Error::file(page.display().to_string(), error);
        let documents = load(page).and_then(|text| {
            let documents = serde_json::Deserializer::from_slice(&text).into_iter::<Value>();
            Ok(documents.collect::<Result<Vec<_>, _>>()?)
        });
        let documents = match documents {
            Ok(documents) => documents,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                report.left_out(format_args!("{} is not JSON: {error}", page.display()));
                continue;
            }
            Err(error) => return Err(file(error).into()),
        };
        let documents: Vec<_> = documents
            .iter()
            .map(|document| export::page(redactor, document).to_string() + "\n")
            .collect();
        let own = page.file_name().and_then(OsStr::to_str).and_then(list_name);
        let own = own.unwrap_or_else(|| format!("{:04}.json", n + 1));
        folder.text(&format!("{name}/{own}"), documents.concat().as_bytes())?;
    }
    Ok(())
}

/// Returns the files of an export, in the order of their names.
fn pages(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let file = |error| Failure::from(Error::file(path.display().to_string(), error));
    let entries =
        fs::read_dir(path).map_err(file)?.collect::<io::Result<Vec<_>>>().map_err(file)?;
    let mut pages: Vec<_> =
        entries.iter().map(fs::DirEntry::path).filter(|it| it.is_file()).collect();
    pages.sort();
    Ok(pages)
}

/// Returns the name that `asglog export` gives a file, if it is one: those have meanings.
fn list_name(name: &str) -> Option<String> {
    const LISTS: [&str; 11] = [
        "about-this-export",
        "apps",
        "processes",
        "tasks",
        "builds",
        "deployments",
        "spaces",
        "organizations",
        "audit-events",
        "security-groups",
        "info",
    ];
    let stem = name.strip_suffix(".gz").unwrap_or(name).strip_suffix(".json")?;
    let list = stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
    LISTS.contains(&list).then(|| format!("{stem}.json"))
}

/// Reads a file that may be compressed, or be UTF-16.
fn load(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = fs::read(path)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut text = Vec::new();
        flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text)?;
        bytes = text;
    }
    let mut transcoder = Transcoder::default();
    let mut text = transcoder.push(&bytes).to_vec();
    text.extend(transcoder.finish());
    if text.starts_with(b"\xef\xbb\xbf") {
        text.drain(..3);
    }
    Ok(text)
}

fn redact_groups(
    folder: &Folder,
    redactor: &Redactor,
    options: &Options,
    report: &mut Report,
) -> Result<(), Failure> {
    let loaded = options.rules.sources.load()?;
    for note in &loaded.notes {
        report.note(note);
    }
    let (mut text, mut moved) = (String::new(), Vec::new());
    for snapshot in loaded.policy.snapshots() {
        let (new, places) = policy::snapshot(redactor, snapshot);
        text.push_str(&new.to_string());
        text.push('\n');
        moved.extend(places);
    }
    folder.text("groups.json", text.as_bytes())?;
    if moved.is_empty() {
        return Ok(());
    }
    let places: Vec<_> = moved
        .iter()
        .map(|it| json!({ "group": it.group, "rule": it.rule, "was": it.was }))
        .collect();
    folder.document("groups-moved.json", &places.into())?;
    let count = moved.len();
    report.note(format_args!(
        "{count} rules have lists of blocks in the place of ranges; groups-moved.json has the old places"
    ));
    let reads_no_lists = |it: &asg_core::policy::Settings| {
        it.silk_version.is_some_and(|version| version < SilkVersion(3, 44, 0))
    };
    if loaded.policy.settings().all().any(reads_no_lists) {
        let what = "releases of silk before 3.44.0 read no lists";
        report.left_out(format_args!("{what}: explanations by these {count} rules differ"));
    }
    Ok(())
}

fn redact_settings(folder: &Folder, redactor: &Redactor, path: &Path) -> Result<(), Failure> {
    let name = path.display().to_string();
    let text = fs::read(path).map_err(|error| Error::file(&name, error))?;
    CellSettings::from_json(&text).map_err(|error| Error::Value(format!("{name}: {error}")))?;
    let old: Value = serde_json::from_slice(&text).unwrap_or_default();
    Ok(folder.document("settings.json", &policy::settings(redactor, &old))?)
}

/// Prints texts with the old values in the place of the new ones.
fn show(options: &Options, redactor: &Redactor) -> Result<(), Failure> {
    let mut out = Out::new(options.output.as_deref())?;
    let standard_input = [PathBuf::from("-")];
    let files = if options.rest.is_empty() { &standard_input[..] } else { &options.rest };
    for path in files {
        let read = || {
            let mut text = Vec::new();
            if path == Path::new("-") {
                io::stdin().read_to_end(&mut text)?;
            } else {
                text = fs::read(path)?;
            }
            Ok(text)
        };
        let text = read().map_err(|error| Error::file(path.display().to_string(), error))?;
        out.write_all(reverse(redactor, &String::from_utf8_lossy(&text)).as_bytes())?;
    }
    Ok(out.finish()?)
}
