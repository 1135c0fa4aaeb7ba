//! What a bundle says of itself.

use std::collections::BTreeMap;

use asg_core::{Correlation, TimePolicy, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::explain::LinesLost;
use crate::time::{set_utc_offset, set_year};

/// The name of the format, and its version.
const FORMAT: (&str, u32) = ("asglog evidence bundle", 1);

/// The first page of a bundle: what was asked, of which files, by which program, and the digest of
/// every member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: String,
    format_version: u32,
    /// The version of the program that made it.
    pub program_version: String,
    /// The question.
    pub question: Question,
    /// How the logs were read.
    pub options: Reading,
    /// The files on disk.
    pub files: Vec<FileDigest>,
    /// The logs in them, in the order in which they were read.
    pub sources: Vec<SourceEntry>,
    /// Saved ledgers.
    pub ledgers: Vec<LedgerEntry>,
    /// The packets in question.
    pub packets: u64,
    /// The packets in question, by the certainty of their owner.
    pub certainty: BTreeMap<String, u64>,
    /// What the whole logs lack, as far as they show it. A selection of their lines cannot show
    /// that again.
    pub completeness: Vec<CellEntry>,
    /// The notes about lost lines, which explanations mention.
    pub lines_lost: Vec<LinesLost>,
    /// The number of apps of each space that the directory named, by the space's GUID, which
    /// explanations mention.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub space_apps: BTreeMap<String, u64>,
    /// Whether names were asked for.
    pub has_names: bool,
    /// Whether packets are explained.
    pub is_explained: bool,
    /// Whether all lines are there.
    pub is_whole: bool,
    /// The SHA-256 digest of each member but this one.
    pub members: BTreeMap<String, String>,
}

impl Manifest {
    pub(super) fn new(question: Question, options: Reading) -> Self {
        let (format, format_version) = FORMAT;
        Self {
            format: format.to_owned(),
            format_version,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            question,
            options,
            files: Vec::new(),
            sources: Vec::new(),
            ledgers: Vec::new(),
            packets: 0,
            certainty: BTreeMap::new(),
            completeness: Vec::new(),
            lines_lost: Vec::new(),
            space_apps: BTreeMap::new(),
            has_names: false,
            is_explained: false,
            is_whole: false,
            members: BTreeMap::new(),
        }
    }

    /// Parses a manifest.
    ///
    /// # Errors
    ///
    /// If it is none, or of another version of the format.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            format_version: u32,
        }
        let wrong = |error: serde_json::Error| format!("its manifest cannot be read: {error}");
        let head: Head = serde_json::from_slice(text).map_err(wrong)?;
        if head.format != FORMAT.0 {
            return Err("it is another kind of archive".into());
        }
        if head.format_version != FORMAT.1 {
            let (theirs, ours) = (head.format_version, FORMAT.1);
            return Err(format!("its format has version {theirs}, and this program reads {ours}"));
        }
        serde_json::from_slice(text).map_err(wrong)
    }
}

/// Which packets are in question.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The app, by name, GUID, process GUID, handle or address; all apps if it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Packets from this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Packets before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Conditions as `--where` takes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
}

/// How the logs were read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// `--year`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<String>,
    /// `--utc-offset`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utc_offset: Option<String>,
    /// `--remember`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remember: Option<usize>,
}

impl Reading {
    /// Returns how times are completed.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for a text that the options do not take.
    pub(super) fn policy(&self) -> Result<TimePolicy, Error> {
        let mut policy = TimePolicy::default();
        let year = self.year.as_ref().map_or(Ok(()), |year| set_year(&mut policy, year));
        let zone = self.utc_offset.as_ref().map_or(Ok(()), |it| set_utc_offset(&mut policy, it));
        year.and(zone).map_err(|error| Error::Value(error.to_string()))?;
        Ok(policy)
    }
}

/// A file as it was on disk when the bundle was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    /// Its name, as it was given.
    pub name: String,
    /// Its size. A log that grew later begins with these bytes.
    pub bytes: u64,
    /// Their SHA-256 digest.
    pub sha256: String,
}

/// A log that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceEntry {
    /// Its name, by which answers cite it.
    pub name: String,
    /// The name of the file that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The member with its lines; missing if none of them is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
}

/// A saved ledger. Containers that are not in the answers have no owners there, unless it is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerEntry {
    /// Its name, by which answers cite it.
    pub name: String,
    /// The member.
    pub member: String,
    /// Whether it is the whole file, with the processes of all containers.
    pub is_whole: bool,
}

/// What is missing from the logs of a cell at least.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellEntry {
    /// The cell.
    pub cell: String,
    /// Lines that programs report to have dropped.
    pub dropped: u64,
    /// Records of the kernel's buffer whose numbers are missing.
    pub missing_records: u64,
    /// Packets that are folded into another line.
    pub folded: u64,
    /// Lines that are cut, split or malformed.
    pub damaged: u64,
    /// Log prefixes in question that reached the limit of what is logged, and how often.
    pub at_limit: BTreeMap<String, u64>,
}

impl CellEntry {
    /// Returns what the logs lack about these cells and log prefixes.
    pub(super) fn all(
        correlation: &Correlation,
        is_cell: impl Fn(&str) -> bool,
        is_prefix: impl Fn(&str) -> bool,
    ) -> Vec<Self> {
        let report = correlation.completeness().report();
        let cells = report.iter().filter(|cell| is_cell(cell.cell));
        cells
            .map(|cell| Self {
                cell: cell.cell.to_owned(),
                dropped: cell.dropped,
                missing_records: cell.missing_records,
                folded: cell.folded,
                damaged: cell.damaged,
                at_limit: cell
                    .at_limit
                    .iter()
                    .filter(|limit| is_prefix(limit.prefix))
                    .map(|limit| (limit.prefix.to_owned(), limit.spans))
                    .collect(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_of_another_kind_or_version_is_refused() {
        let mut manifest = Manifest::new(Question::default(), Reading::default());
        let parsed = |manifest: &Manifest| Manifest::parse(&serde_json::to_vec(manifest).unwrap());
        assert_eq!(parsed(&manifest).unwrap(), manifest);
        manifest.format_version += 1;
        let what = "its format has version 2, and this program reads 1";
        assert_eq!(parsed(&manifest).unwrap_err(), what);
        manifest.format = "case file".into();
        assert_eq!(parsed(&manifest).unwrap_err(), "it is another kind of archive");
    }
}
