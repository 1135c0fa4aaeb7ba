//! The time that a thread spends on a processor.

use std::fs;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Returns the time that this thread was on a processor; by the clock if the kernel does not count
/// it.
#[must_use]
pub fn on_cpu() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    let counted = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = counted.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| START.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}
