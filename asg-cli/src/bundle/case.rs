//! What is in a bundle, and the answers that follow from it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use asg_core::evidence::Evidence;
use asg_core::policy::{CellSettings, Policy, Snapshot};
use asg_core::{Guid, Identity, SourceId};

use super::answers::Answers;
use super::manifest::{Manifest, Question, Reading};
use super::pack::Members;
use crate::error::Error;
use crate::explain::OfWhole;
use crate::flows::Gathered;
use crate::input::{Opened, ReadCounter, SeparateLines, Source};
use crate::ledger_file;
use crate::lines::Readers;
use crate::monitor::Monitor;
use crate::names::Names;
use crate::origins;
use crate::pipeline::Threads;
use crate::query::Query;

pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const ANSWERS: &str = "answers.ndjson";
pub(super) const EXPLANATIONS: &str = "explanations.ndjson";
const EXTRACTS: &str = "extracts.ndjson";
const RIVALS: &str = "rivals.ledger";
const NAMES: &str = "names.ndjson";
const RULES: &str = "rules/security-groups.ndjson";
const SETTINGS: &str = "rules/settings.json";

/// What answers are made from.
#[derive(Debug, Default)]
pub(super) struct Case {
    pub(super) question: Question,
    pub(super) options: Reading,
    /// By the places of the logs.
    pub(super) logs: Vec<Kept>,
    /// What lines prove that are not there because they are about others, too. Their sources are
    /// places in `logs`.
    pub(super) extracts: Vec<Evidence>,
    /// Containers that others could be taken for, without their owners.
    pub(super) rivals: Option<Vec<u8>>,
    /// Saved ledgers, by name.
    pub(super) ledgers: Vec<(String, Vec<u8>)>,
    /// What the directory answered, if it was asked.
    pub(super) names: Option<BTreeMap<Guid, Identity>>,
    pub(super) rules: Option<Rules>,
    pub(super) of_whole: OfWhole,
}

/// Security groups and settings, as JSON.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    pub(super) snapshots: Vec<u8>,
    pub(super) settings: Vec<u8>,
}

/// The lines of a log that are there.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    pub(super) name: String,
    /// By number, in their order.
    pub(super) lines: BTreeMap<u64, Vec<u8>>,
}

/// How to work.
#[derive(Debug)]
pub(super) struct Means {
    pub(super) monitor: Arc<dyn Monitor>,
    pub(super) threads: Threads,
}

impl Case {
    /// Returns the answers that follow from it.
    ///
    /// # Errors
    ///
    /// If something in it is not as it was written, and those of the monitor.
    pub(super) fn answers(&self, means: &Means) -> Result<Answers, Error> {
        let numbers = numbers(self.logs.iter().map(|log| &*log.name));
        let number = |place: u32| numbers.get(place as usize).copied();
        let source = |(log, id): (&Kept, &SourceId)| -> Arc<dyn Source> {
            Arc::new(KeptSource::new(log, *id))
        };
        let sources = self.logs.iter().zip(&numbers).map(source).collect();
        let readers = Readers::new(sources, Arc::clone(&means.monitor)).with_threads(means.threads);

        // As for all lines: containers of the first ledger are cited by their numbers in it.
        let mut ledger = ledger_file::merged(&self.ledgers)?.unwrap_or_default();
        if let Some(bytes) = &self.rivals {
            ledger.merge(&ledger_file::parse(bytes, RIVALS)?);
        }
        for evidence in &self.extracts {
            let mut evidence = evidence.clone();
            let no_log = || Error::Value(format!("{EXTRACTS} cites a log that is not there"));
            evidence.origin.source = number(evidence.origin.source.0).ok_or_else(no_log)?;
            ledger.add(evidence);
        }

        let gathered = Gathered::new(self.options.policy()?, Some(Arc::new(Mutex::new(ledger))));
        let gathered = gathered.remembering(self.options.remember);
        let also = self.names.iter().flatten().map(|(guid, _)| *guid);
        let gathered = Arc::new(gathered.asking_about(also.collect()));
        let names = self.names.as_ref();
        let names = names.map(|names| -> Arc<dyn Names> { Arc::new(Told(names.clone())) });
        let policy = self.options.policy()?;
        let flows = Query::flows(readers.clone(), policy, Arc::clone(&gathered), names.clone());
        let flows = match &self.rules {
            Some(rules) => flows.explained_where(&rules.policy()?, Some(self.of_whole.clone()))?,
            None => flows,
        };
        let known = gathered.ready(&readers, names.as_ref())?;
        let all = self.names.iter().flatten();
        let all = all.map(|(guid, identity)| (*guid, identity.clone())).collect();
        let wanted = Arc::new(self.question.wanted(known.ledger(), &all));
        self.question.ask(&flows, &wanted)
    }

    /// Writes it into the members of a bundle, and names them in the manifest.
    pub(super) fn write(&self, manifest: &mut Manifest, members: &mut Members) {
        for (n, (log, entry)) in self.logs.iter().zip(&mut manifest.sources).enumerate() {
            entry.member = None;
            if !log.lines.is_empty() {
                let name = format!("lines/{:04}.txt", n + 1);
                members.insert(name.clone(), log.to_text());
                entry.member = Some(name);
            }
        }
        for (n, ((_, bytes), entry)) in self.ledgers.iter().zip(&mut manifest.ledgers).enumerate() {
            entry.member = format!("ledgers/{:04}.ledger", n + 1);
            members.insert(entry.member.clone(), bytes.clone());
        }
        let mut put = |name: &str, text: Vec<u8>| members.insert(name.to_owned(), text);
        if !self.extracts.is_empty() {
            put(EXTRACTS, ndjson(self.extracts.iter()));
        }
        if let Some(rivals) = &self.rivals {
            put(RIVALS, rivals.clone());
        }
        if let Some(names) = &self.names {
            put(NAMES, ndjson(names.iter()));
        }
        if let Some(Rules { snapshots, settings }) = &self.rules {
            put(RULES, snapshots.clone());
            put(SETTINGS, settings.clone());
        }
    }

    /// Takes it out of the members of a bundle.
    ///
    /// # Errors
    ///
    /// If a member is missing, or not as it was written.
    pub(super) fn unpack(manifest: &Manifest, members: &Members) -> Result<Self, String> {
        let member = |name: &str| {
            members.get(name).ok_or_else(|| format!("{name} is missing, which the manifest names"))
        };
        let mut logs = Vec::new();
        for entry in &manifest.sources {
            let text = entry.member.as_ref().map(|name| member(name)).transpose()?;
            let lines = text.map(|text| Kept::lines_of(text)).transpose();
            let lines = lines.map_err(|what| format!("{}: {what}", entry.name))?;
            logs.push(Kept { name: entry.name.clone(), lines: lines.unwrap_or_default() });
        }
        let mut ledgers = Vec::new();
        for entry in &manifest.ledgers {
            ledgers.push((entry.name.clone(), member(&entry.member)?.clone()));
        }
        let rules = manifest.is_explained.then(|| -> Result<Rules, String> {
            Ok(Rules { snapshots: member(RULES)?.clone(), settings: member(SETTINGS)?.clone() })
        });
        let names = manifest.has_names.then(|| objects(NAMES, member(NAMES)?)).transpose()?;
        Ok(Self {
            question: manifest.question.clone(),
            options: manifest.options.clone(),
            logs,
            extracts: members
                .get(EXTRACTS)
                .map_or(Ok(Vec::new()), |text| objects(EXTRACTS, text))?,
            rivals: members.get(RIVALS).cloned(),
            ledgers,
            names: names.map(|names| names.into_iter().collect()),
            rules: rules.transpose()?,
            of_whole: OfWhole {
                lines_lost: manifest.lines_lost.clone(),
                space_apps: manifest.space_apps.clone(),
            },
        })
    }
}

/// Returns values as lines of JSON.
fn ndjson(values: impl Iterator<Item = impl serde::Serialize>) -> Vec<u8> {
    let mut text = Vec::new();
    for value in values {
        text.extend_from_slice(&crate::output::ndjson::json(&value));
        text.push(b'\n');
    }
    text
}

/// Reads lines of JSON.
fn objects<T: serde::de::DeserializeOwned>(name: &str, text: &[u8]) -> Result<Vec<T>, String> {
    let all = serde_json::Deserializer::from_slice(text).into_iter();
    all.collect::<Result<_, _>>().map_err(|error| format!("{name}: {error}"))
}

impl Rules {
    /// Returns the rules as the bundle keeps them, of those that were read.
    pub(super) fn of(policy: &Policy, settings: Vec<u8>) -> Self {
        Self { snapshots: ndjson(policy.snapshots()), settings }
    }

    /// Returns the policy.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] if they cannot be read.
    pub(super) fn policy(&self) -> Result<Policy, Error> {
        let wrong = |name: &str, error: asg_core::Error| Error::Value(format!("{name}: {error}"));
        let snapshots = Snapshot::parse(&self.snapshots, None).map_err(|e| wrong(RULES, e))?;
        let settings = CellSettings::from_json(&self.settings).map_err(|e| wrong(SETTINGS, e))?;
        Ok(Policy::new(snapshots, settings))
    }
}

impl Kept {
    /// Returns the lines with their numbers before them, as `grep -n` prints them.
    fn to_text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for (number, line) in &self.lines {
            text.extend_from_slice(number.to_string().as_bytes());
            text.push(b':');
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        text
    }

    fn lines_of(text: &[u8]) -> Result<BTreeMap<u64, Vec<u8>>, String> {
        let mut lines = BTreeMap::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).ok_or("its last line breaks off")?;
            let line = &rest[..end];
            let colon = memchr::memchr(b':', line).ok_or("a line has no number")?;
            let number =
                std::str::from_utf8(&line[..colon]).ok().and_then(|text| text.parse().ok());
            let number = number.ok_or("a line has no number")?;
            if lines.last_key_value().is_some_and(|(last, _)| *last >= number) {
                return Err("its lines are not in their order".into());
            }
            lines.insert(number, line[colon + 1..].to_vec());
            rest = &rest[end + 1..];
        }
        Ok(lines)
    }
}

/// Numbers logs by name, as the program numbers those that it is given.
fn numbers<'n>(names: impl Iterator<Item = &'n str>) -> Vec<SourceId> {
    let mut names: Vec<_> = names.zip(0..).collect();
    names.sort_unstable();
    let mut ids = vec![SourceId(0); names.len()];
    let mut before = None;
    for (name, n) in names {
        let id = origins::number(name);
        ids[n] = if before == Some(name) { origins::another(id) } else { id };
        before = Some(name);
    }
    ids
}

/// A log that has some of its lines.
#[derive(Debug)]
struct KeptSource {
    name: String,
    id: SourceId,
    lines: Vec<(u64, Vec<u8>)>,
}

impl KeptSource {
    fn new(log: &Kept, id: SourceId) -> Self {
        let lines = log.lines.iter().map(|(number, line)| (*number, line.clone())).collect();
        Self { name: log.name.clone(), id, lines }
    }
}

impl Source for KeptSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> SourceId {
        self.id
    }

    fn open(&self, _counter: &ReadCounter) -> Result<Opened<'_>, Error> {
        Ok(Opened::Lines(self))
    }

    fn size(&self) -> Option<u64> {
        Some(self.lines.iter().map(|(_, line)| line.len() as u64).sum())
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}

impl SeparateLines for KeptSource {
    fn len(&self) -> usize {
        self.lines.len()
    }

    fn line(&self, place: usize) -> Option<&[u8]> {
        self.lines.get(place).map(|(_, line)| &**line)
    }

    fn number(&self, place: usize) -> u64 {
        self.lines.get(place).map_or(0, |(number, _)| *number)
    }
}

/// The answers of a directory, as a directory.
#[derive(Debug)]
struct Told(BTreeMap<Guid, Identity>);

impl Names for Told {
    fn identities(&self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        let known = |guid: &Guid| Some((*guid, self.0.get(guid)?.clone()));
        Ok(guids.iter().filter_map(known).collect())
    }
}

/// A directory that keeps what it answered.
#[derive(Debug)]
pub(super) struct Recorded {
    names: Arc<dyn Names>,
    answers: Mutex<HashMap<Guid, Identity>>,
}

impl Recorded {
    /// Keeps what this directory answers.
    pub(super) fn over(names: Arc<dyn Names>) -> Self {
        Self { names, answers: Mutex::default() }
    }

    /// Returns the answers so far.
    pub(super) fn answered(&self) -> HashMap<Guid, Identity> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Names for Recorded {
    fn identities(&self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        let found = self.names.identities(guids)?;
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.extend(found.iter().map(|(guid, identity)| (*guid, identity.clone())));
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers_and_bytes() {
        let lines = [(3, &b"a:b"[..]), (7, b""), (12, b"\xff\r")];
        let lines = lines.map(|(number, line)| (number, line.to_vec())).into();
        let log = Kept { name: "kern.log".into(), lines };
        assert_eq!(log.to_text(), b"3:a:b\n7:\n12:\xff\r\n");
        assert_eq!(Kept::lines_of(&log.to_text()).unwrap(), log.lines);
        for (text, what) in [
            ("3:a", "its last line breaks off"),
            ("a\n", "a line has no number"),
            ("x:a\n", "a line has no number"),
            ("3:a\n3:b\n", "its lines are not in their order"),
        ] {
            assert_eq!(Kept::lines_of(text.as_bytes()).unwrap_err(), what, "{text}");
        }
    }
}
