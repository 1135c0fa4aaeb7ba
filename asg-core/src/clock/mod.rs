//! Clocks: when it was, and how far that can be out.

mod boot;
#[cfg(test)]
mod tests;
mod uptime;

pub(crate) use boot::hidden_nanos;
pub use uptime::UptimeClocks;
