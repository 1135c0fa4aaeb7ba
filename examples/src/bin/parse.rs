//! One JSON object per line of a log, in order.

use std::io::{self, BufWriter, Write as _};
use std::ops::ControlFlow;
use std::process::ExitCode;

use asg_core::{Line, Record, RecordOutput, TimePolicy};
use asg_examples::input::Input;
use asg_examples::progress::Progress;
use asg_examples::report::{Failure, Report, say};
use asg_examples::time::{set_utc_offset, set_year};
use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt as _;
use serde::Serialize;

const HELP: &str = "\
Reads packet logs and Diego's logs, and prints one JSON object per line.

Usage: parse [OPTIONS] [FILE…]

  FILE  a log, plain, gzip or Zstandard; - is standard input, which is also read if no file is given

Options:
  --year YEAR          the year of time stamps without one, such as `Jun 16 23:18:38`; without it they have no time
  --utc-offset OFFSET  the zone of time stamps without one, such as +02:00; UTC if not given
  -h, --help           this text
  -V, --version        the version

Each object has a `kind`: `packet`, `rep` (a line about a container), `logger` (a line of silk's iptables-logger), `other`,
or `damaged` (a packet or JSON line that is cut, split or malformed: `error` says what is wrong and where, and what could be
read is there). If several files are given, `source` says which one a line is in.

Exit status: 0, or 1 if a file could not be read to its end, or 2 if nothing could be read.

Examples:
  parse /var/log/kern.log
  zcat kern.log.*.gz | parse --year 2017 | jq 'select(.kind == \"damaged\") | .error'
  parse kern.log | jq -r 'select(.packet.dst == \"203.0.113.25\") | .cf.handle_prefix'
";

fn main() -> ExitCode {
    let mut report = Report::new("parse");
    let result = run(&mut report);
    report.exit(result)
}

fn run(report: &mut Report) -> Result<(), Failure> {
    let mut policy = TimePolicy::default();
    let mut inputs = Vec::new();
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("year") => set_year(&mut policy, &args.value()?.string()?)?,
            Long("utc-offset") => set_utc_offset(&mut policy, &args.value()?.string()?)?,
            Short('h') | Long("help") => return say(HELP),
            Short('V') | Long("version") => {
                return say(concat!(
                    "parse ",
                    env!("CARGO_PKG_VERSION"),
                    "
"
                ));
            }
            Value(path) => inputs.push(Input::from_arg(path)),
            other => return Err(other.unexpected().into()),
        }
    }
    if inputs.is_empty() {
        inputs.push(Input::from_arg("-"));
    }

    let mut out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let mut read = 0;
    for input in &inputs {
        let source = (inputs.len() > 1).then(|| input.name());
        let mut written = Ok(());
        let mut too_long = 0_u64;
        let result = input.for_each_line(&Progress::new("reading", input.size()), |raw| {
            too_long += u64::from(raw.skipped > 0);
            let line = Line::new(raw.bytes);
            let mut record = Record::read(&line);
            if raw.skipped > 0 {
                record = record.cut_at(raw.bytes.len());
            }
            let object = Object { source, record: record.to_output(raw.number, &policy) };
            written = serde_json::to_writer(&mut out, &object)
                .map_err(Failure::from)
                .and_then(|()| Ok(out.write_all(b"\n")?));
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        written?;
        match result {
            Ok(()) => read += 1,
            Err(e) => report.left_out(format_args!("{}: {e}", input.name())),
        }
        if too_long > 0 {
            report.left_out(format_args!(
                "{}: lines longer than 64 KiB: {too_long}; their ends were skipped",
                input.name()
            ));
        }
    }
    out.flush()?;
    if read == 0 { Err(Failure::Inputs) } else { Ok(()) }
}

/// A record, and which of several inputs it is from.
#[derive(Serialize)]
struct Object<'o> {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'o str>,
    #[serde(flatten)]
    record: RecordOutput<'o, 'o>,
}
