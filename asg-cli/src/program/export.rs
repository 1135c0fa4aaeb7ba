//! `asglog export`: everything that a Cloud Controller knows and this program needs, in a folder.

use super::Context;
use super::options::Options;
use crate::names::Asked;
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
    let saved = Asked::new(directory, monitor).save(folder.clone())?;
    for list in &saved.absent {
        report
            .note(format_args!("this Cloud Controller has no list of {}", list.replace('_', " ")));
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
