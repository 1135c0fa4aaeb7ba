//! The fuzz corpora, replayed on a stable compiler, and a short random walk from each of their
//! files.

#[path = "../../fuzz/src/targets.rs"]
mod targets;

use std::path::Path;

#[test]
fn every_corpus_file_keeps_the_laws() {
    for (name, target) in targets::TARGETS {
        for data in corpus(name) {
            target(&data);
        }
    }
}

#[test]
fn every_cut_and_every_changed_byte_of_a_corpus_file_keeps_the_laws() {
    for (name, target) in targets::TARGETS {
        // The pipeline target is slow.
        let step = if *name == "pipeline" { 13 } else { 1 };
        for data in corpus(name) {
            for at in (0..data.len()).step_by(step) {
                target(&data[..at]);
                for byte in [b' ', b'=', b'0', b'[', b']', 0xff] {
                    let mut changed = data.clone();
                    changed[at] = byte;
                    target(&changed);
                }
            }
        }
    }
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    assert!(!paths.is_empty(), "no corpus for {name}");
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}
