//! Bundles of evidence about simulated foundations: they verify, show little of others, and a
//! changed byte is found.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex};

use asg_benches::sim::{Chance, Config, Damage, Envelope, Era, History, Memory, Simulation};
use asg_cli::bundle::{Bundle, Question, Reading, Sources, make, verify};
use asg_cli::error::Error;
use asg_cli::input::{Log, Source};
use asg_cli::lines::Readers;
use asg_cli::monitor::Unattended;
use asg_cli::names::Names;
use asg_cli::pipeline::Threads;
use asg_core::{Directory as _, Guid, Identity, Timestamp};
use serde_json::Value;

/// A foundation, and its logs as files.
struct Foundation {
    simulation: Simulation,
    logs: Memory,
    folder: tempfile::TempDir,
}

impl Foundation {
    fn new(config: &Config) -> Self {
        let mut logs = Memory::default();
        let simulation = Simulation::run(config, &mut logs).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in &logs.files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self { simulation, logs, folder }
    }

    fn bundle(&self, question: Question, is_named: bool) -> Result<Bundle, Error> {
        let files = self.logs.files.iter().map(|(name, _)| self.folder.path().join(name));
        let logs = files.map(|path| -> Arc<dyn Source> { Arc::new(Log::file(path)) }).collect();
        let names = is_named.then(|| Known::of(self.simulation.history()));
        let sources = Sources {
            readers: Readers::new(logs, Arc::new(Unattended)),
            ledgers: Vec::new(),
            names: names.map(|names| -> Arc<dyn Names> { Arc::new(names) }),
            rules: None,
            files: Vec::new(),
            is_whole: false,
        };
        make(&sources, question, Reading::default())
    }

    /// A question about a container or an app, at some time or at any.
    fn question(&self, dice: &mut Chance) -> Question {
        let life = &self.logs.lives[dice.index(self.logs.lives.len())];
        let app = match dice.below(3) {
            0 => life.facts.handle.clone(),
            _ => life.facts.app.map_or_else(|| life.facts.handle.clone(), |app| app.to_string()),
        };
        let (start, end) = (self.simulation.start(), self.simulation.end());
        let mut at = || Timestamp::from_nanos(dice.between(start, end));
        let (one, other) = (at(), at());
        let mut question = Question { app: Some(app), ..Question::default() };
        match dice.below(4) {
            0 => {}
            1 => question.from = Some(one),
            2 => question.conditions = vec!["verdict=denied".into()],
            _ => (question.from, question.to) = (Some(one.min(other)), Some(one.max(other))),
        }
        question
    }
}

/// The directory of a simulation.
struct Known(Mutex<HashMap<Guid, Identity>>, History);

impl Known {
    fn of(history: &History) -> Self {
        Self(Mutex::default(), history.clone())
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").finish_non_exhaustive()
    }
}

impl Names for Known {
    fn identities(&self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        let Ok(found) = self.1.directory().identities(guids);
        self.0.lock().unwrap().extend(found.clone());
        Ok(found)
    }
}

fn damaged(era: Era, seed: u64, damage: &str) -> Config {
    let damage: Damage = damage.parse().unwrap();
    Config { seed, minutes: 2, containers: 40, packets_per_minute: 10, damage, ..Config::new(era) }
}

#[test]
fn bundles_of_twenty_random_questions_verify() {
    let foundations = [
        damaged(Era::SilkModern, 1, "none"),
        damaged(Era::Silk, 2, "all"),
        damaged(Era::Guardian36, 3, "stalls-colliding"),
        Config { envelope: Envelope::Rfc3164, ..damaged(Era::SilkModern, 4, "new-year") },
    ];
    let (mut packets, mut empty) = (0, 0);
    for (n, config) in foundations.iter().enumerate() {
        let foundation = Foundation::new(config);
        let mut dice = Chance::new(19 + n as u64);
        for number in 0..5 {
            let question = foundation.question(&mut dice);
            let made = foundation.bundle(question.clone(), number % 2 == 0);
            let made = made.unwrap_or_else(|error| panic!("{question:?}: {error}"));
            let verdict = verify(&made.bytes, Arc::new(Unattended), Threads::ONE).unwrap();
            assert!(verdict.holds(), "{question:?}: {:?}", verdict.answers);
            assert_eq!(verdict.answers.len() as u64, made.manifest.packets, "{question:?}");
            assert_eq!(verdict.digest, made.digest());
            packets += made.manifest.packets;
            empty += usize::from(made.manifest.packets == 0);
        }
    }
    assert!(packets > 100 && empty < 10, "{packets} packets, {empty} questions without any");
}

#[test]
fn a_thousand_changed_bytes_are_all_found() {
    let small = Config { minutes: 1, containers: 12, ..damaged(Era::SilkModern, 5, "colliding") };
    let foundation = Foundation::new(&small);
    let mut dice = Chance::new(5);
    let made = loop {
        let made = foundation.bundle(foundation.question(&mut dice), true).unwrap();
        if made.manifest.packets > 3 {
            break made;
        }
    };
    assert!(made.bytes.len() > 1_000);
    for _ in 0..1_000 {
        let mut changed = made.bytes.clone();
        let at = dice.index(changed.len());
        changed[at] ^= 1 + u8::try_from(dice.below(255)).unwrap();
        let found = verify(&changed, Arc::new(Unattended), Threads::ONE);
        assert!(found.is_err(), "byte {at} of {}", changed.len());
    }
}

/// Returns the answers in a bundle.
fn answers(made: &Bundle) -> Vec<Value> {
    let text = String::from_utf8_lossy(&made.bytes);
    let lines = text.lines().filter_map(|line| Some(&line[line.find("{\"time\":")?..]));
    let objects = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    objects.filter(|object| object["attribution"].is_object()).collect()
}

#[test]
fn candidates_of_an_ambiguous_answer_have_a_handle_and_no_name() {
    let (mut ambiguous, mut looked_for) = (0, 0);
    for (era, seed) in [(Era::SilkModern, 6), (Era::Silk, 7), (Era::Guardian36, 8)] {
        let foundation = Foundation::new(&damaged(era, seed, "colliding"));
        let lives = || foundation.logs.lives.iter();
        let of_life = |handle: &str| lives().find(|life| life.facts.handle == handle);
        for life in lives() {
            let question = Question { app: Some(life.facts.handle.clone()), ..Question::default() };
            let made = foundation.bundle(question, true).unwrap();
            if !made.manifest.certainty.contains_key("ambiguous") {
                continue;
            }
            let verdict = verify(&made.bytes, Arc::new(Unattended), Threads::ONE).unwrap();
            assert!(verdict.holds(), "{}", life.facts.handle);
            let text = String::from_utf8_lossy(&made.bytes);
            let answers = answers(&made);
            assert_eq!(answers.len() as u64, made.manifest.packets);
            // The names in answers, apart from lists of several candidates and the one in question.
            let mut rest = String::new();
            for answer in &answers {
                let mut answer = answer.clone();
                for of in ["/attribution/candidates", "/peer/attribution/candidates"] {
                    if let Some(all) = answer.pointer_mut(of)
                        && all.as_array().is_some_and(|all| all.len() > 1)
                    {
                        ambiguous += 1;
                        *all = Value::Null;
                    }
                }
                rest.push_str(&answer.to_string());
            }
            let is_named = |it: &&asg_benches::sim::Life| {
                let app = it.facts.app.map(|app| app.to_string());
                let process = it.facts.process_guid.clone();
                let names = [Some(it.facts.handle.clone()), app, process];
                it.facts.handle == life.facts.handle
                    || names.iter().flatten().any(|name| rest.contains(&**name))
            };
            let own: Vec<_> = lives().filter(is_named).collect();
            let candidates = answers
                .iter()
                .flat_map(|it| it["attribution"]["candidates"].as_array().unwrap().iter());
            for candidate in candidates {
                let handle = candidate["handle"].as_str().unwrap();
                assert!(text.contains(handle));
                let Some(other) = of_life(handle) else { continue };
                let is_its = |it: &&asg_benches::sim::Life| {
                    it.facts.handle == handle || it.facts.app == other.facts.app
                };
                if own.iter().any(is_its) {
                    continue;
                }
                looked_for += 1;
                assert!(candidate["process_guid"].is_null(), "{candidate}");
                let app = other.facts.app.map(|app| app.to_string());
                let process = other.facts.process_guid.clone();
                for secret in app.into_iter().chain(process) {
                    assert!(!text.contains(&secret), "{secret} of {handle}");
                }
            }
        }
    }
    assert!(ambiguous > 5 && looked_for > 5, "{ambiguous} ambiguous answers, {looked_for} others");
}

#[test]
fn a_bundle_names_no_app_but_those_in_its_answers() {
    let foundation = Foundation::new(&damaged(Era::SilkModern, 6, "colliding"));
    let mut dice = Chance::new(6);
    let mut seen = 0;
    for _ in 0..4 {
        let question = foundation.question(&mut dice);
        let made = foundation.bundle(question, true).unwrap();
        let text = String::from_utf8_lossy(&made.bytes);
        let (_, rest) = text.split_once("answers.ndjson").unwrap();
        let answers: String =
            rest.lines().filter(|line| line.contains("\"schema_version\"")).collect();
        let question = made.manifest.question.app.unwrap();
        let lives = || foundation.logs.lives.iter();
        let own: HashSet<_> = lives()
            .filter(|life| life.facts.handle == question)
            .filter_map(|life| life.facts.app)
            .collect();
        let apps = lives().filter_map(|life| life.facts.app).filter(|app| !own.contains(app));
        let apps = apps.map(|app| app.to_string());
        let apps: HashSet<String> = apps.filter(|app| !answers.contains(app)).collect();
        for app in apps.into_iter().filter(|app| *app != question) {
            seen += 1;
            assert!(!text.contains(&app), "{app} is not in the answers about {question}");
        }
    }
    assert!(seen > 20, "{seen} apps were looked for");
}
