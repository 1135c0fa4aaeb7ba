//! A file, line by line: each line gives one record, whatever it holds.
//!
//! `cargo run -p asg-examples --example parse_a_file -- kern.log`

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use asg_core::{Content, records};

/// How many lines of each kind there are, and how many packets went to each port.
type Counts = (BTreeMap<&'static str, u64>, BTreeMap<u16, u64>);

fn count(path: &Path) -> io::Result<Counts> {
    let (mut kinds, mut ports) = Counts::default();
    // Gzip and archives are `asg_cli::input`'s; this opens plain text.
    for item in records(BufReader::new(File::open(path)?)) {
        let (number, kept) = item?;
        kept.with(|record| {
            *kinds.entry(record.kind()).or_default() += 1;
            match &record.content {
                Content::Packet { packet, .. } => {
                    if let [_, Some(port)] = packet.ip.ports() {
                        *ports.entry(port).or_default() += 1;
                    }
                }
                // A line that is cut or changed keeps what could be read, with an offset.
                Content::Damaged(damaged) => eprintln!("line {number}: {}", damaged.error),
                // Lines about containers, iptables-logger's, whole documents, and all others.
                _ => {}
            }
        });
    }
    Ok((kinds, ports))
}

fn main() -> io::Result<()> {
    let sample = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../asg-cli/data/foundation.log");
    let path = std::env::args_os().nth(1).map_or_else(sample, PathBuf::from);
    let (kinds, ports) = count(&path)?;
    println!("{kinds:?}\n{ports:?}");
    if path == sample() {
        assert_eq!(kinds["packet"], 9);
        assert_eq!(ports[&8080], 2);
    }
    Ok(())
}

#[test]
fn it_runs() {
    main().unwrap();
}
