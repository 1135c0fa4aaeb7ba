//! `asglog top`: who sent most.

use asg_cli::report::{Failure, Report};
use pyo3::prelude::*;

use super::failed;
use super::logs::{Asked, Logs, flows};
use super::options::Options;
use super::output::{Screen, grid};
use crate::answers;

pub(crate) fn run(
    options: Options,
    screen: Screen,
    progress: Option<Py<PyAny>>,
    report: &mut Report,
) -> Result<(), Failure> {
    let asked = Asked::new(&options, report)?;
    let logs = Logs::new(&options.rest, true, progress)?;
    let (flows, gathered) = flows(&options, &logs, &asked)?;
    let by = flows.by(&options.by).map_err(failed)?;
    let found = answers::top(flows.all(), by, Some(options.limit), options.measure);
    grid(&found.map_err(failed)?, &options, screen)?;
    asked.close(report);
    logs.close(gathered.known(|correlator| Ok(correlator.counts().lines))?, report)
}
