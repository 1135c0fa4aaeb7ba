//! `asglog bundle`: answers, and the lines that prove them, in one file.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::Context;
use super::explain::load;
use super::logs::{Directory, Logs};
use super::options::Options;
use crate::bundle::{Bundle, Question, Reading, Sources, make};
use crate::error::Error;
use crate::output::{NewFile, Out};
use crate::report::Failure;

pub(super) fn run(options: &Options, mut context: Context<'_>) -> Result<(), Failure> {
    let Some(path) = &options.output else {
        return Err(Failure::Usage("a bundle goes to a file: give --output FILE.zip".into()));
    };
    let rules = &options.rules.sources;
    let rules = if rules.groups.is_empty() {
        None
    } else {
        Some((load(&options.rules, context.report)?, rules.settings_json()?))
    };
    let directory = Directory::new(options, &mut context)?;
    let Context { monitor, report } = context;
    let logs = Logs::new(&options.rest, true, options, &monitor)?;
    let mut ledgers = Vec::new();
    for path in &options.ledgers {
        let name = path.to_string_lossy().into_owned();
        let bytes = fs::read(path).map_err(|error| Error::file(&*name, error))?;
        ledgers.push((name, bytes));
    }
    let sources = Sources {
        readers: logs.readers.clone(),
        ledgers,
        names: directory.names.clone(),
        rules,
        files: further_files(options)?,
        is_whole: options.whole,
    };
    let made = make(&sources, question(options), reading(options))?;
    if logs.are_all_left_out() {
        return logs.close(&made.outcomes, report);
    }
    write(&made, path)?;
    let Bundle { manifest, .. } = &made;
    for ledger in manifest.ledgers.iter().filter(|ledger| ledger.is_whole && !options.whole) {
        let name = &ledger.name;
        report.note(format_args!(
            "{name} is in the bundle with the processes of all containers, because answers cite it by number"
        ));
    }
    if manifest.packets == 0 {
        report.note(
            "no packet is in question: the bundle shows what was read and what it lacks, and proves no absence",
        );
    } else {
        let certainties = manifest.certainty.iter().rev();
        let certainties: Vec<_> = certainties
            .map(|(word, packets)| format!("{packets} {}", word.replace('_', " ")))
            .collect();
        report.note(format_args!("{} packets: {}", manifest.packets, certainties.join(", ")));
    }
    directory.close(report);
    logs.close(&made.outcomes, report)
}

fn question(options: &Options) -> Question {
    Question {
        app: options.app.clone(),
        from: options.since,
        to: options.until,
        conditions: given(options, "where").map(str::to_owned).collect(),
    }
}

fn reading(options: &Options) -> Reading {
    Reading {
        year: given(options, "year").last().map(str::to_owned),
        utc_offset: given(options, "utc-offset").last().map(str::to_owned),
        remember: options.remember,
    }
}

fn given<'o>(options: &'o Options, name: &'o str) -> impl Iterator<Item = &'o str> {
    options.given.iter().filter(move |(given, _)| *given == name).map(|(_, value)| &**value)
}

/// Returns the files with names, rules and settings.
fn further_files(options: &Options) -> Result<Vec<PathBuf>, Failure> {
    let rules = &options.rules.sources;
    let mut files = Vec::new();
    for path in options.names.exports.iter().chain(&rules.groups) {
        if path.is_dir() {
            let failed = |error| Error::file(path.display().to_string(), error);
            for entry in fs::read_dir(path).map_err(failed)? {
                files.push(entry.map_err(failed)?.path());
            }
        } else {
            files.push(path.clone());
        }
    }
    if let Some(crate::explain::SettingsSource::File(path)) = &rules.settings {
        files.push(path.clone());
    }
    files.retain(|path| path.is_file());
    Ok(files)
}

/// Writes the file, and prints its digest as `sha256sum` does.
fn write(made: &Bundle, path: &Path) -> Result<(), Failure> {
    let new = NewFile::new(path);
    let file = || {
        let mut file = new.create()?;
        file.write_all(&made.bytes)?;
        new.finish(&file)
    };
    file().map_err(|error| Error::file(path.display().to_string(), error))?;
    let mut out = Out::new(None)?;
    writeln!(out, "{}  {}", made.digest(), path.display())?;
    Ok(out.finish()?)
}
