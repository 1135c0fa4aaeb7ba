//! `asglog correlate --format summary`: the packets of finished logs, counted in one reading.

use std::sync::Arc;

use asg_core::{Identity, Tally};

use super::Context;
use super::logs::{Directory, Numbered};
use super::options::Options;
use super::progress::Attended;
use crate::counting::count;
use crate::error::Error;
use crate::ledger_file;
use crate::monitor::{Monitor, Supervised};
use crate::origins;
use crate::output::Out;
use crate::report::Failure;

pub(super) fn run(
    options: &Options,
    mut logs: Numbered,
    directory: &Directory,
    context: Context<'_>,
) -> Result<(), Failure> {
    let Context { monitor, report } = context;
    let mut tally = Tally::with_policy(options.policy);
    if let Some(ledger) = ledger_file::load_all(&options.ledgers)? {
        tally = tally.with_ledger(ledger);
    }
    let meter = |what, total| {
        let monitor: Arc<dyn Monitor> = Arc::<Attended>::clone(&monitor);
        Supervised::new(monitor, what, total)
    };
    let mut count = count(tally, &mut logs.inputs, &logs.ids, options.threads, meter);
    // The counts of a run that was ended early are not the answer.
    monitor.check()?;
    let mut left_out = Vec::new();
    for (log, error) in std::mem::take(&mut count.failures) {
        match Error::file(logs.inputs[log].name(), error) {
            error @ Error::File(..) => left_out.push(error),
            other => return Err(other.into()),
        }
    }
    let result =
        if count.read == 0 { Err(Failure::Inputs) } else { logs.check(count.tally.counts().lines) };
    if result.is_ok() {
        let mut broken = None;
        let summary = count.summary(|guids| {
            let found = directory.names.as_ref().map(|names| names.identities(guids)).transpose();
            let found = found.unwrap_or_else(|error| {
                broken = Some(error);
                None
            });
            let mut found = found.unwrap_or_default();
            guids.iter().map(|g| found.remove(g).unwrap_or_else(Identity::unknown)).collect()
        });
        if let Some(error) = broken {
            return Err(error.into());
        }
        let mut out = Out::new(options.output.as_deref())?;
        count.print(&summary, origins::name, &mut out)?;
        out.finish()?;
        directory.close(report);
    }
    for what in &left_out {
        report.left_out(what);
    }
    result
}
