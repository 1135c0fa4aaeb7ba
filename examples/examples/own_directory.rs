//! Names from wherever you keep them: any type can be a directory.
//!
//! `cargo run -p asg-examples --example own_directory`

use std::collections::HashMap;

use asg_cc_client::{Directory, Error};
use asg_core::{AppState, Correlator, Entity, Guid, Identity, Origin, SourceId};

/// A list of apps that someone wrote down.
struct Inventory(HashMap<Guid, &'static str>);

impl Directory for Inventory {
    fn resolve(&self, ids: &[Guid]) -> Result<Vec<Identity>, Error> {
        let one = |id: &Guid| match self.0.get(id) {
            Some(name) => Identity {
                state: AppState::Live,
                app: Some(Entity::named(id.to_string(), *name)),
                ..Identity::unknown()
            },
            None => Identity::unknown(),
        };
        Ok(ids.iter().map(one).collect())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let inventory =
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
        |ids| inventory.resolve(ids).expect("a list cannot fail"),
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
