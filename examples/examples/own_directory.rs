//! Names from wherever you keep them: any type can be a directory.
//!
//! `cargo run -p asg-examples --example own_directory`

use std::collections::HashMap;
use std::convert::Infallible;

use asg_core::names::{AppState, Entity};
use asg_core::{Directory, Gathering, Guid, Identity, Line, Origin, SourceId};

/// A list of apps that someone wrote down.
struct Inventory(HashMap<Guid, &'static str>);

impl Directory for Inventory {
    type Error = Infallible;

    fn identities(&mut self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Infallible> {
        let row = |guid: &Guid| {
            let app = Entity::named(guid.to_string(), *self.0.get(guid)?);
            let identity =
                Identity { state: AppState::Live, app: Some(app), ..Identity::unknown() };
            Some((*guid, identity))
        };
        Ok(guids.iter().filter_map(row).collect())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut inventory =
        Inventory(HashMap::from([("4ccbb24c-268e-421a-9d1b-3678b6eb40d0".parse()?, "proxy")]));

    let log = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../asg-cli/data/article.log"));
    let lines: Vec<_> = (1..)
        .zip(log.split(|b| *b == b'\n'))
        .map(|(line, text)| (Origin { source: SourceId(0), line }, text))
        .collect();

    // The first phase takes every line, in any order.
    let mut gathering = Gathering::new();
    for (origin, text) in &lines {
        gathering.ingest(*origin, text);
    }
    // iptables-logger's lines, if there are any, need a second look at all lines.
    let mut gathered = gathering.finish(|joiner| {
        for (origin, text) in &lines {
            joiner.look(*origin, text);
        }
        Ok::<(), Infallible>(())
    })?;
    // The directory is asked once, for all owners of packets.
    gathered.resolve(&mut inventory)?;

    // The second phase makes a flow of each packet. Threads could share the correlation.
    let correlation = gathered.correlate();
    let mut reader = correlation.reader();
    let mut seen = Vec::new();
    for (origin, text) in &lines {
        let line = Line::new(text);
        if let Some(flow) = reader.flow(*origin, &line) {
            let name = flow.identity.and_then(|i| i.app.as_ref()?.name.clone());
            seen.push((name, flow.attribution.certainty, flow.packet().ip.dst));
        }
    }
    for (name, certainty, destination) in &seen {
        println!("{name:?} -> {destination:?} ({certainty:?})");
    }
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|(name, ..)| name.as_deref() == Some("proxy")));
    Ok(())
}

#[test]
fn it_runs() {
    main().unwrap();
}
