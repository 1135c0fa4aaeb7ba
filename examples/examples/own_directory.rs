//! Names from wherever you keep them: any type can be a directory.
//!
//! `cargo run -p asg-examples --example own_directory`

use std::collections::HashMap;
use std::convert::Infallible;

use asg_core::{AppState, Correlator, Directory, Entity, Guid, Identity, Origin, SourceId};

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

    // First pass: every line, in any order. What is evidence is kept, what is a packet is for the second pass.
    let log = include_bytes!("../../asg-cli/data/article.log");
    let lines: Vec<_> = (1..)
        .zip(log.split(|b| *b == b'\n'))
        .map(|(line, text)| (Origin { source: SourceId(0), line }, text))
        .collect();
    let mut correlator = Correlator::new();
    for (origin, text) in &lines {
        correlator.observe(*origin, text);
    }

    // Second pass: the directory is asked once for all that is new, and each packet gets its answer.
    let mut seen = Vec::new();
    correlator.flows(
        &lines,
        |guids| {
            let found = inventory.identities(guids).expect("a list cannot fail");
            let one = |guid| found.get(guid).cloned().unwrap_or_else(Identity::unknown);
            guids.iter().map(one).collect()
        },
        |flow| {
            let name = flow.identity.and_then(|i| i.app.as_ref()?.name.clone());
            seen.push((name, flow.attribution.certainty, flow.packet.ip.dst));
        },
    );
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
