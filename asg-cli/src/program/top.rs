//! `asglog top`: the largest senders.

use super::Context;
use super::check::hint;
use super::logs::{Directory, Logs, flows};
use super::options::Options;
use super::show::show;
use crate::answers;
use crate::report::Failure;

/// Rows without `--limit`.
const MOST: usize = 10;

pub(super) fn run(options: &Options, mut context: Context<'_>) -> Result<(), Failure> {
    let directory = Directory::new(options, &mut context)?;
    let Context { monitor, report } = context;
    let logs = Logs::new(&options.rest, true, options, &monitor)?;
    let (flows, gathered) = flows(options, &logs, &directory)?;
    let by = flows.by(&options.by)?;
    show(
        &answers::top(&flows, &by, Some(options.limit.unwrap_or(MOST)), options.measure)?,
        options,
    )?;
    directory.close(report);
    let known = gathered.known(&*monitor)?;
    if let Some(known) = &known {
        hint(known, &flows, &logs, options, report);
    }
    logs.close(&known.map(|known| known.outcomes().clone()).unwrap_or_default(), report)
}
