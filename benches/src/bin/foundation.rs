//! Makes a folder with the logs of a whole foundation, and the truth about them.
//!
//! ```text
//! cargo run --release -p asg-benches --bin foundation -- --era silk --cells 3 --containers 60 --minutes 10 OUT_DIR
//! ```

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use asg_benches::accuracy::settings_of;
use asg_benches::sim::{Config, Damage, Envelope, Era, Folder, Layout, Rules, Simulation, Totals};
use lexopt::prelude::*;
use serde_json::{Value, json};

const HELP: &str = "\
Makes a folder with the logs of a whole Cloud Foundry foundation, and the truth about them.

usage: foundation [options] OUT_DIR

  --era NAME            which handles, prefixes and formats (silk-modern)
                        warden, chains, garden-linux, guardian-36, guardian-28-glued, guardian-28, netman,
                        cf-networking, silk, silk-modern, silk-ipv6
  --seed N              decides all that chance decides (1)
  --cells N             cells, of at most 253 containers (3)
  --containers N        instances of processes (60)
  --minutes N           for how long (10)
  --rate N              packets per container and minute (20)
  --actions N           what people do per minute, all together (a twentieth of the containers, at least 3)
  --envelope NAME       how lines reach an operator (the era's usual one)
                        files, rfc3164, metron, metron-shown, job-path, deployment-path, bosh-tag, rfc5424,
                        console, dev-kmsg, journal
  --layout NAME         which lines share a file: per-log, per-cell, one (per-log)
  --damage NAME         what goes wrong (none)
                        none, duplicates, two-ways, colliding, unseen, lost-30, lost-90, rotated, cut, clocks,
                        stalls, stalls-colliding, zone, summer-begins, summer-ends, new-year, forged,
                        logger-only, relays, nameless, all
  --debug               rep logs at debug level
  --rules               security groups decide about packets, and people change them
  --no-truth            leaves truth.ndjson out, which is larger than the logs
  -h, --help            this text

The folder must be empty or new. It gets the logs, truth.ndjson (one object per packet line), containers.ndjson (one per
container) and cc.json (what Cloud Controller knew, and when). With --rules it also gets groups.json (listings of the
groups), settings.json, apps.json and processes.json, for `asglog explain`. The same arguments give the same bytes on every
machine.

examples:
  foundation --era guardian-36 --envelope metron-shown /tmp/article
  foundation --era silk-modern --damage all --seed 7 /tmp/bad-day
  foundation --cells 1500 --containers 250000 --minutes 2 --rate 10 --no-truth /tmp/large
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("foundation: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut config = Config::new(Era::SilkModern);
    let (mut envelope, mut out, mut truth): (Option<Envelope>, _, _) = (None, None, true);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("era") => config.era = args.value()?.parse()?,
            Long("seed") => config.seed = args.value()?.parse()?,
            Long("cells") => config.cells = args.value()?.parse()?,
            Long("containers") => config.containers = args.value()?.parse()?,
            Long("minutes") => config.minutes = args.value()?.parse()?,
            Long("rate") => config.packets_per_minute = args.value()?.parse()?,
            Long("actions") => config.actions_per_minute = Some(args.value()?.parse()?),
            Long("envelope") => envelope = Some(args.value()?.parse()?),
            Long("layout") => config.layout = args.value()?.parse_with(layout)?,
            Long("damage") => config.damage = args.value()?.parse::<Damage>()?,
            Long("debug") => config.debug = true,
            Long("rules") => config.rules = Some(Rules::default()),
            Long("no-truth") => truth = false,
            Short('h') | Long("help") => {
                io::stdout().write_all(HELP.as_bytes())?;
                return Ok(());
            }
            Value(folder) if out.is_none() => out = Some(folder),
            _ => return Err(arg.unexpected().into()),
        }
    }
    config.envelope = envelope.unwrap_or(config.era.usual_envelope());
    let mut folder =
        Folder::create(out.ok_or("no folder to write to was named; see --help")?, truth)?;
    let cc = BufWriter::new(File::create(folder.root().join("cc.json"))?);
    let mut told = Instant::now();
    let simulation = Simulation::run_with(&config, &mut folder, |minutes, totals| {
        if told.elapsed().as_secs() >= 2 {
            told = Instant::now();
            eprintln!("{minutes} of {} minutes: {}", config.minutes, sentence(totals));
        }
    })?;
    let root = folder.root().to_owned();
    folder.finish()?;
    simulation.history().write(cc)?;
    if config.rules.is_some() {
        rules(&config, &simulation, &root)?;
    }
    eprintln!("{}", sentence(simulation.totals()));
    Ok(())
}

/// Writes what `asglog explain` needs beside the logs.
fn rules(config: &Config, simulation: &Simulation, root: &Path) -> io::Result<()> {
    let put = |name: &str, text: String| fs::write(root.join(name), text);
    let listings = simulation.groups().listings().iter();
    put("groups.json", listings.map(|listing| format!("{}\n", listing.json)).collect())?;
    put("settings.json", format!("{}\n", settings_of(config, simulation)))?;
    let end = simulation.start() + i64::from(config.minutes) * 60_000_000_000;
    let known = simulation.history().at(end);
    let page = |resources: Vec<Value>| {
        let pagination = json!({ "total_results": resources.len(), "next": null });
        format!("{}\n", json!({ "pagination": pagination, "resources": resources }))
    };
    let link = |kind: &str, guid: &str| json!({ "self": { "href": format!("https://api.example.org/v3/{kind}/{guid}") } });
    let apps = known.apps.iter().map(|app| {
        json!({
            "guid": app.guid, "name": app.name, "lifecycle": {}, "links": link("apps", &app.guid),
            "relationships": { "space": { "data": { "guid": app.space } } },
        })
    });
    put("apps.json", page(apps.collect()))?;
    let processes = known.processes.iter().map(|process| {
        json!({
            "guid": process.guid, "type": process.process_type,
            "links": link("processes", &process.guid),
            "relationships": { "app": { "data": { "guid": process.app } } },
        })
    });
    put("processes.json", page(processes.collect()))
}

fn layout(name: &str) -> Result<Layout, String> {
    match name {
        "per-log" => Ok(Layout::PerLog),
        "per-cell" => Ok(Layout::PerCell),
        "one" => Ok(Layout::One),
        _ => Err(format!("no layout is called `{name}`; there are per-log, per-cell, one")),
    }
}

fn sentence(totals: &Totals) -> String {
    format!(
        "{} lines, {} of them packets, {} MB, {} containers",
        totals.lines,
        totals.packets,
        totals.bytes / 1_000_000,
        totals.containers
    )
}
