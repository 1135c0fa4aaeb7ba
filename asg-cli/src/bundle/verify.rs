//! Verifies a bundle: its bytes, and every answer in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::answers::{Answers, lines};
use super::case::{ANSWERS, Case, EXPLANATIONS, MANIFEST, Means};
use super::manifest::Manifest;
use super::pack;
use crate::error::Error;
use crate::monitor::Monitor;
use crate::pipeline::Threads;

/// What the verification of a bundle found.
#[derive(Debug)]
pub struct Verdict {
    /// What the bundle says of itself.
    pub manifest: Manifest,
    /// The SHA-256 digest of the file, in hexadecimal digits.
    pub digest: String,
    /// Each answer, in the order of the bundle.
    pub answers: Vec<Answer>,
    /// Answers that follow from the lines, and are not in the bundle.
    pub missing: u64,
}

/// An answer, and whether it follows from the lines of the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The log of the packet.
    pub source: String,
    /// Its line there.
    pub line: u64,
    /// Whether the answer follows.
    pub holds: bool,
    /// Whether it is an explanation.
    pub is_explanation: bool,
}

impl Verdict {
    /// Returns whether every answer holds, and none is missing.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.missing == 0 && self.answers.iter().all(|answer| answer.holds)
    }
}

/// Verifies the bytes of a bundle.
///
/// ```
/// use std::sync::Arc;
/// use asg_cli::bundle::verify;
/// use asg_cli::monitor::Unattended;
/// use asg_cli::pipeline::Threads;
///
/// let error = verify(b"PK", Arc::new(Unattended), Threads::ONE).unwrap_err();
/// assert!(error.to_string().starts_with("it is no zip archive"));
/// ```
///
/// # Errors
///
/// [`Error::Value`] if a byte was changed, or if it is no bundle; those of the monitor.
pub fn verify(bytes: &[u8], monitor: Arc<dyn Monitor>, threads: Threads) -> Result<Verdict, Error> {
    let members = pack::unpack(bytes).map_err(Error::Value)?;
    let text = members.get(MANIFEST).ok_or_else(|| Error::Value("it has no manifest".into()))?;
    let manifest = Manifest::parse(text).map_err(Error::Value)?;
    let digests: BTreeMap<_, _> = members
        .iter()
        .filter(|(name, _)| *name != MANIFEST)
        .map(|(name, bytes)| (name.clone(), pack::digest(bytes)))
        .collect();
    if let Some(name) = difference(&digests, &manifest.members) {
        let what =
            format!("{name} is not what the manifest says: it was changed, added or removed");
        return Err(Error::Value(what));
    }
    let case = Case::unpack(&manifest, &members).map_err(Error::Value)?;
    let found = case.answers(&Means { monitor, threads })?;
    let said = |name| members.get(name).map_or(&b""[..], Vec::as_slice);
    let mut verdict =
        Verdict { digest: pack::digest(bytes), manifest, answers: Vec::new(), missing: 0 };
    let Answers { flows, explanations, .. } = &found;
    verdict.compare(said(ANSWERS), flows, false);
    verdict.compare(said(EXPLANATIONS), explanations, true);
    Ok(verdict)
}

/// Returns the first name that has another value in the other map, or none.
fn difference<'m>(
    one: &'m BTreeMap<String, String>,
    other: &'m BTreeMap<String, String>,
) -> Option<&'m str> {
    let names = one.keys().chain(other.keys());
    names.map(String::as_str).find(|name| one.get(*name) != other.get(*name))
}

impl Verdict {
    fn compare(&mut self, said: &[u8], found: &[u8], is_explanation: bool) {
        let mut follows: BTreeMap<&[u8], u64> = BTreeMap::new();
        for answer in lines(found) {
            *follows.entry(answer).or_default() += 1;
        }
        for answer in lines(said) {
            let left = follows.get_mut(answer).filter(|left| **left > 0);
            let holds = left.is_some();
            if let Some(left) = left {
                *left -= 1;
            }
            let object: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
            let source = object["source"].as_str().unwrap_or("?").to_owned();
            let line = object["line"].as_u64().unwrap_or(0);
            self.answers.push(Answer { source, line, holds, is_explanation });
        }
        self.missing += follows.values().sum::<u64>();
    }
}
