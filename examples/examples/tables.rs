//! Flows of files as a table: opened, correlated, filtered, collected.
//!
//! `cargo run -p asg-examples --example tables -- kern.log rep.stdout.log`

use std::path::{Path, PathBuf};

use asg_cli::answers::{self, Measure};
use asg_cli::error::Error;
use asg_cli::output::grid::write_table;
use asg_cli::output::table::Look;
use asg_cli::query::{Given, Query, for_each};

/// A denied packet, as a program of one's own may keep it.
#[derive(Debug, PartialEq, Eq)]
struct Denied {
    handle: Option<String>,
    destination: String,
}

/// Collects the denied packets of these logs. They are read in constant memory.
fn denied(flows: &Query) -> Result<Vec<Denied>, Error> {
    let denied = flows.filter("verdict", vec![Given::Text("denied".into())])?;
    let mut found = Vec::new();
    for_each(denied.rows(), |row| {
        let Some(flow) = row.flow() else { return Ok(()) };
        let container = flow.attribution.container();
        let ip = &flow.packet().ip;
        let address = ip.dst.map_or_else(String::new, |address| address.to_string());
        let port = ip.ports()[1].map_or_else(String::new, |port| format!(":{port}"));
        found.push(Denied {
            handle: container.map(|container| container.handle().to_string()),
            destination: address + &port,
        });
        Ok::<_, Error>(())
    })?;
    Ok(found)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if paths.is_empty() {
        paths = sample();
    }
    let flows = Query::flows_of(paths);
    for denied in denied(&flows)? {
        println!("{} was denied {}", denied.handle.as_deref().unwrap_or("?"), denied.destination);
    }
    // The largest senders, in a table for people.
    let by = flows.by(&["app".into(), "destination".into()])?;
    let top = answers::top(&flows, &by, Some(5), Measure::Packets)?;
    write_table(&top, &Look::default(), &mut std::io::stdout())?;
    // Arrow record batches with these rows, for other libraries.
    let rows: usize = flows
        .select(&["time", "handle", "dst", "dpt"])?
        .batches()
        .map(|batch| batch.map(|batch| batch.num_rows()))
        .sum::<Result<_, _>>()?;
    println!("{rows} rows in Arrow");
    Ok(())
}

/// Returns the sample logs of this repository.
fn sample() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../asg-cli/data");
    vec![folder.join("article.log"), folder.join("foundation.log")]
}

#[test]
fn denied_packets_are_collected_with_their_handles() {
    let found = denied(&Query::flows_of(sample())).unwrap();
    let destinations: Vec<_> = found.iter().map(|denied| &*denied.destination).collect();
    assert_eq!(destinations, ["203.0.113.25:5432", "10.255.73.5:8080", "192.0.2.99:25"]);
    assert!(found[0].handle.is_some() && found[2].handle.is_none());
}
