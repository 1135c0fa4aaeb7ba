//! Numbers of sources, and their names.
//!
//! The whole process has one list, so that ledgers of different origin can be merged: evidence
//! cites a source by its number. Names are never freed; there are as many as there are different
//! files.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use asg_core::{Guid, SourceId};

#[derive(Default)]
struct Sources {
    names: Vec<&'static str>,
    numbers: HashMap<&'static str, SourceId>,
}

static SOURCES: RwLock<Option<Sources>> = RwLock::new(None);

/// Returns the number of the source with this name.
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

/// Adds another number for the source with this number: a log that is read twice at once holds each
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

/// Returns the name of the source with this number; `?` without one.
#[must_use]
pub fn name(number: SourceId) -> &'static str {
    let held = SOURCES.read().unwrap_or_else(PoisonError::into_inner);
    held.as_ref().and_then(|sources| sources.names.get(number.0 as usize)).copied().unwrap_or("?")
}

/// Returns the BOSH instance in the name of a source: `bosh logs` of several instances gives an
/// archive with `GROUP.UUID.YYYY-MM-DD-HH-MM-SS.tgz` for each (`fetch_logs.rb` of the BOSH
/// director), where nothing else names the machine of a bare file. An unpacked folder keeps that
/// name.
///
/// ```
/// use asg_cli::origins::instance_in;
///
/// let id = "0455ec2b-11fa-41ab-9d1c-f3a575cd55ea";
/// let name = format!("all.tgz:./diego-cell.{id}.2026-11-29-11-00-00.tgz:rep/rep.stdout.log");
/// assert_eq!(instance_in(&name), Some(id));
/// assert_eq!(instance_in(&format!("diego-cell.{id}.log")), None);
/// ```
#[must_use]
pub fn instance_in(name: &str) -> Option<&str> {
    name.split([':', '/']).find_map(|part| {
        let (rest, date) = part.strip_suffix(".tgz").unwrap_or(part).rsplit_once('.')?;
        let (group, id) = rest.rsplit_once('.')?;
        let is_date = date.len() == 19
            && date.bytes().enumerate().all(|(n, b)| match n {
                4 | 7 | 10 | 13 | 16 => b == b'-',
                _ => b.is_ascii_digit(),
            });
        (is_date && !group.is_empty() && Guid::parse(id.as_bytes()).is_ok()).then_some(id)
    })
}
