//! `asglog explain`: why packets were allowed or denied.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::path::Path;

use asg_core::Flow;
use asg_core::policy::{Because, Evaluation, Phase, Policy};

use super::logs::{Answers, Directory, Logs, explained, note_forgotten};
use super::options::Options;
use super::policy_options::PolicyOptions;
use super::{Context, look, show};
use crate::error::Error;
use crate::explain::{ExplainWriter, Explained, Loaded, Question, Words, certainty, log_line};
use crate::flows::RowSink;
use crate::output::flow_row::FlowRow;
use crate::output::format::Format;
use crate::output::table::{self, Columns, Table};
use crate::output::zone::Zone;
use crate::output::{Out, csv};
use crate::pieces::Size;
use crate::query::row::KnownRow;
use crate::query::{Query, ReadRow, Row};
use crate::report::{Failure, Report};

pub(super) fn run(options: &Options, context: Context<'_>) -> Result<(), Failure> {
    let asked = &options.rules;
    let policy = load(asked, context.report)?;
    match (&asked.packet, &asked.packets) {
        (Some(_), Some(_)) => {
            Err(Failure::Usage("give --packet or --packets, and not both".into()))
        }
        (None, None) if !asked.spaces.is_empty() || asked.phase.is_some() => {
            Err(Failure::Usage("--space and --phase go with --packet".into()))
        }
        (None, None) => logs(options, &policy, context),
        _ if !options.rest.is_empty() => {
            let what = options.rest[0].display();
            Err(Failure::Usage(format!(
                "{what} is neither security groups nor asked for: logs are not read with --packet and --packets"
            )))
        }
        _ if matches!(options.format, Format::Csv | Format::Parquet) => {
            Err(Failure::Usage("--packet and --packets write a table or ndjson".into()))
        }
        (Some(packet), _) => one(packet, options, &policy),
        (_, Some(path)) => many(path, options, &policy),
    }
}

/// Reads the security groups, and prints the assumptions.
pub(super) fn load(options: &PolicyOptions, report: &Report) -> Result<Policy, Failure> {
    let Loaded { policy, notes } = options.sources.load()?;
    for note in notes {
        report.note(note);
    }
    Ok(policy)
}

/// Answers about one hypothetical packet.
fn one(packet: &str, options: &Options, policy: &Policy) -> Result<(), Failure> {
    let asked = &options.rules;
    let question = Question::parse(packet)?;
    let space = match &asked.spaces[..] {
        [] => None,
        [space] => Some(&**space),
        _ => return Err(Failure::Usage("a packet has one --space".into())),
    };
    let phase = asked.phase.unwrap_or(Phase::Running);
    let mut evaluator = policy.evaluator().ok_or_else(no_snapshot)?;
    let mut out = Out::new(options.output.as_deref())?;
    if options.format == Format::Ndjson {
        let mut line = Vec::new();
        let json = question.to_json(space, phase);
        evaluator.answer_line(json.as_bytes(), asked.near, &mut line);
        out.write_all(&line)?;
    } else {
        let answer = evaluator.evaluate(space, phase, &question.probe());
        people(&answer, policy, asked.near, &mut out)?;
    }
    Ok(out.finish()?)
}

fn no_snapshot() -> Failure {
    Failure::Other("there is no snapshot of security groups".into())
}

/// Writes an answer for people, one fact a line.
fn people(
    answer: &Evaluation,
    policy: &Policy,
    near: Option<usize>,
    out: &mut Out,
) -> Result<(), Failure> {
    let words = Words::new(policy);
    let taken_at = policy.snapshots().next_back().map(|snapshot| snapshot.taken_at.to_string());
    let codes: Vec<_> = answer.because.iter().map(Because::what).collect();
    let rows = [
        ("verdict", Some(words.verdict(answer))),
        ("certainty", certainty(answer.decided).map(str::to_owned)),
        ("because", (!codes.is_empty()).then(|| codes.join(" "))),
        ("log line", answer.verdict.map(|_| log_line(answer.log).to_owned())),
        ("rules of", taken_at),
    ];
    for (what, value) in rows {
        if let Some(value) = value {
            writeln!(out, "{what:<12}{value}")?;
        }
    }
    for rule in &answer.matches {
        writeln!(out, "{:<12}{}", "match", words.rule(rule))?;
    }
    let shown = near.unwrap_or(usize::MAX).min(answer.near.len());
    for near in &answer.near[..shown] {
        writeln!(out, "{:<12}{}", "remedy", words.change(near))?;
    }
    Ok(())
}

/// Answers about packets in lines of JSON, as they come.
fn many(path: &Path, options: &Options, policy: &Policy) -> Result<(), Failure> {
    let near = options.rules.near;
    let file = |error| Failure::from(Error::file(path.display().to_string(), error));
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(file)?)
    };
    let mut input = BufReader::with_capacity(64 << 10, input);
    let mut evaluator = policy.evaluator().ok_or_else(no_snapshot)?;
    let mut out = Out::new(options.output.as_deref())?;
    let (mut line, mut answer) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).map_err(file)? == 0 {
            return Ok(out.finish()?);
        }
        answer.clear();
        evaluator.answer_line(&line, near, &mut answer);
        out.write_all(&answer)?;
        // The next question may wait for this answer.
        if input.buffer().is_empty() {
            out.flush()?;
        }
    }
}

/// Explains every packet of logs.
fn logs(options: &Options, policy: &Policy, mut context: Context<'_>) -> Result<(), Failure> {
    let directory = Directory::new(options, &mut context)?;
    let Context { monitor, report } = context;
    let logs = Logs::new(&options.rest, true, options, &monitor)?;
    let (flows, gathered) = explained(options, policy, &logs, &directory)?;
    let near = options.rules.near;
    if let (Format::Parquet, Some(path)) = (options.format, options.output.as_deref()) {
        show::query_to_parquet(&flows, path)?;
    } else {
        let mut out = Out::new(options.output.as_deref())?;
        match options.format {
            Format::Ndjson => {
                let mut running = flows.run(Size::Small, || ExplainWriter::new(near))?;
                while let Some(text) = running.next()? {
                    out.write_all(&text)?;
                }
            }
            Format::Csv => {
                csv::write_rows::<Failure>(&flows, options.formulas, &mut out, Failure::from)?;
            }
            _ => table(options, policy, &flows, &directory, &mut out)?,
        }
        out.finish()?;
    }
    directory.close(report);
    let known = gathered.known(&*monitor)?;
    let (counts, outcomes) =
        known.map_or_else(Default::default, |known| (*known.counts(), known.outcomes().clone()));
    note_forgotten(&counts, report);
    if let Some(known) = gathered.known(&*monitor)? {
        let cells = known.completeness().report();
        let is_there = |name: &&str| cells.iter().any(|cell| cell.cell == *name);
        for name in policy.settings().cells().filter(|name| !is_there(name)) {
            report.note(format_args!("the settings name the cell {name}, and no line is from it"));
        }
    }
    if options.names.is_empty() && counts.packets > 0 {
        report.note("rules belong to spaces: to know them, give --cf, --api or --cc-export");
    }
    logs.close(&outcomes, report)
}

fn table(
    options: &Options,
    policy: &Policy,
    flows: &Query,
    directory: &Directory,
    out: &mut Out,
) -> Result<(), Failure> {
    let mut table = Table::with_columns(out, look(options), &COLUMNS);
    let (words, answers) = (Words::new(policy), directory.answers());
    let shows_near = options.rules.near != Some(0);
    let rows = || ExplainedRows {
        words: words.clone(),
        answers: answers.clone(),
        shows_near,
        rows: Vec::new(),
    };
    let mut running = flows.timed_run(rows)?;
    while let Some(rows) = running.next()? {
        for row in rows {
            table.push(row)?;
        }
    }
    Ok(table.finish()?)
}

impl RowSink for ExplainWriter {
    type Done = Vec<u8>;

    const TAKES_EXPLAINED: bool = true;

    fn explained(&mut self, row: &KnownRow<'_>, explained: &Explained) -> bool {
        self.add_known(row.flow, explained)
    }

    fn row(&mut self, row: &Row<'_>) {
        if let Row::Read(read @ ReadRow { flow: Some(flow), explained: Some(explained), .. }) = row
        {
            self.add(flow, explained);
            self.label(read);
        }
    }

    fn take(&mut self) -> Vec<u8> {
        Self::take(self)
    }
}

static COLUMNS: Columns<6> = Columns {
    heads: ["TIME (UTC)", "VERDICT", "APP", "DESTINATION", "WHY", "NEAREST CHANGE"],
    kept: &[0, 1, 3],
    arrow: 3,
    colour: |column, row| match column {
        1 => table::of_verdict(&row[1]),
        _ => None,
    },
};

/// The cells of explanations.
struct ExplainedRows {
    words: Words,
    answers: Answers,
    shows_near: bool,
    rows: Vec<[String; 6]>,
}

fn time(flow: &Flow<'_, '_>) -> String {
    flow.time.map_or_else(|| "-".to_owned(), |time| Zone::default().whole(time))
}

impl RowSink for ExplainedRows {
    type Done = Vec<[String; 6]>;

    fn row(&mut self, found: &Row<'_>) {
        let Row::Read(read @ ReadRow { flow: Some(flow), explained: Some(explained), .. }) = found
        else {
            return;
        };
        let explanation = &explained.explanation;
        let row = FlowRow::of(flow, self.answers.are_there()).labelled(read);
        let (verdict, owner) = (row.verdict().to_owned(), row.owner().to_owned());
        let (time, destination) = (time(flow), row.destination().to_owned());
        let why = self.words.because(explanation);
        // The verdict has a column of its own.
        let why = why.strip_prefix("allowed ").or(why.strip_prefix("denied ")).unwrap_or(&why);
        let shown = explanation.near.first().filter(|_| self.shows_near);
        let gain = match explanation.other_apps {
            None | Some(0) => String::new(),
            Some(1) => "; at least 1 other app gains it".to_owned(),
            Some(apps) => format!("; at least {apps} other apps gain it"),
        };
        let near = shown.map_or_else(|| "-".to_owned(), |near| self.words.change(near) + &gain);
        self.rows.push([time, verdict, owner, destination, why.to_owned(), near]);
    }

    fn take(&mut self) -> Vec<[String; 6]> {
        std::mem::take(&mut self.rows)
    }
}
