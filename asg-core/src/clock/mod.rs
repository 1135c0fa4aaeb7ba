//! Clocks: when a line was written, and the error of that time.
//!
//! * [`uptime`] gathers the times in lines, in any order and with any number of threads.
//! * [`known`] computes times, when all lines have been seen.
//! * [`between`] computes the times of many lines at once, from their corners.
//! * [`memo`] is the fast path for stamps that resemble the last one.
//! * [`bytes`] saves the gathered clocks.
//! * [`boot`] relates the kernel's uptime to the wall clock.
//! * [`zone`] and [`year`] complete stamps that lack one.
//! * [`watermark`] tracks the current time of a log that is being written.

mod between;
mod boot;
mod bytes;
mod known;
mod memo;
mod spans;
#[cfg(test)]
mod tests;
mod uptime;
pub(crate) mod watermark;
mod year;
mod zone;

pub(crate) use between::Between;
pub(crate) use boot::hidden_nanos;
pub use bytes::ClocksError;
pub use known::{KnownTimes, TimeNote, When};
pub(crate) use memo::StampMemo;
pub(crate) use uptime::StampKind;
pub use uptime::UptimeClocks;
