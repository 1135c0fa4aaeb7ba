//! The cache: lifetimes, one question at a time, a limit, and a file that is whole or refused.

mod common;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use asg_cc_client::cache::CacheOptions;
use asg_cc_client::clock::{Clock, Random};
use asg_cc_client::transport::{TransportError, TransportErrorKind};
use asg_cc_client::{Cached, Error};
use asg_core::names::{AppState, Entity, directory_fn};
use asg_core::{Directory, Guid, Identity, Timestamp};
use common::*;
use proptest::prelude::*;

/// A directory that decides by the id's last digit, and counts how often it is asked.
#[derive(Debug, Default)]
struct Counting {
    asked: AtomicUsize,
    slow: Option<Duration>,
    fails: bool,
}

const STATES: [AppState; 4] =
    [AppState::Live, AppState::Deleted, AppState::Hidden, AppState::Unknown];

fn who(id: Guid) -> Identity {
    let state = STATES[(id.as_u128() % 4) as usize];
    let known = matches!(state, AppState::Live | AppState::Deleted);
    let entity = |name: &str| known.then(|| Entity::named(id.to_string(), name));
    Identity {
        state,
        state_reason: None,
        app: entity("ä \"app\"\n"),
        space: known.then(|| Entity::unnamed(SPACE)),
        org: entity("o"),
        process_type: known.then(|| "web".into()),
        deleted_at: (state == AppState::Deleted)
            .then(|| Timestamp::from_nanos(id.as_u128() as i64)),
        ..Identity::unknown()
    }
}

impl Directory for &Counting {
    type Error = Error;

    fn identities(&mut self, ids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        self.asked.fetch_add(ids.len(), Ordering::SeqCst);
        if let Some(slow) = self.slow {
            std::thread::sleep(slow);
        }
        if self.fails {
            return Err(Error::Unavailable { status: 503, errors: vec![] });
        }
        Ok(all(ids))
    }
}

/// Returns the right answer for these.
fn all(ids: &[Guid]) -> HashMap<Guid, Identity> {
    ids.iter().map(|id| (*id, who(*id))).collect()
}

fn ids(numbers: std::ops::Range<u128>) -> Vec<Guid> {
    numbers.map(Guid::from_u128).collect()
}

/// Returns a cache, and its time in seconds.
fn cache(options: CacheOptions, chance: f64) -> (Cached<Counting>, Arc<Mutex<i64>>) {
    let time = Arc::new(Mutex::new(1_000_000));
    let reading = Arc::clone(&time);
    let clock = Clock::new(move || Timestamp::from_nanos(*reading.lock().unwrap() * 1_000_000_000));
    let cached = Cached::with_options(Counting::default(), options).with_clock(clock);
    (cached.with_random(Random::new(move || chance)), time)
}

#[test]
fn each_state_has_its_lifetime_more_or_less() {
    let second = |n| Some(Duration::from_secs(n));
    let options = CacheOptions {
        live: second(100),
        deleted: None,
        missing: second(10),
        ..CacheOptions::default()
    };
    for (chance, hidden, live) in [(0.0, 8, 80), (0.5, 10, 100), (1.0, 12, 120)] {
        let (cached, time) = cache(options.clone(), chance);
        let mut asked = 0;
        let mut new = |after: i64| {
            *time.lock().unwrap() = 1_000_000 + after;
            let found = cached.resolve(&ids(0..4)).unwrap();
            assert_eq!(found, all(&ids(0..4)));
            let before =
                std::mem::replace(&mut asked, cached.get_ref().asked.load(Ordering::SeqCst));
            asked - before
        };
        assert_eq!(new(0), 4);
        assert_eq!(new(hidden - 1), 0);
        assert_eq!(new(hidden), 2, "hidden and unknown");
        // Those were cached again meanwhile.
        assert_eq!(new(live - 1), 2);
        assert_eq!(new(live), 1, "the living one; the deleted one stays");
    }
}

#[test]
fn threads_that_want_the_same_ask_once() {
    let slow = Counting { slow: Some(Duration::from_millis(50)), ..Counting::default() };
    let cached = Cached::new(slow);
    let together = Barrier::new(8);
    std::thread::scope(|scope| {
        for n in 0..8_u128 {
            let (cached, together) = (&cached, &together);
            // Overlapping, in different orders.
            let mut wanted = ids(n..n + 20);
            if n.is_multiple_of(2) {
                wanted.reverse();
            }
            scope.spawn(move || {
                together.wait();
                let found = cached.resolve(&wanted).unwrap();
                assert_eq!(found, all(&wanted));
            });
        }
    });
    assert_eq!(cached.get_ref().asked.load(Ordering::SeqCst), 27, "each id once");
}

#[test]
fn threads_that_wait_share_a_failure_and_the_next_one_tries_again() {
    let failing =
        Counting { slow: Some(Duration::from_millis(200)), fails: true, ..Counting::default() };
    let cached = Cached::new(failing);
    let together = Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                together.wait();
                assert!(cached.resolve(&ids(0..3)).unwrap_err().is_temporary());
            });
        }
    });
    assert_eq!(cached.get_ref().asked.load(Ordering::SeqCst), 3);
    assert!(cached.resolve(&ids(0..3)).is_err());
    assert_eq!(cached.get_ref().asked.load(Ordering::SeqCst), 6);
    assert!(cached.is_empty());
}

#[test]
fn a_question_that_another_caller_stopped_is_asked_by_those_who_waited() {
    let stopped = || TransportError::new(TransportErrorKind::Stopped, "the caller ended the work");
    let uaa = |error| Error::Uaa { address: "https://uaa".into(), error: Box::new(error) };
    for error in [Error::Stopped, stopped().into(), uaa(stopped().into())] {
        let (asked, under_way) = (AtomicUsize::new(0), Barrier::new(2));
        let first_is_stopped = |ids: &[Guid]| {
            if asked.fetch_add(1, Ordering::SeqCst) > 0 {
                return Ok(all(ids));
            }
            under_way.wait();
            std::thread::sleep(Duration::from_millis(200));
            Err(error.clone())
        };
        let cached = Cached::new(directory_fn(first_is_stopped));
        std::thread::scope(|scope| {
            let first = scope.spawn(|| cached.resolve(&ids(0..2)));
            under_way.wait();
            assert_eq!(cached.resolve(&ids(0..2)).unwrap(), all(&ids(0..2)));
            assert_eq!(first.join().unwrap().unwrap_err(), error);
        });
    }
}

#[test]
fn a_directory_that_panics_holds_up_nobody() {
    let asked = AtomicUsize::new(0);
    let panics = |ids: &[Guid]| {
        assert!(asked.fetch_add(1, Ordering::SeqCst) > 0, "the first one");
        Ok::<_, Error>(all(ids))
    };
    let cached = Cached::new(directory_fn(panics));
    std::thread::scope(|scope| {
        assert!(scope.spawn(|| cached.resolve(&ids(0..2))).join().is_err());
    });
    assert_eq!(cached.resolve(&ids(0..2)).unwrap().len(), 2);
}

#[test]
fn what_the_inner_directory_leaves_out_is_left_out_and_asked_for_again() {
    let asked = AtomicUsize::new(0);
    let forgetful = |ids: &[Guid]| {
        asked.fetch_add(1, Ordering::SeqCst);
        let mut found = all(ids);
        found.remove(&Guid::from_u128(1));
        found.insert(Guid::from_u128(99), Identity::unknown());
        Ok::<_, Error>(found)
    };
    let cached = Cached::new(directory_fn(forgetful));
    for _ in 0..2 {
        assert_eq!(cached.resolve(&ids(0..2)).unwrap(), all(&ids(0..1)));
    }
    assert_eq!((cached.len(), asked.load(Ordering::SeqCst)), (1, 2));
}

#[test]
fn an_error_of_the_callers_own_comes_through() {
    let broken = |_: &[Guid]| -> Result<HashMap<Guid, Identity>, Error> {
        Err(Error::custom(std::io::Error::other("away")))
    };
    let error = Cached::new(directory_fn(broken)).resolve(&ids(0..1)).unwrap_err();
    let Error::Custom(error) = error else { panic!("{error:?}") };
    assert!(error.get_ref().is::<std::io::Error>());
}

#[test]
fn more_ids_than_it_may_remember_are_answered_all_the_same() {
    let (cached, _) = cache(CacheOptions { capacity: 10, ..CacheOptions::default() }, 0.5);
    let found = cached.resolve(&ids(0..100)).unwrap();
    assert_eq!(found, all(&ids(0..100)));
    assert_eq!(cached.len(), 10);
    cached.resolve(&ids(90..100)).unwrap();
    assert_eq!(cached.get_ref().asked.load(Ordering::SeqCst), 100, "the last ones are remembered");
}

#[test]
fn a_file_outlives_the_program_and_not_its_lifetimes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("names.cache");
    let api = "https://api.example.org";
    let (first, _) = cache(CacheOptions::default(), 0.5);
    assert_eq!(first.load(&path, api).unwrap(), 0, "there is none yet");
    first.resolve(&ids(0..40)).unwrap();
    first.save(&path, api).unwrap();
    first.save(&path, api).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");

    let (second, time) = cache(CacheOptions::default(), 0.5);
    assert_eq!(second.load(&path, api).unwrap(), 40);
    let found = second.resolve(&ids(0..40)).unwrap();
    assert_eq!(found, all(&ids(0..40)));
    assert_eq!(second.get_ref().asked.load(Ordering::SeqCst), 0);
    *time.lock().unwrap() += 300;
    second.resolve(&ids(0..40)).unwrap();
    assert_eq!(second.get_ref().asked.load(Ordering::SeqCst), 20, "the missing ones are over");

    let (late, time) = cache(CacheOptions::default(), 0.5);
    *time.lock().unwrap() += 3600;
    assert_eq!(late.load(&path, api).unwrap(), 10, "only the deleted ones");
    // With a clock that was wrong by years, or with shorter lifetimes, every entry still expires.
    let (early, time) = cache(CacheOptions::default(), 0.5);
    *time.lock().unwrap() = 0;
    early.load(&path, api).unwrap();
    *time.lock().unwrap() = 4400;
    early.resolve(&ids(0..4)).unwrap();
    assert_eq!(early.get_ref().asked.load(Ordering::SeqCst), 3);

    let err = second.load(&path, "https://api.elsewhere.example").unwrap_err();
    assert!(err.to_string().contains("another foundation"), "{err}");
    let err = second.save(&folder.path().join("no/such/folder"), api).unwrap_err();
    assert!(matches!(err, Error::CacheFile(_)), "{err:?}");
}

#[test]
fn every_flipped_bit_and_every_cut_is_refused() {
    let (cached, _) = cache(CacheOptions::default(), 0.5);
    cached.resolve(&ids(0..4)).unwrap();
    let text = cached.dump("f");
    let (fresh, _) = cache(CacheOptions::default(), 0.5);
    for n in 0..text.len() {
        for bit in 0..8 {
            let mut damaged = text.clone();
            damaged[n] ^= 1 << bit;
            assert!(fresh.restore(&damaged, "f").is_err(), "bit {bit} of byte {n}");
        }
        assert!(fresh.restore(&text[..n], "f").is_err(), "cut at {n}");
    }
    assert!(fresh.restore(&[&text[..], b" "].concat(), "f").is_err());
    assert!(fresh.is_empty(), "nothing was taken from any of them");
    assert_eq!(fresh.restore(&text, "f").unwrap(), 4);
}

proptest! {
    #[test]
    fn what_is_restored_is_what_was_dumped(numbers in prop::collection::hash_set(any::<u128>(), 0..50)) {
        let wanted: Vec<Guid> = numbers.into_iter().map(Guid::from_u128).collect();
        let (cached, _) = cache(CacheOptions::default(), 0.5);
        let found = cached.resolve(&wanted).unwrap();
        let (other, _) = cache(CacheOptions::default(), 0.5);
        prop_assert_eq!(other.restore(&cached.dump("f"), "f").unwrap(), wanted.len());
        prop_assert_eq!(other.resolve(&wanted).unwrap(), found);
        prop_assert_eq!(other.get_ref().asked.load(Ordering::SeqCst), 0);
        prop_assert_eq!(other.dump("f"), cached.dump("f"));
    }

    #[test]
    fn any_text_is_restored_or_refused(text in any::<Vec<u8>>(), tail in ".*") {
        let (cached, _) = cache(CacheOptions::default(), 0.5);
        prop_assert!(cached.restore(&text, "f").is_err());
        let text = format!("asg-cc-client cache 1 {tail}");
        prop_assert!(cached.restore(text.as_bytes(), "f").is_err());
    }
}
