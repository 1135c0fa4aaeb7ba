use std::sync::Arc;

use super::case::{ANSWERS, MANIFEST};
use super::pack::{self, Members};
use super::{Bundle, Manifest, Question, Reading, Sources, make, verify};
use crate::explain::PolicySources;
use crate::input::{Log, Source};
use crate::lines::Readers;
use crate::monitor::Unattended;
use crate::pipeline::Threads;

fn sources(is_explained: bool) -> Sources {
    let groups = vec!["data/groups.json".into()];
    let policy = PolicySources { groups, ..PolicySources::default() };
    let log: Arc<dyn Source> = Arc::new(Log::file("data/foundation.log".into()));
    Sources {
        readers: Readers::new(vec![log], Arc::new(Unattended)),
        ledgers: Vec::new(),
        names: None,
        rules: is_explained
            .then(|| (policy.load().unwrap().policy, policy.settings_json().unwrap())),
        files: Vec::new(),
        is_whole: false,
    }
}

fn of(app: &str, is_explained: bool) -> Bundle {
    let question = Question { app: Some(app.to_owned()), ..Question::default() };
    make(&sources(is_explained), question, Reading::default()).unwrap()
}

const STOREFRONT: &str = "bc6f229d-5e4a-4c41-a63f-e8795496c283";

/// Packs members anew, with the digests that they have now.
fn packed(mut members: Members) -> Vec<u8> {
    let mut manifest = Manifest::parse(&members.remove(MANIFEST).unwrap()).unwrap();
    let digests = members.iter().map(|(name, bytes)| (name.clone(), pack::digest(bytes)));
    manifest.members = digests.collect();
    members.insert(MANIFEST.to_owned(), serde_json::to_vec(&manifest).unwrap());
    pack::write(&members).unwrap()
}

/// Changes a member, and returns the wrong and the missing answers.
fn after(change: impl FnOnce(&mut Members)) -> (usize, u64) {
    let mut members = pack::unpack(&of(STOREFRONT, true).bytes).unwrap();
    change(&mut members);
    let verdict = verify(&packed(members), Arc::new(Unattended), Threads::ONE).unwrap();
    assert_eq!(verdict.holds(), verdict.answers.iter().all(|it| it.holds) && verdict.missing == 0);
    (verdict.answers.iter().filter(|answer| !answer.holds).count(), verdict.missing)
}

fn replace(members: &mut Members, name: &str, this: &str, by: &str) {
    let text = String::from_utf8(members[name].clone()).unwrap();
    assert!(text.contains(this), "{name} has no {this}");
    members.insert(name.to_owned(), text.replacen(this, by, 1).into_bytes());
}

#[test]
fn what_was_made_holds_and_is_the_same_each_time() {
    let made = of(STOREFRONT, true);
    let verdict = verify(&made.bytes, Arc::new(Unattended), Threads::ONE).unwrap();
    assert!(verdict.holds());
    // Each packet has an answer and an explanation.
    assert_eq!((made.manifest.packets, verdict.answers.len()), (4, 8));
    assert_eq!(made.bytes, of(STOREFRONT, true).bytes);
}

#[test]
fn an_answer_that_does_not_follow_is_found_though_all_digests_are_right() {
    const LINES: &str = "lines/0001.txt";
    assert_eq!(after(|_| {}), (0, 0));
    let forged = |members: &mut Members| {
        replace(members, ANSWERS, "\"verdict\":\"allowed\"", "\"verdict\":\"denied\"");
    };
    assert_eq!(after(forged), (1, 1));
    let left_out = |members: &mut Members| {
        let answers = members[ANSWERS].split_inclusive(|b| *b == b'\n').skip(1);
        let answers = answers.collect::<Vec<_>>().concat();
        members.insert(ANSWERS.to_owned(), answers);
    };
    assert_eq!(after(left_out), (0, 1));
    // The first line names the process of the container that sent two of the packets.
    let other_process =
        |members: &mut Members| replace(members, LINES, STOREFRONT, &STOREFRONT.replace('b', "a"));
    let (wrong, _) = after(other_process);
    assert!(wrong >= 2, "{wrong} wrong");
    let other_rule = |members: &mut Members| {
        members.insert("rules/settings.json".into(), b"{\"profile\":\"guardian\"}".to_vec())
    };
    let (wrong, _) = after(|members| drop(other_rule(members)));
    assert!(wrong > 0);
}

#[test]
fn a_member_that_is_missing_or_too_many_is_an_error() {
    let made = of(STOREFRONT, false);
    let error = |change: &dyn Fn(&mut Members)| {
        let mut members = pack::unpack(&made.bytes).unwrap();
        change(&mut members);
        let bytes = pack::write(&members).unwrap();
        verify(&bytes, Arc::new(Unattended), Threads::ONE).unwrap_err().to_string()
    };
    let changed = "is not what the manifest says: it was changed, added or removed";
    for (change, said) in [
        (&(|it: &mut Members| drop(it.remove(ANSWERS))) as &dyn Fn(&mut Members), changed),
        (&|it| drop(it.insert("more.txt".into(), Vec::new())), changed),
        (&|it| it.get_mut(ANSWERS).unwrap().push(b'\n'), changed),
        (&|it| drop(it.remove(MANIFEST)), "it has no manifest"),
        (&|it| drop(it.insert(MANIFEST.into(), b"[]".to_vec())), "its manifest cannot be read"),
    ] {
        let error = error(change);
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn others_are_there_without_their_processes() {
    let made = of(STOREFRONT, false);
    let text = String::from_utf8_lossy(&made.bytes);
    // The log has these, and the answers have not.
    for other in ["c4a9d3e5-7f10-4b26-4d81-e2f6", "a3f5e7d9-1b2c-4d3e-8f40-516273849a5b"] {
        assert!(std::fs::read_to_string("data/foundation.log").unwrap().contains(other));
        assert!(!text.contains(other), "{other}");
    }
}
