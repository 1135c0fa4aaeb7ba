//! Prints the speed and the memory of `asglog correlate` beside what operators do today, from one
//! run.
//!
//! ```text
//! cargo build --release -p asg-cli && cargo run --release -p asg-benches --bin figures
//! ```

use std::collections::BTreeSet;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use asg_benches::mixed;
use asg_benches::sim::{Config, Era, Layout, Memory, Simulation};
use asg_core::{Line, Record};
use lexopt::prelude::*;

const HELP: &str = "\
Prints the speed and the memory of `asglog correlate --format summary` beside what operators do today.

usage: figures [options]

  --lines N     lines of each log, about; both are of 500 containers (1000000)
  --era NAME    of which era the simulated foundation is (silk-modern); `foundation --help` names them
  --log FILE    measures this log instead
  --runs N      runs of each program, in turns; the least and the median are shown (9)
  --greps N     containers for which the article's procedure is timed; the rest is multiplied (10)
  --times N     how much larger the second log is whose memory is measured (10)
  --folder DIR  where the logs are written, and removed afterwards (the system's temporary folder)
  -h, --help    this text

examples:
  figures
  figures --era guardian-28
  figures --log /var/log/messages

Two logs are made: a mixed one of a fixed mixture, 80 % packets, and all that a simulated foundation of 20 cells writes.
Rivals: GNU grep in the C locale, which counts `DST=`; and the knowledge-base article's procedure, one grep of the logs for
each container. `asglog` is looked for beside this program, and built if it is not there. Memory is measured by GNU time.
";

struct Options {
    lines: usize,
    era: Era,
    log: Option<PathBuf>,
    runs: usize,
    greps: usize,
    times: usize,
    folder: PathBuf,
}

fn main() -> ExitCode {
    match options().and_then(|options| options.map_or(Ok(()), |options| run(&options))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("figures: {e}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Option<Options>, Box<dyn Error>> {
    let mut options = Options {
        lines: 1_000_000,
        era: Era::SilkModern,
        log: None,
        runs: 9,
        greps: 10,
        times: 10,
        folder: std::env::temp_dir(),
    };
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("lines") => options.lines = args.value()?.parse()?,
            Long("era") => options.era = args.value()?.parse()?,
            Long("log") => options.log = Some(args.value()?.into()),
            Long("runs") => options.runs = args.value()?.parse::<usize>()?.max(1),
            Long("greps") => options.greps = args.value()?.parse::<usize>()?.max(1),
            Long("times") => options.times = args.value()?.parse::<usize>()?.max(1),
            Long("folder") => options.folder = args.value()?.into(),
            Short('h') | Long("help") => {
                io::stdout().write_all(HELP.as_bytes())?;
                return Ok(None);
            }
            _ => return Err(arg.unexpected().into()),
        }
    }
    Ok(Some(options))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let asglog = asglog()?;
    if let Some(log) = &options.log {
        return figures(options, &asglog, &std::fs::read_to_string(log)?);
    }
    println!("a mixed log:");
    figures(options, &asglog, &mixed::log(options.lines, 7))?;
    println!("\na simulated foundation's log ({}):", options.era.name());
    figures(options, &asglog, &simulated(options)?)
}

/// Returns everything that a foundation's cells write, as an aggregator's file has it.
fn simulated(options: &Options) -> Result<String, Box<dyn Error>> {
    // About 22,000 lines a minute.
    let minutes = u32::try_from(options.lines / 21_700)?.max(1);
    let config = Config {
        cells: 20,
        containers: 500,
        packets_per_minute: 38,
        minutes,
        layout: Layout::One,
        ..Config::new(options.era)
    };
    let mut memory = Memory::default();
    Simulation::run(&config, &mut memory)?;
    let (_, text) = memory.files.pop().ok_or("no log")?;
    Ok(String::from_utf8(text)?)
}

fn figures(options: &Options, asglog: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    let log = options.folder.join(format!("asg-figures-{}.log", std::process::id()));
    let large = log.with_extension("large.log");
    std::fs::write(&log, text)?;
    let outcome = measure(options, asglog, &log, text).and_then(|()| {
        let mut out = BufWriter::new(File::create(&large)?);
        (0..options.times).try_for_each(|_| out.write_all(text.as_bytes()))?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?;
        memory(asglog, &log, &large)
    });
    for file in [&log, &large] {
        drop(std::fs::remove_file(file));
    }
    outcome
}

fn measure(options: &Options, asglog: &Path, log: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    let handles: BTreeSet<String> = text.lines().filter_map(handle_prefix).collect();
    println!(
        "{} lines, {} MB, {} prefixes of handles",
        text.lines().count(),
        text.len() / 1_000_000,
        handles.len()
    );
    let program = |threads: &str| {
        let mut command = summary(asglog);
        command.args(["--threads", threads]).arg(log);
        command
    };
    let mut grep = Command::new("grep");
    grep.env("LC_ALL", "C").args(["-c", "DST="]).arg(log);
    let mut contenders = [
        ("grep -c DST=", grep),
        ("asglog, one thread", program("1")),
        ("asglog, two threads", program("2")),
    ];
    let mut times = vec![Vec::new(); contenders.len()];
    for _ in 0..options.runs {
        for ((_, command), times) in contenders.iter_mut().zip(&mut times) {
            times.push(timed(command)?);
        }
    }
    // Other load on the machine only adds to a time, so the least time is the best measure; the
    // median shows the size of that load.
    let least = |times: &Vec<Duration>| times.iter().min().copied().unwrap_or_default();
    let leasts: Vec<_> = times.iter().map(least).collect();
    let medians: Vec<_> = times.iter_mut().map(|times| median(times)).collect();
    let sample = handles.len().min(options.greps).max(1);
    let mut greps = Duration::ZERO;
    for handle in handles.iter().take(sample) {
        // One that counts, so that nothing is spent on printing.
        greps += timed(Command::new("grep").env("LC_ALL", "C").arg("-c").arg(handle).arg(log))?;
    }
    let article = greps.as_secs_f64() / small(sample) * small(handles.len());
    println!("whole process, {} runs:   the least                    the median", options.runs);
    for (n, (name, _)) in contenders.iter().enumerate() {
        let columns = [&leasts, &medians].map(|times| {
            let seconds = times[n].as_secs_f64();
            format!("{seconds:8.3} s {:6.2} x grep", seconds / times[0].as_secs_f64())
        });
        println!(
            "  {name:<24} {}   {}   the article takes {:5.0} x as long",
            columns[0],
            columns[1],
            article / medians[n].as_secs_f64()
        );
    }
    println!(
        "  {:<24} {article:8.1} s  ({sample} of {} containers timed)",
        "the article's greps",
        handles.len()
    );
    let [least, median] =
        [&leasts, &medians].map(|times| times[1].as_secs_f64() / times[2].as_secs_f64());
    println!("two threads are {least:.2} x as fast as one; by the medians {median:.2} x");
    Ok(())
}

fn summary(asglog: &Path) -> Command {
    let mut command = Command::new(asglog);
    command.args(["correlate", "--format", "summary"]);
    command
}

fn memory(asglog: &Path, log: &Path, large: &Path) -> Result<(), Box<dyn Error>> {
    for file in [log, large] {
        let size = std::fs::metadata(file)?.len() / 1_000_000;
        let mut command = Command::new("/usr/bin/time");
        command.args(["-f", "%M"]).arg(asglog).args(["correlate", "--format", "summary"]).arg(file);
        match command.stdout(Stdio::null()).output() {
            Ok(done) if done.status.success() => {
                let told = String::from_utf8_lossy(&done.stderr);
                let kilobytes: u64 = told.lines().last().unwrap_or_default().trim().parse()?;
                println!("peak memory with {size} MB of logs: {} MB", kilobytes / 1_000);
            }
            Ok(done) => return Err(String::from_utf8_lossy(&done.stderr).into_owned().into()),
            Err(e) => println!("peak memory was not measured: /usr/bin/time: {e}"),
        }
    }
    Ok(())
}

/// Returns the pattern that the article's reader greps for: the part of the handle that a packet
/// line shows.
fn handle_prefix(line: &str) -> Option<String> {
    let line = Line::new(line.as_bytes());
    let record = Record::classify(&line);
    let (_, cf) = record.packet()?;
    // All packets of a container show at least these.
    Some(cf?.handle_prefix?.as_str().get(..23)?.to_owned())
}

/// Returns the program beside this one; builds it if it is missing.
fn asglog() -> Result<PathBuf, Box<dyn Error>> {
    let path = std::env::current_exe()?
        .with_file_name("asglog")
        .with_extension(std::env::consts::EXE_EXTENSION);
    if !path.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--release", "-p", "asg-cli", "--bin", "asglog"])
            .status()?;
        if !built.success() || !path.exists() {
            return Err(format!("{} is not there, and could not be built", path.display()).into());
        }
    }
    Ok(path)
}

fn timed(command: &mut Command) -> Result<Duration, Box<dyn Error>> {
    // Into a pipe: a grep that sees the null device stops at the first match.
    let start = Instant::now();
    let done = command.output()?;
    let took = start.elapsed();
    // grep's exit status is 1 if it finds nothing.
    if done.status.code().is_none_or(|code| code > 1) {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&done.stderr)).into());
    }
    Ok(took)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn small(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
