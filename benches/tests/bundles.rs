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
