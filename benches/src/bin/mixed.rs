//! Writes the mixed log that the benches measure on.
//!
//! ```text
//! cargo run --release -p asg-benches --bin mixed -- 1000000 > mixed.log
//! ```

use std::io::{self, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let lines = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse());
    let Ok(lines) = lines else {
        eprintln!("usage: mixed [LINES]");
        return ExitCode::from(2);
    };
    match io::stdout().write_all(asg_benches::mixed::log(lines, 7).as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mixed: {error}");
            ExitCode::from(2)
        }
    }
}
