//! `asglog export`: everything that a Cloud Controller knows and this program needs, in a folder.

use std::sync::atomic::AtomicBool;

use super::Context;
use super::options::Options;
use crate::names::{Shared, supervised};
use crate::report::Failure;

pub(super) fn run(options: &Options, context: Context<'_>) -> Result<(), Failure> {
    let Some(folder) = options.output.clone() else {
        return Err(Failure::Usage("asglog export saves to a folder: give --output FOLDER".into()));
    };
    if let Some(log) = options.rest.first() {
        let what = format!("asglog export reads no logs, such as {}", log.display());
        return Err(Failure::Usage(what));
    }
    let Some(directory) = options.names.directory()?.map_err(Failure::Other)? else {
        let what = "asglog export saves a live Cloud Controller: give --cf or --api";
        return Err(Failure::Usage(what.into()));
    };
    let Context { monitor, report } = context;
    let into = folder.clone();
    let save = move |directory: &Shared| match directory {
        Shared::Live(live) => live.save(&into),
        Shared::Saved(_) => unreachable!("an export is no live Cloud Controller"),
    };
    let saved = supervised(&directory, &*monitor, &AtomicBool::new(false), save)?;
    let saved = saved.map_err(|error| {
        let again = if error.is_temporary() { "; the same command goes on where it ended" } else { "" };
        Failure::Other(format!("{error}{again}"))
    })?;
    for list in &saved.absent {
        report.note(format_args!("this Cloud Controller has no list of {}", list.replace('_', " ")));
    }
    if !saved.sees_everything {
        report.note("the token does not show that it sees everything, so the export may lack apps");
    }
    report.note(format_args!(
        "saved {} pages in {}, as of {}",
        saved.pages,
        folder.display(),
        saved.taken_at
    ));
    Ok(())
}
