//! Evidence that comes again is only handed on by its place; the ledger is that of all lines.

use proptest::prelude::*;

use super::gatherer::Fact;
use super::*;
use crate::evidence::{NameKind, SourceId};
use crate::line::Line;
use crate::record::Record;

const GUIDS: [&str; 3] = [
    "d08bb414-cdba-4381-412a-e9ecc1b7d0f4",
    "7086ad36-b457-474a-4497-0d6b",
    "f842e50f-f22f-4929-4e59-86869693fff5",
];

/// A lager line of a machine.
fn line(
    (host, second): (&str, u8),
    (source, message): (&str, &str),
    (handle, process, index): (usize, usize, u8),
) -> String {
    let (handle, process) = (GUIDS[handle], GUIDS[process]);
    format!(
        r#"2017-06-22T13:07:{second:02}Z {host} vcap.rep: {{"timestamp":"1498136{second:03}.889604807","source":"{source}","message":"{source}.x{message}","log_level":1,"data":{{"container-guid":"{handle}","lrp-instance-key":{{"instance_guid":"{handle}","cell_id":"cell"}},"lrp-key":{{"process_guid":"{process}-{process}","index":{index},"domain":"cf-apps"}},"net_info":{{"address":"10.0.16.12","instance_address":"10.255.73.{index}"}},"session":"9.{second}"}}}}"#
    )
}

/// The ledger of all lines, each added whole.
fn slow(lines: &[(Origin, String)]) -> Ledger {
    let mut ledger = Ledger::new();
    for (origin, text) in lines {
        let line = Line::new(text.as_bytes());
        let record = Record::classify(&line);
        record.evidence(*origin, |mut evidence| {
            let name = NameKind::of(&record.envelope).filter(|_| evidence.is_cells_own);
            if let Some((name, kind)) = name {
                (evidence.machine, evidence.machine_kind) = (Some(name.into()), kind);
            }
            ledger.add(evidence);
        });
    }
    ledger
}

proptest! {
    #[test]
    fn evidence_that_comes_again_is_as_if_it_were_new(
        lines in prop::collection::vec(
            (
                (prop::sample::select(vec!["cell-1", "cell-2"]), 0..60_u8),
                (
                    prop::sample::select(vec!["rep", "bbs"]),
                    prop::sample::select(vec![
                        ".y", ".stop-container", ".node-create.container-created",
                        ".destroyed-container-in-garden", ".failed-to-get-container",
                    ]),
                ),
                (0..2_usize, 1..3_usize, 0..2_u8),
            ),
            1..60,
        ),
        places in prop::collection::vec((0..2_u32, 1..100_u64), 60),
        pieces in prop::collection::vec((0..2_usize, any::<bool>()), 60),
    ) {
        let lines: Vec<_> = lines
            .into_iter()
            .zip(places)
            .map(|((when, what, who), (source, number))| {
                (Origin { source: SourceId(source), line: number }, line(when, what, who))
            })
            .collect();
        let mut gathering = Gathering::new();
        let mut gatherers = [gathering.gatherer(), gathering.gatherer()];
        let mut again = 0;
        let mut last = 0;
        let mut merge = |gathering: &mut Gathering, gatherer: &mut Gatherer| {
            let batch = gatherer.take_batch();
            let is_again = |fact: &&Fact| matches!(fact, Fact::Again { .. });
            again += batch.evidence.iter().filter(is_again).count();
            gathering.merge(batch, 0).unwrap();
        };
        for ((origin, text), (at, ends)) in lines.iter().zip(pieces) {
            if at != last || ends {
                merge(&mut gathering, &mut gatherers[last]);
                last = at;
            }
            gatherers[at].ingest(*origin, text.as_bytes());
        }
        merge(&mut gathering, &mut gatherers[last]);
        prop_assert_eq!(gathering.ledger().to_bytes(), slow(&lines).to_bytes());
        prop_assert_eq!(gathering.counts().evidence, lines.len() as u64);
        prop_assert!(again > 0 || lines.len() < 40);
    }
}

#[test]
fn lines_that_name_no_container_are_no_evidence_however_often_they_come() {
    let mut gathering = Gathering::new();
    for (number, second) in (1..).zip(0..4) {
        let text =
            line(("cell-1", second), ("rep", ".y"), (0, 1, 0)).replace(GUIDS[0], "two words");
        gathering.ingest(Origin { source: SourceId(0), line: number }, text.as_bytes());
    }
    let gathered = gathering.finish(|_| Ok::<(), std::convert::Infallible>(())).unwrap();
    assert_eq!((gathered.counts().lines, gathered.counts().evidence), (4, 0));
    assert_eq!(gathered.ledger().len(), 0);
}
