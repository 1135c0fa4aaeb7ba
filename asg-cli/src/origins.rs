//! Numbers of sources, and their names.
//!
//! The whole process has one list, so that ledgers of different origin can be merged: evidence
//! cites a source by its number. Names are never freed; there are as many as there are different
//! files.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use asg_core::SourceId;

#[derive(Default)]
struct Sources {
    names: Vec<&'static str>,
    numbers: HashMap<&'static str, SourceId>,
}

static SOURCES: RwLock<Option<Sources>> = RwLock::new(None);

/// The number of the source with this name.
///
/// ```
/// use asg_cli::origins::{name, number};
///
/// assert_eq!(name(number("kern.log")), "kern.log");
/// assert_eq!(number("kern.log"), number("kern.log"));
/// ```
///
/// # Panics
///
/// If there are 2³² names.
#[must_use]
pub fn number(name: &str) -> SourceId {
    let mut held = SOURCES.write().unwrap_or_else(PoisonError::into_inner);
    let sources = held.get_or_insert_default();
    if let Some(known) = sources.numbers.get(name) {
        return *known;
    }
    let number = sources.add(Box::leak(name.into()));
    sources.numbers.insert(sources.names[number.0 as usize], number);
    number
}

/// Another number for the source with this number: a log that is read twice at once holds each
/// packet twice.
#[must_use]
pub fn another(first: SourceId) -> SourceId {
    let mut held = SOURCES.write().unwrap_or_else(PoisonError::into_inner);
    let sources = held.get_or_insert_default();
    sources.add(sources.names.get(first.0 as usize).copied().unwrap_or("?"))
}

impl Sources {
    fn add(&mut self, name: &'static str) -> SourceId {
        let number = SourceId(u32::try_from(self.names.len()).expect("fewer than 2^32 sources"));
        self.names.push(name);
        number
    }
}

/// The name of the source with this number; `?` if there is none.
#[must_use]
pub fn name(number: SourceId) -> &'static str {
    let held = SOURCES.read().unwrap_or_else(PoisonError::into_inner);
    held.as_ref().and_then(|sources| sources.names.get(number.0 as usize)).copied().unwrap_or("?")
}
