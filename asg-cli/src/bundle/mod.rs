//! Evidence bundles: the answers to a question with the lines that prove them, in one file that
//! others can verify.
//!
//! # Overview
//!
//! [`make`] asks a question of logs, and keeps of their lines those that the answers need. It
//! verifies what it has kept before it lets it out. [`verify`] checks each byte of a bundle, makes
//! every answer again from the lines in it, and says which hold.
//!
//! # What is in a bundle
//!
//! | member | what |
//! |---|---|
//! | `manifest.json` | the question, the options, the files with their digests, the digest of each member |
//! | `answers.ndjson` | the answers, as `asglog correlate --format ndjson --flow-id` writes them |
//! | `explanations.ndjson` | the explanations, as `asglog explain --format ndjson` writes them |
//! | `lines/NNNN.txt` | lines of one log, as `grep -n` prints them: those about the packets and the containers in the answers, and what other lines show of the clocks |
//! | `extracts.ndjson` | what lines prove about these containers that are about others, too |
//! | `rivals.ledger` | containers that others could be taken for: handle, machine, times and addresses |
//! | `ledgers/NNNN.ledger` | saved ledgers; containers that are not in the answers without their owners |
//! | `names.ndjson` | what the directory answered about the owners |
//! | `rules/…` | security groups and settings |
//!
//! # Errors
//!
//! A bundle whose bytes were changed is an error, because nothing in it can be trusted. Answers
//! that do not hold are a [`Verdict`].

mod answers;
mod case;
mod choose;
mod head;
mod make;
mod manifest;
mod pack;
mod pick;
#[cfg(test)]
mod tests;
mod verify;

pub use self::make::{Bundle, Sources, make};
pub use self::manifest::{
    CellEntry, FileDigest, LedgerEntry, Manifest, Question, Reading, SourceEntry,
};
pub use self::verify::{Answer, Verdict, verify};
