//! `asglog ledger`: evidence that outlives the logs.

use asg_core::Ledger;

use super::Context;
use super::logs::Logs;
use super::options::Options;
use super::show::show as show_grid;
use crate::answers::{Cell, Grid};
use crate::ledger_file;
use crate::query::Kind;
use crate::report::Failure;

pub(super) fn build(options: &Options, context: Context<'_>) -> Result<(), Failure> {
    let Some(path) = &options.output else { return Err(no_output()) };
    let Context { monitor, report } = context;
    let logs = Logs::new(&options.rest, true, options, &monitor)?;
    let mut ledger = ledger_file::load_all(&options.ledgers)?.unwrap_or_else(Ledger::new);
    let found = logs.gather(options)?;
    logs.close(found.outcomes(), report)?;
    ledger.merge(found.ledger());
    ledger_file::save(&ledger, path)?;
    let (lines, evidence) = (found.counts().lines, found.counts().evidence);
    report.note(format_args!(
        "{} containers in {}; {evidence} of {lines} lines were about containers",
        ledger.len(),
        path.display()
    ));
    Ok(())
}

pub(super) fn merge(options: &Options) -> Result<(), Failure> {
    let Some(path) = &options.output else { return Err(no_output()) };
    let merged = ledger_file::load_all(&options.rest)?;
    let merged = merged.ok_or_else(|| Failure::Usage("there are no ledgers to merge".into()))?;
    Ok(ledger_file::save(&merged, path)?)
}

pub(super) fn show(options: &Options) -> Result<(), Failure> {
    let ledger = ledger_file::load_all(&options.rest)?;
    let ledger = ledger.ok_or_else(|| Failure::Usage("name a ledger to show".into()))?;
    let text = |text: Option<String>| text.map_or(Cell::Null, |text| Cell::Text(text.into()));
    let mut rows: Vec<Vec<Cell>> = ledger
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
    show_grid(&Grid { columns, rows }, options)
}

fn no_output() -> Failure {
    Failure::Usage("name a file for the ledger with --output FILE".into())
}
