//! Saved ledgers: a loaded ledger, saved and loaded again, is equal.

use asg_core::{Ledger, SourceId};

/// The number of bytes before the tables, and behind them.
const HEADER: usize = 20;
const CHECKSUM: usize = 4;

/// Loads the bytes unchanged, and again with a valid header and checksum, because random changes
/// never find a checksum.
pub(crate) fn ledger(data: &[u8]) {
    load(data);
    let mut header = Ledger::new().to_bytes();
    header.truncate(12);
    let is_whole = data.starts_with(&header) && data.len() >= HEADER + CHECKSUM;
    let tables = if is_whole { &data[HEADER..data.len() - CHECKSUM] } else { data };
    let length = (HEADER + tables.len() + CHECKSUM) as u64;
    let mut saved = header;
    saved.extend_from_slice(&length.to_le_bytes());
    saved.extend_from_slice(tables);
    let checksum = crc32fast::hash(&saved);
    saved.extend_from_slice(&checksum.to_le_bytes());
    load(&saved);
}

fn load(saved: &[u8]) {
    let loaded = match Ledger::from_bytes(saved, SourceId(7)) {
        Ok(loaded) => loaded,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert!(loaded.len() <= saved.len(), "a container takes some bytes");
    let bytes = loaded.to_bytes();
    let mut again = Ledger::from_bytes(&bytes, SourceId(7)).expect("a saved ledger loads");
    assert_eq!(again.to_bytes(), bytes);
    assert_eq!(loaded.lifetimes().count(), loaded.len());
    for lifetime in loaded.lifetimes() {
        let _ = (lifetime.conflict(), lifetime.seen(), lifetime.destroyed());
    }
    // Bytes may contain facts that no evidence proves, so a ledger may learn from itself, but only
    // once.
    again.merge(&loaded);
    let merged = again.to_bytes();
    again.merge(&loaded);
    assert_eq!(again.to_bytes(), merged);
}
