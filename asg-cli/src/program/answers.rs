//! `asglog top`, `timeline`, `new` and `episodes`: small tables made from all packets.

use std::time::Duration;

use super::Context;
use super::check::hint;
use super::commands::Command;
use super::logs::{Directory, Logs, flows, note_forgotten, saved_flows};
use super::options::Options;
use super::show::show;
use crate::answers::{self, Grid, Span};
use crate::query::Query;
use crate::report::Failure;

/// Rows of `asglog top` without `--limit`.
const MOST: usize = 10;

/// The spans of a timeline, and the gaps between episodes.
const HOUR: Duration = Duration::from_secs(3_600);
const GAP: Duration = Duration::from_secs(300);

pub(super) fn run(options: &Options, mut context: Context<'_>) -> Result<(), Failure> {
    if options.command == Command::New && options.since.is_none() {
        let what = "asglog new takes --since TIME: what was there before is not new";
        return Err(Failure::Usage(what.into()));
    }
    if let Some(path) = &options.flows {
        let mut found = answer(options, &saved_flows(path, options)?)?;
        if options.command != Command::Top {
            found.rows.truncate(options.limit.unwrap_or(usize::MAX));
        }
        return show(&found, options);
    }
    let directory = Directory::new(options, &mut context)?;
    let Context { monitor, report } = context;
    let logs = Logs::new(&options.rest, true, options, &monitor)?;
    let (flows, gathered) = flows(options, &logs, &directory)?;
    let mut found = answer(options, &flows)?;
    if options.command != Command::Top {
        found.rows.truncate(options.limit.unwrap_or(usize::MAX));
    }
    show(&found, options)?;
    directory.close(report);
    let known = gathered.known(&*monitor)?;
    if let Some(known) = &known {
        note_forgotten(known.counts(), report);
        hint(known, &flows, &logs, options, report);
        if found.rows.is_empty() && known.counts().packets > 0 {
            report.note(match options.command {
                Command::New => "no app has sent anything to a new destination since then",
                Command::Episodes => "no packet is denied",
                _ => "no packet is counted",
            });
        }
    }
    logs.close(&known.map(|known| known.outcomes().clone()).unwrap_or_default(), report)
}

fn answer(options: &Options, flows: &Query) -> Result<Grid, Failure> {
    let nanos = |given: Option<Duration>, default: Duration| {
        i64::try_from(given.unwrap_or(default).as_nanos()).unwrap_or(i64::MAX).max(1)
    };
    Ok(match options.command {
        Command::Timeline => {
            let zone = options.look.zone.clone();
            let span = Span::new(nanos(options.every, HOUR), zone);
            let by = flows.by_time(span, &options.by)?;
            answers::timeline(flows, &by)?
        }
        Command::New => {
            let before = flows.between(None, options.since);
            answers::new_destinations(&flows.between(options.since, None), &before)?
        }
        Command::Episodes => answers::denied_episodes(flows, nanos(options.gap, GAP))?,
        _ => {
            let by = flows.by(&options.by)?;
            let most = options.limit.unwrap_or(MOST);
            answers::top(flows, &by, Some(most), options.measure)?
        }
    })
}
