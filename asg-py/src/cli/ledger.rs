//! `asglog ledger`: evidence that outlives the logs.

use asg_cli::report::{Failure, Report};
use asg_core::Correlator;
use pyo3::prelude::*;

use super::failed;
use super::logs::{Logs, ledger};
use super::options::Options;
use super::output::{Screen, grid};
use crate::answers::{Cell, Grid};
use crate::columns::Kind;
use crate::ledger::Ledger;

pub(crate) fn build(
    options: Options,
    progress: Option<Py<PyAny>>,
    report: &mut Report,
) -> Result<(), Failure> {
    let Some(path) = &options.output else { return Err(no_output()) };
    let logs = Logs::new(&options.rest, false, progress)?;
    let held = ledger(&options.ledgers)?.unwrap_or_else(Ledger::empty);
    let mut found = Correlator::with_policy(options.policy);
    logs.observe(&mut found)?;
    logs.close(found.counts().lines, report)?;
    held.held().merge(found.ledger());
    held.write(path).map_err(failed)?;
    let (lines, evidence) = (found.counts().lines, found.counts().evidence);
    let many = held.held().len();
    report.note(format_args!(
        "{many} containers in {}; {evidence} of {lines} lines were about containers",
        path.display()
    ));
    Ok(())
}

pub(crate) fn merge(options: &Options) -> Result<(), Failure> {
    let Some(path) = &options.output else { return Err(no_output()) };
    let merged = ledger(&options.rest)?;
    let merged = merged.ok_or_else(|| Failure::Usage("there are no ledgers to merge".into()))?;
    merged.write(path).map_err(failed)
}

pub(crate) fn show(options: &Options, screen: Screen) -> Result<(), Failure> {
    let held = ledger(&options.rest)?;
    let held = held.ok_or_else(|| Failure::Usage("which ledger is to be shown?".into()))?;
    let text = |text: Option<String>| text.map_or(Cell::Null, |text| Cell::Text(text.into()));
    let mut rows: Vec<Vec<Cell>> = held
        .held()
        .lifetimes()
        .map(|container| {
            vec![
                container.created().into(),
                container.destroyed().into(),
                text(container.cell().map(ToOwned::to_owned)),
                text(Some(container.handle().to_string())),
                text(container.process().map(ToString::to_string)),
                container.index().map_or(Cell::Null, |index| Cell::Int(index.into())),
            ]
        })
        .collect();
    rows.sort();
    let columns = vec![
        ("created", Kind::Time),
        ("destroyed", Kind::Time),
        ("cell", Kind::Text),
        ("handle", Kind::Text),
        ("process_guid", Kind::Text),
        ("index", Kind::Int),
    ];
    grid(&Grid { columns, rows }, options, screen)
}

fn no_output() -> Failure {
    Failure::Usage("where is the ledger to be written? Give --output FILE".into())
}
