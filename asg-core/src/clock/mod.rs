//! Clocks: when it was, and how far that can be out.
//!
//! * [`uptime`] gathers what lines show of clocks, in any order and by any number of threads.
//! * [`known`] answers, when all lines have been seen.
//! * [`boot`] holds the kernel's uptime beside the wall's clock.
//! * [`zone`] and [`year`] complete stamps that lack one.
//! * [`watermark`] knows how late it is in a log that is being written.

mod boot;
mod known;
mod spans;
#[cfg(test)]
mod tests;
mod uptime;
pub(crate) mod watermark;
mod year;
mod zone;

pub(crate) use boot::hidden_nanos;
pub use known::{KnownTimes, TimeNote, When};
pub use uptime::UptimeClocks;
