//! Lines of each source by outcome, for people.

use std::fmt::Write as _;
use std::io::{self, Write};

use asg_core::bytes::escape_text;
use asg_core::record::{Outcome, OutcomeCounts, Outcomes};
use asg_core::{Origin, SourceId};

/// Sources that are printed, at most.
const MOST: usize = 20;

/// Prints the number of lines of each source, and of each class of them. `name` names a source.
///
/// ```
/// use asg_cli::output::sources;
/// use asg_core::record::{Outcome, Outcomes};
/// use asg_core::{Origin, SourceId};
///
/// let mut outcomes = Outcomes::default();
/// outcomes.count(Origin { source: SourceId(0), line: 1 }, Outcome::Packet);
/// outcomes.count(Origin { source: SourceId(0), line: 2 }, Outcome::Damaged);
/// let mut out = Vec::new();
/// sources::print(&outcomes, |_| "kern.log", &mut out)?;
/// let text = "\nLines of each source:\n           2  kern.log: 1 damaged, 1 packets\n";
/// assert_eq!(String::from_utf8_lossy(&out), text);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// Those of writing.
pub fn print<'s>(
    outcomes: &Outcomes,
    name: impl Fn(SourceId) -> &'s str,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut sources: Vec<_> = outcomes.sources().map(|(id, counts)| (name(id), counts)).collect();
    sources.sort_by_key(|(name, _)| *name);
    // If there are too many, those that need a look are shown.
    let more = sources.len().saturating_sub(MOST);
    if more > 0 {
        sources.sort_by_key(|(_, counts)| !needs_look(counts));
        sources.truncate(MOST);
    }
    if !sources.is_empty() {
        writeln!(out, "\nLines of each source:")?;
    }
    for (name, counts) in sources {
        let classes = counts.iter().rev().filter(|(_, lines)| *lines > 0);
        let classes: Vec<_> =
            classes.map(|(it, lines)| format!("{lines} {}", it.meaning())).collect();
        let (lines, name) = (counts.sum(), escape_text(name));
        writeln!(out, "{lines:>12}  {name}: {}", classes.join(", "))?;
    }
    if more > 0 {
        writeln!(out, "{more:>12}  sources more")?;
    }
    Ok(())
}

fn needs_look(counts: &OutcomeCounts) -> bool {
    counts.iter().any(|(outcome, lines)| lines > 0 && outcome.consequence().is_some())
}

/// Returns a sentence about lines that do not count in full, with the place of the first of each
/// such class; `None` without such lines. `of` chooses classes.
///
/// ```
/// use asg_cli::output::sources::sentence;
/// use asg_core::record::{Outcome, Outcomes};
/// use asg_core::{Origin, SourceId};
///
/// let mut outcomes = Outcomes::default();
/// assert_eq!(sentence(&outcomes, |_| "kern.log", |_| true), None);
/// outcomes.count(Origin { source: SourceId(0), line: 7 }, Outcome::HeaderNotUnderstood);
/// assert_eq!(
///     sentence(&outcomes, |_| "kern.log", |_| true).unwrap(),
///     "not all lines count in full: 1 with a packet behind a header that is not understood \
///      (machine and time may be missing; the first is kern.log:7); `asglog parse` shows them"
/// );
/// ```
pub fn sentence<'s>(
    outcomes: &Outcomes,
    name: impl Fn(SourceId) -> &'s str,
    of: impl Fn(Outcome) -> bool,
) -> Option<String> {
    let total = outcomes.total();
    let mut parts = Vec::new();
    for (outcome, lines) in total.iter().filter(|(outcome, lines)| *lines > 0 && of(*outcome)) {
        let Some(consequence) = outcome.consequence() else { continue };
        let mut part = format!("{lines} {} ({consequence}", outcome.meaning());
        if let Some(Origin { source, line }) = outcomes.first(outcome) {
            let _ = write!(part, "; the first is {}:{line}", name(source));
        }
        part.push(')');
        parts.push(part);
    }
    let what = "not all lines count in full";
    (!parts.is_empty()).then(|| format!("{what}: {}; `asglog parse` shows them", parts.join(", ")))
}
