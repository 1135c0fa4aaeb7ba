//! The fuzz corpora, replayed on a stable compiler, and a short random walk from each of their
//! files.

#[path = "../../fuzz/src/targets.rs"]
mod targets;

use std::path::Path;

use asg_benches::parallel::in_parallel;

#[test]
fn every_corpus_file_keeps_the_laws() {
    in_parallel(files(), |(_, target, data)| target(&data));
}

#[test]
fn every_cut_and_every_changed_byte_of_a_corpus_file_keeps_the_laws() {
    in_parallel(files(), |(name, target, data)| {
        // All ways from lines to flows take their time, and so do questions to a whole client.
        let step = match name {
            "pipeline" => 13,
            "answers" | "export" | "rules" => 5,
            _ => 1,
        };
        for at in (0..data.len()).step_by(step) {
            target(&data[..at]);
            for byte in [b' ', b'=', b'0', b'[', b']', 0xff] {
                let mut changed = data.clone();
                changed[at] = byte;
                target(&changed);
            }
        }
    });
}

/// A file: the name of its target, the target, and the bytes.
type File = (&'static str, fn(&[u8]), Vec<u8>);

fn files() -> impl Iterator<Item = File> {
    targets::TARGETS
        .iter()
        .flat_map(|(name, target)| corpus(name).into_iter().map(|data| (*name, *target, data)))
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
