//! Makes a bundle, and lets nothing out that does not verify.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use asg_core::evidence::Evidence;
use asg_core::ledger::Lifetime;
use asg_core::policy::Policy;
use asg_core::record::Outcomes;
use asg_core::{Correlation, Guid, Identity, Origin, SourceId};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::answers::{Answers, Wanted, lines};
use super::case::{ANSWERS, Case, EXPLANATIONS, Kept, MANIFEST, Means, Recorded, Rules};
use super::choose::{Containers, containers};
use super::head::Thinning;
use super::manifest::{
    CellEntry, FileDigest, LedgerEntry, Manifest, Question, Reading, SourceEntry,
};
use super::pack::{self, Members, hexadecimal};
use super::pick::{Wish, pick};
use super::verify::verify;
use crate::error::Error;
use crate::explain::OfWhole;
use crate::flows::Gathered;
use crate::ledger_file;
use crate::lines::Readers;
use crate::names::Names;
use crate::query::Query;

/// Everything that a bundle is made from. The order of logs, ledgers and files does not matter.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The logs, which can be read several times.
    pub readers: Readers,
    /// Saved ledgers, by name, with their bytes.
    pub ledgers: Vec<(String, Vec<u8>)>,
    /// The directory.
    pub names: Option<Arc<dyn Names>>,
    /// Security groups, and the settings in JSON.
    pub rules: Option<(Policy, Vec<u8>)>,
    /// Further files that answers rest on, such as those with names and rules: their digests go in.
    pub files: Vec<PathBuf>,
    /// Whether all lines go in, also those about others.
    pub is_whole: bool,
}

/// A bundle.
#[derive(Debug)]
pub struct Bundle {
    /// The bytes of its file.
    pub bytes: Vec<u8>,
    /// What it says of itself.
    pub manifest: Manifest,
    /// What became of the lines of the logs.
    pub outcomes: Outcomes,
}

impl Bundle {
    /// Returns the SHA-256 digest of the file, in hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> String {
        pack::digest(&self.bytes)
    }
}

/// The answers from all lines, and what they were made from.
struct Asked<'s> {
    sources: &'s Sources,
    known: Arc<Correlation>,
    names: HashMap<Guid, Identity>,
    has_names: bool,
    wanted: Arc<Wanted>,
    answers: Answers,
    of_whole: OfWhole,
}

/// Makes a bundle about a question.
///
/// # Errors
///
/// Those of reading; [`Error::Value`] if the answers do not follow from the lines that are about
/// them.
pub fn make(sources: &Sources, question: Question, options: Reading) -> Result<Bundle, Error> {
    // Logs, ledgers and answers are in the order of names.
    let mut sources = sources.clone();
    sources.readers = sources.readers.by_name();
    sources.ledgers.sort();
    let asked = ask(&sources, &question, &options)?;
    let means = Means {
        monitor: Arc::clone(sources.readers.quietly().monitor()),
        threads: sources.readers.threads(),
    };
    let mut place = None;
    // Few lines suffice but for logs whose clocks are odd.
    // Answers may cite what a saved ledger numbers by all of its content.
    let ways = [(Thinning::Bounds, false), (Thinning::None, false), (Thinning::Bounds, true)];
    let is_possible = |(_, whole): &(Thinning, bool)| !whole || !sources.ledgers.is_empty();
    for (thinning, are_ledgers_whole) in ways.into_iter().filter(is_possible) {
        let case = asked.case(&question, &options, thinning, are_ledgers_whole)?;
        let answers = case.answers(&means)?;
        place = first_difference(&asked.answers, &answers);
        if place.is_some() {
            continue;
        }
        let made = asked.bundle(&case, &answers, question, options)?;
        if verify(&made.bytes, means.monitor, means.threads)?.holds() {
            return Ok(made);
        }
        break;
    }
    let place = place.unwrap_or_else(|| "some packets".to_owned());
    Err(Error::Value(format!(
        "the answer about {place} does not follow from the lines about it alone: give --whole, and all lines go in"
    )))
}

/// Returns the place of the first packet about which the answers differ.
fn first_difference(one: &Answers, other: &Answers) -> Option<String> {
    let kinds = [(&one.flows, &other.flows), (&one.explanations, &other.explanations)];
    kinds.into_iter().find_map(|(one, other)| {
        let (mut one, mut other) = (lines(one), lines(other));
        loop {
            let object = match (one.next(), other.next()) {
                (None, None) => return None,
                (Some(one), Some(other)) if say_the_same(one, other) => continue,
                (Some(object), _) | (None, Some(object)) => object,
            };
            let object: Value = serde_json::from_slice(object).unwrap_or_default();
            return Some(format!(
                "{}:{}",
                object["source"].as_str().unwrap_or("?"),
                object["line"]
            ));
        }
    })
}

/// Returns whether an answer is that from all lines, but for the processes of candidates. Those
/// that are not in question have a handle alone.
fn say_the_same(whole: &[u8], kept: &[u8]) -> bool {
    if whole == kept {
        return true;
    }
    let [whole, kept] = [whole, kept].map(|text| serde_json::from_slice::<Value>(text).ok());
    let (Some(mut whole), Some(mut kept)) = (whole, kept) else { return false };
    for answer in ["/attribution", "/peer/attribution"] {
        let [Some(whole), Some(kept)] = [&mut whole, &mut kept].map(|it| it.pointer_mut(answer))
        else {
            continue;
        };
        reduce(whole, kept);
    }
    whole == kept
}

/// Takes out of an answer what a reduced one lacks.
fn reduce(whole: &mut Value, kept: &mut Value) {
    let nothing = Vec::new();
    let candidates = kept["candidates"].as_array().unwrap_or(&nothing);
    let are_reduced: Vec<_> =
        candidates.iter().map(|it| it["process_guid"].is_null() && it["index"].is_null()).collect();
    if !is_among_several(whole) || !are_reduced.contains(&true) {
        return;
    }
    for (candidate, is_reduced) in
        whole["candidates"].as_array_mut().into_iter().flatten().zip(are_reduced)
    {
        if is_reduced {
            candidate["process_guid"] = Value::Null;
            candidate["index"] = Value::Null;
        }
    }
    // Each candidate is cited where its process is shown, or else where it is first seen.
    for answer in [whole, kept] {
        answer["evidence"] = Value::Null;
    }
}

fn is_among_several(answer: &Value) -> bool {
    let listed = answer["candidates"].as_array().map_or(0, Vec::len);
    listed > 1 || answer["candidates_more"].as_u64() > Some(0)
}

fn ask<'s>(
    sources: &'s Sources,
    question: &Question,
    options: &Reading,
) -> Result<Asked<'s>, Error> {
    let readers = &sources.readers;
    let ledger = ledger_file::merged(&sources.ledgers)?;
    let ledger = ledger.map(|ledger| Arc::new(Mutex::new(ledger)));
    let policy = options.policy()?;
    let gathered = Arc::new(Gathered::new(policy, ledger).remembering(options.remember));
    let recorded = sources.names.clone().map(|names| Arc::new(Recorded::over(names)));
    let names = recorded.clone().map(|names| -> Arc<dyn Names> { names });
    let flows = Query::flows(readers.clone(), policy, Arc::clone(&gathered), names.clone());
    let flows = match &sources.rules {
        Some((rules, _)) => flows.explained(rules)?,
        None => flows,
    };
    let known = gathered.ready(readers, names.as_ref())?;
    let names = recorded.as_ref().map(|it| it.answered()).unwrap_or_default();
    let wanted = Arc::new(question.wanted(known.ledger(), &names));
    let answers = question.ask(&flows, &wanted)?;
    let of_whole = match &sources.rules {
        Some(_) => OfWhole::of(&known),
        None => OfWhole::default(),
    };
    let has_names = recorded.is_some();
    Ok(Asked { sources, known, names, has_names, wanted, answers, of_whole })
}

impl Asked<'_> {
    /// Returns what the answers need.
    fn case(
        &self,
        question: &Question,
        options: &Reading,
        thinning: Thinning,
        are_ledgers_whole: bool,
    ) -> Result<Case, Error> {
        let Self { sources, known, .. } = self;
        let rests = &self.answers.rests;
        let is_explained = sources.rules.is_some();
        let ledger = known.ledger();
        let Containers { whole, rivals } =
            containers(ledger, rests, &self.wanted, &self.names, is_explained);
        let wish = Arc::new(Wish {
            packets: rests.packets.clone(),
            whole: whole.clone(),
            apps: rests.apps.clone(),
            is_everything: sources.is_whole,
        });
        let picked = pick(&sources.readers.quietly(), &wish, thinning)?;

        let logs = sources.readers.sources();
        if let Some(Origin { source, line }) = picked.crowded {
            let log = logs.iter().find(|log| log.id() == source).map_or("?", |log| log.name());
            return Err(Error::Value(format!(
                "{log}:{line} is one document about these packets and others, and cannot be divided: give --whole, and \
                 all lines go in, or a log with a line for each packet"
            )));
        }
        let places: HashMap<SourceId, usize> =
            logs.iter().enumerate().map(|(n, log)| (log.id(), n)).collect();
        let mut kept: Vec<_> = logs
            .iter()
            .map(|log| Kept { name: log.name().to_owned(), lines: BTreeMap::new() })
            .collect();
        for (Origin { source, line }, head) in picked.heads.kept() {
            if let Some(place) = places.get(&source) {
                kept[*place].lines.insert(line, head);
            }
        }
        for (Origin { source, line }, text) in picked.lines {
            if let Some(place) = places.get(&source) {
                kept[*place].lines.insert(line, text);
            }
        }
        let at_place = |mut evidence: Evidence| {
            let place = u32::try_from(*places.get(&evidence.origin.source)?).ok()?;
            evidence.origin.source = SourceId(place);
            Some(evidence)
        };
        let mut extracts: Vec<_> = picked.extracts.into_iter().filter_map(at_place).collect();
        extracts.sort_by_key(|evidence| (evidence.origin, evidence.handle.to_string()));

        let rivals = (!sources.is_whole && !rivals.is_empty()).then(|| {
            let is_rival = |handle: &str| rivals.contains(handle) && !whole.contains(handle);
            let rivals = ledger.without_owners(|it| is_rival(&it.handle().to_string()));
            rivals.to_bytes()
        });
        let mut ledgers = Vec::new();
        for (name, bytes) in &sources.ledgers {
            let bytes = if sources.is_whole || are_ledgers_whole {
                bytes.clone()
            } else {
                // Answers cite containers of a ledger by their numbers, so none is left out.
                let mut known = ledger_file::parse(bytes, name)?;
                let is_whole = |it: Lifetime<'_>| whole.contains(&it.handle().to_string());
                let mut kept = known.without_owners(|it| !is_whole(it));
                known.retain(is_whole);
                kept.merge(&known);
                kept.to_bytes()
            };
            ledgers.push((name.clone(), bytes));
        }
        // Other containers are there because of their processes, and not of their names.
        let is_owners = |it: &Lifetime<'_>| {
            let handle = it.handle().to_string();
            rests.handles.contains(&handle) || self.wanted.is_about(&handle)
        };
        let owners = ledger.lifetimes().filter(is_owners);
        let owners: HashSet<_> = owners.filter_map(Lifetime::subject).collect();
        // An app has further processes, by which a prefix may name it.
        let is_of_owner = |identity: &Identity| {
            let app = identity.app.as_ref().and_then(|app| app.guid.parse().ok());
            app.is_some_and(|app| rests.apps.contains(&app))
        };
        let is_needed = |guid: &Guid, identity: &Identity| {
            sources.is_whole
                || owners.contains(guid)
                || rests.apps.contains(guid)
                || is_of_owner(identity)
        };
        let names = self.names.iter().filter(|(guid, identity)| is_needed(guid, identity));
        let names = names.map(|(guid, identity)| (*guid, identity.clone()));
        let names: HashMap<_, _> = names.collect();
        // The manifest counts the apps of these spaces only.
        let spaces: Vec<_> = names.values().filter_map(|it| it.space.as_ref()).collect();
        let mut of_whole = self.of_whole.clone();
        of_whole.space_apps.retain(|guid, _| spaces.iter().any(|space| space.guid == *guid));
        Ok(Case {
            question: question.clone(),
            options: options.clone(),
            logs: kept,
            extracts,
            rivals,
            ledgers,
            names: self.has_names.then(|| names.into_iter().collect()),
            rules: sources.rules.as_ref().map(|(it, settings)| Rules::of(it, settings.clone())),
            of_whole,
        })
    }

    /// Packs the case and the answers.
    fn bundle(
        &self,
        case: &Case,
        kept: &Answers,
        question: Question,
        options: Reading,
    ) -> Result<Bundle, Error> {
        let Self { sources, answers, .. } = self;
        let mut manifest = Manifest::new(question, options);
        let mut files = BTreeMap::new();
        for log in sources.readers.sources().iter() {
            let file = log.on_disk().map_err(|error| Error::file(log.name(), error))?;
            let file = file.map(|(name, bytes)| -> Result<String, Error> {
                if !files.contains_key(&name) {
                    let digest = digest_of(&name, bytes, &sources.readers)?;
                    files.insert(name.clone(), digest);
                }
                Ok(name)
            });
            let file = file.transpose()?;
            manifest.sources.push(SourceEntry { name: log.name().to_owned(), file, member: None });
        }
        for (name, bytes) in &sources.ledgers {
            let sha256 = pack::digest(bytes);
            let file = FileDigest { name: name.clone(), bytes: bytes.len() as u64, sha256 };
            files.insert(name.clone(), file);
            let kept = case.ledgers.iter().find(|(known, _)| known == name);
            let is_whole = kept.is_some_and(|(_, kept)| kept == bytes);
            let member = String::new();
            manifest.ledgers.push(LedgerEntry { name: name.clone(), member, is_whole });
        }
        for path in &sources.files {
            let name = path.display().to_string();
            let file = File::open(path).map_err(|error| Error::file(&*name, error))?;
            let digest = digest_of(&name, file, &sources.readers)?;
            files.insert(name, digest);
        }
        manifest.files = files.into_values().collect();
        manifest.packets = answers.packets;
        manifest.certainty.clone_from(&answers.certainty);
        let rests = &answers.rests;
        let prefixes: BTreeSet<_> =
            rests.log_prefixes.iter().map(|text| String::from_utf8_lossy(text)).collect();
        manifest.completeness = CellEntry::all(
            &self.known,
            |cell| rests.cells.contains(cell),
            |prefix| prefixes.iter().any(|it| it.contains(prefix)),
        );
        manifest.lines_lost.clone_from(&case.of_whole.lines_lost);
        manifest.space_apps.clone_from(&case.of_whole.space_apps);
        manifest.has_names = case.names.is_some();
        manifest.is_explained = case.rules.is_some();
        manifest.is_whole = sources.is_whole;

        let mut members = Members::new();
        case.write(&mut manifest, &mut members);
        members.insert(ANSWERS.to_owned(), kept.flows.clone());
        if case.rules.is_some() {
            members.insert(EXPLANATIONS.to_owned(), kept.explanations.clone());
        }
        manifest.members =
            members.iter().map(|(name, bytes)| (name.clone(), pack::digest(bytes))).collect();
        let mut text = serde_json::to_vec_pretty(&manifest)
            .map_err(|error| Error::Value(format!("the manifest cannot be written: {error}")))?;
        text.push(b'\n');
        members.insert(MANIFEST.to_owned(), text);
        let bytes = pack::write(&members).map_err(Error::Value)?;
        Ok(Bundle { bytes, manifest, outcomes: self.known.outcomes().clone() })
    }
}

/// Returns the digest of a file.
fn digest_of(name: &str, mut file: impl io::Read, readers: &Readers) -> Result<FileDigest, Error> {
    let mut sum = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut bytes = 0;
    loop {
        readers.monitor().check()?;
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                sum.update(&buffer[..n]);
                bytes += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::file(name, error)),
        }
    }
    Ok(FileDigest { name: name.to_owned(), bytes, sha256: hexadecimal(&sum.finalize()) })
}
