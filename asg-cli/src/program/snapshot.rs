//! `asglog snapshot`: saves the security groups of a Cloud Controller.

use std::io::Write as _;

use super::Context;
use super::options::Options;
use crate::error::Error;
use crate::output::Out;
use crate::report::Failure;

pub(super) fn run(options: &Options, context: &mut Context<'_>) -> Result<(), Failure> {
    if let Some(more) = options.rest.first() {
        return Err(Failure::Usage(format!("asglog snapshot takes no file {}", more.display())));
    }
    let directory = options.names.directory()?.map_err(Failure::Other)?;
    let asked = directory.map(|directory| directory.snapshot()).transpose();
    let Some(snapshot) = asked.map_err(Error::from)?.flatten() else {
        let what = "asglog snapshot asks a Cloud Controller: give --cf or --api";
        return Err(Failure::Usage(what.into()));
    };
    let mut out = Out::new(options.output.as_deref())?;
    serde_json::to_writer(&mut out, &snapshot)?;
    out.write_all(b"\n")?;
    out.finish()?;
    let count = snapshot.groups.len();
    if snapshot.complete {
        context.report.note(format_args!("{count} security groups"));
    } else {
        let what = "the token may not see all security groups and bindings";
        context.report.left_out(format_args!("of {count} security groups: {what}"));
    }
    Ok(())
}
