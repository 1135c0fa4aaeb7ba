//! Clocks: when it was, and how far that can be out.
//!
//! * [`uptime`] gathers what lines show of clocks, in any order and by any number of threads.
//! * [`known`] answers, when all lines have been seen.
//! * [`between`] answers for many lines at once, of which only the corners are kept.
//! * [`memo`] is a short way for stamps that resemble the last one.
//! * [`boot`] holds the kernel's uptime beside the wall's clock.
//! * [`zone`] and [`year`] complete stamps that lack one.
//! * [`watermark`] knows how late it is in a log that is being written.

mod between;
mod boot;
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
pub use known::{KnownTimes, TimeNote, When};
pub(crate) use memo::StampMemo;
pub(crate) use uptime::StampKind;
pub use uptime::UptimeClocks;
