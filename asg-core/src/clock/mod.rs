//! When a line was written, and the error of that time.
//!
//! A stamp is a bound: no line is stamped before it was written, and relays stamp late. Lines that
//! show the kernel's uptime beside a stamp teach the clock of their machine, and that completes and
//! narrows the times of all its lines.
//!
//! * [`UptimeClocks`] gathers what lines show, in any order and on any number of threads.
//! * [`KnownTimes`] answers when all lines were seen: a [`When`] has the time and its range.
//! * [`TimeNote`] tells people what was assumed.
//!
//! A [`Correlation`](crate::Correlation) has clocks of its own. Use these for times alone.
//!
//! ```
//! use asg_core::clock::UptimeClocks;
//! use asg_core::{Line, SourceId, TimePolicy};
//!
//! let source = SourceId(0);
//! let mut clocks = UptimeClocks::default();
//! let both = Line::new(b"2018-04-03T17:05:02.358719+00:00 cell-1 kernel: [  637.581122] hello");
//! clocks.learn(source, &both.envelope(), None);
//! let known = clocks.complete(&TimePolicy::default());
//! let when = known.when(source, &both.envelope()).unwrap();
//! assert_eq!(when.time.to_string(), "2018-04-03T17:05:02.358719Z");
//! assert!(when.range.error_nanos() < 1_000_000_000);
//! ```

// * `uptime` gathers the times in lines, in any order and with any number of threads.
// * `known` computes times, when all lines have been seen.
// * `between` computes the times of many lines at once, from their corners.
// * `memo` is the fast path for stamps that resemble the last one.
// * `bytes` saves the gathered clocks.
// * `boot` relates the kernel's uptime to the wall clock.
// * `zone` and `year` complete stamps that lack one; `zone_lines` takes lines that show a zone, and
//   `season` has the weekends on which a zone may change.
// * `late` keeps the lines that a relay stamped late, and where it was punctual.
// * `watermark` tracks the current time of a log that is being written.

mod between;
mod boot;
mod bytes;
mod doubling;
mod known;
mod late;
mod memo;
mod season;
mod spans;
#[cfg(test)]
mod tests;
mod uptime;
pub(crate) mod watermark;
mod year;
mod zone;
mod zone_lines;

pub(crate) use between::Between;
pub(crate) use boot::hidden_nanos;
pub use bytes::ClocksError;
pub use known::{KnownTimes, TimeNote, When};
pub(crate) use late::{delay, punctual_span};
pub(crate) use memo::{StampDay, StampMemo};
pub(crate) use uptime::StampKind;
pub use uptime::UptimeClocks;
pub(crate) use zone_lines::ZoneLines;
