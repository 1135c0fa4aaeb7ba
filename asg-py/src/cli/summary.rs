//! `asglog correlate --format summary`: the packets of finished logs, counted in one reading.

use asg_cli::counting::count;
use asg_cli::input::Input;
use asg_cli::report::{Failure, Report};
use asg_core::{Identity, Tally};
use pyo3::prelude::*;

use super::failed;
use super::logs::{Asked, ledger, numbered, with_total};
use super::options::Options;
use super::output::Out;
use crate::errors;
use crate::origins;
use crate::watch::{Watch, Watching};

pub(crate) fn run(
    options: &Options,
    asked: &Asked,
    progress: Option<Py<PyAny>>,
    report: &mut Report,
) -> Result<(), Failure> {
    let ids = numbered(&options.rest)?;
    let mut logs: Vec<_> = options.rest.iter().map(Input::from_arg).collect();
    let mut tally = Tally::with_policy(options.policy);
    if let Some(ledger) = ledger(&options.ledgers)? {
        tally = tally.with_ledger(ledger.held().clone());
    }
    let make = |total| {
        let progress = Python::attach(|py| progress.as_ref().map(|make| make.clone_ref(py)));
        Watching::new(progress.map(|make| with_total(make, total)))
    };
    let mut count = count(tally, &mut logs, &ids, options.threads, |_, total| make(total));
    // What was counted before Ctrl-C is not the answer.
    Watch::look_now().map_err(failed)?;
    let mut left_out = Vec::new();
    for (log, error) in std::mem::take(&mut count.failures) {
        match errors::Failure::read(logs[log].name(), error) {
            errors::Failure::Read(name, error) => left_out.push(format!("{name}: {error}")),
            other => return Err(failed(other)),
        }
    }
    let close = |report: &mut Report| left_out.iter().for_each(|what| report.left_out(what));
    if count.read == 0 {
        close(report);
        return Err(Failure::Inputs);
    }
    let mut broken = None;
    let summary = count.summary(|guids| {
        let found = asked.directory.as_ref().map(|names| names.resolve(guids)).transpose();
        let found = found.unwrap_or_else(|error| {
            broken = Some(error);
            None
        });
        found.unwrap_or_else(|| vec![Identity::unknown(); guids.len()])
    });
    if let Some(error) = broken {
        return Err(failed(error));
    }
    let mut out = Out::new(options.output.as_deref())?;
    count.print(&summary, origins::name, &mut out)?;
    out.finish()?;
    asked.close(report);
    close(report);
    Ok(())
}
