//! The program `asglog`.
#![forbid(unsafe_code)]

use std::ffi::c_int;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::register_usize;

/// The signals that ask a program to end.
const SIGNALS: &[c_int] = &[
    SIGINT,
    SIGTERM,
    #[cfg(unix)]
    signal_hook::consts::SIGHUP,
];

fn main() {
    let signal = Arc::new(AtomicUsize::new(0));
    // Without this the program ends all the same, but leaves unfinished files behind.
    let _ = watch(&signal);
    let status = asg_cli::program::main(std::env::args_os().skip(1).collect(), || {
        // Shells report the end by a signal as 128 and the signal's number.
        let number = signal.load(Ordering::Relaxed);
        u8::try_from(128 + number).ok().filter(|_| number > 0)
    });
    // A thread may still wait for a pipe or a server.
    std::process::exit(status.into());
}

/// Returns the signals that the caller wants ignored, as `nohup` does, one bit each. Only Linux
/// shows them (`proc_pid_status(5)`).
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Keeps the number of the last of these signals.
fn watch(signal: &Arc<AtomicUsize>) -> io::Result<()> {
    let ignored = ignored();
    for &number in SIGNALS.iter().filter(|number| ignored >> (**number - 1) & 1 == 0) {
        register_usize(number, Arc::clone(signal), usize::try_from(number).unwrap_or(1))?;
    }
    Ok(())
}
