//! Times of logs with much that is alike, each of several sizes: twice the lines may take 2.3 times
//! as long at most.
//!
//! `cargo bench -p asg-benches --bench shapes` doubles each shape up to 100,000 lines; `-- --lines
//! N` stops there, and `-- --only WORDS` takes the shapes whose names have these words in them.
//! A busy machine changes times, and hardly instructions: `-- --once --lines N --only
//! WORDS` reads one log once, for callgrind.

#![expect(clippy::cast_precision_loss, reason = "ratios, shown with two digits")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use asg_benches::shapes::{SHAPES, run};
use lexopt::prelude::*;

fn main() -> Result<(), lexopt::Error> {
    // `cargo test --benches` runs this too; it is a measurement, not a test.
    if !std::env::args().any(|arg| arg == "--bench") {
        println!("skipped: not run by cargo bench");
        return Ok(());
    }
    let (mut most, mut only, mut is_once) = (100_000, String::new(), false);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("lines") => most = args.value()?.parse::<usize>()?.max(2),
            Long("only") => only = args.value()?.string()?,
            Long("once") => is_once = true,
            Long("bench") => {}
            _ => return Err(arg.unexpected()),
        }
    }
    for (name, log) in SHAPES.into_iter().filter(|(name, _)| name.contains(&only)) {
        if is_once {
            println!("{name}: {:?}", run(&log(most)));
            continue;
        }
        println!("{name}");
        let mut before: Option<Duration> = None;
        for lines in [most / 8, most / 4, most / 2, most] {
            let log = log(lines);
            let took = (0..3).map(|_| timed(&log)).min().unwrap_or_default();
            let ratio = before.map(|before| took.as_secs_f64() / before.as_secs_f64());
            let ratio = ratio.map(|ratio| format!("{ratio:.2} x")).unwrap_or_default();
            let nanos = took.as_nanos() as f64 / lines as f64;
            println!(
                "  {lines:>8} lines {:>9.1} ms {nanos:>8.0} ns a line  {ratio}",
                took.as_secs_f64() * 1e3
            );
            before = Some(took);
        }
    }
    Ok(())
}

fn timed(log: &str) -> Duration {
    let start = Instant::now();
    black_box(run(black_box(log)));
    start.elapsed()
}
