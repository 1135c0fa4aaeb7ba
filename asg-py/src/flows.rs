//! Lines to flows: the packets of a source with their owners.

use std::io;
use std::sync::Arc;

use asg_core::{Correlator, Guid, Identity, Origin, TimePolicy};
use pyo3::PyErr;

use crate::columns::Row;
use crate::directory::Shared;
use crate::errors::Failure;
use crate::ledger::Ledger;
use crate::lines::{Reader, Readers, may_be_packet};
use crate::lock::{Lock, Used};
use crate::rows::{Counts, Known, Rows, View};

/// Evidence of a whole source, gathered once and shared by all tables and streams that are made of it.
pub(crate) struct Gathered {
    correlator: Lock<Option<Correlator>>,
    policy: TimePolicy,
    directory: Option<Shared>,
    /// What was known before.
    ledger: Option<pyo3::Py<Ledger>>,
}

impl Gathered {
    pub(crate) const fn new(
        policy: TimePolicy,
        directory: Option<Shared>,
        ledger: Option<pyo3::Py<Ledger>>,
    ) -> Self {
        Self { correlator: Lock::new(None), policy, directory, ledger }
    }

    /// True if nothing is to be read before flows can be told.
    pub(crate) fn is_ready(&self) -> bool {
        self.correlator.lock().is_ok_and(|held| held.is_some())
    }

    /// Asks what was gathered; of nothing, if nobody has read yet.
    pub(crate) fn known<T>(&self, ask: impl FnOnce(&Correlator) -> io::Result<T>) -> io::Result<T> {
        let held = self.correlator.lock().map_err(|e| io::Error::other(PyErr::from(e)))?;
        match &*held {
            Some(correlator) => ask(correlator),
            None => ask(&Correlator::new()),
        }
    }

    /// Reads everything for evidence, if nobody has.
    fn ready(&self, readers: &Readers) -> Result<Used<'_, Option<Correlator>>, Failure> {
        let mut held = self.correlator.lock()?;
        if held.is_none() {
            *held = Some(self.gather(readers.open())?);
        }
        Ok(held)
    }

    /// Gives the flows of these lines.
    fn flows(
        &self,
        readers: &Readers,
        lines: &[(Origin, &[u8])],
        each: impl FnMut(&asg_core::Flow<'_, '_>),
    ) -> Result<(), Failure> {
        // Another reading may have failed meanwhile, and thrown away what was gathered.
        let mut held = self.ready(readers)?;
        let Some(correlator) = held.as_mut() else { return Ok(()) };
        let mut failed = None;
        let resolve = |guids: &[Guid]| {
            let unknown = || vec![Identity::unknown(); guids.len()];
            let Some(directory) = self.directory.as_ref().filter(|_| failed.is_none()) else {
                return unknown();
            };
            directory.resolve(guids).unwrap_or_else(|error| {
                failed = Some(error);
                unknown()
            })
        };
        correlator.flows(lines, resolve, each);
        match failed {
            // What the correlator has taken for an answer is none: it is made anew for whoever tries again.
            Some(error) => {
                *held = None;
                Err(error)
            }
            None => Ok(()),
        }
    }

    fn gather(&self, mut reader: Reader) -> Result<Correlator, Failure> {
        let mut correlator = Correlator::with_policy(self.policy);
        if let Some(ledger) = &self.ledger {
            correlator = correlator.with_ledger(ledger.get().held().clone());
        }
        while reader.step(|raw| {
            correlator.observe(raw.origin, raw.bytes);
        })? {}
        Ok(correlator)
    }
}

/// Lines that are held at once, so that names are asked for together…
const HELD: usize = 4096;

/// …and bytes of them, should they be long.
const HELD_BYTES: usize = 4 << 20;

/// The flows of a source: its packets with their owners.
pub(crate) struct Flows {
    gathered: Arc<Gathered>,
    readers: Readers,
    reader: Reader,
    view: View,
    held: Held,
    counts: Counts,
    known: Known,
}

impl Flows {
    pub(crate) fn new(readers: Readers, gathered: Arc<Gathered>, view: View, known: Known) -> Self {
        Self {
            gathered,
            reader: readers.open(),
            readers,
            view,
            held: Held::default(),
            counts: Counts::default(),
            known,
        }
    }

    /// Takes lines until there are enough to ask for names, or none left; false then.
    fn hold(&mut self) -> Result<bool, Failure> {
        let Self { reader, held, counts, .. } = self;
        let mut more = true;
        while more && held.ends.len() < HELD && held.bytes.len() < HELD_BYTES {
            more = reader.step(|raw| {
                counts.lines += 1;
                if may_be_packet(raw.bytes) {
                    held.push(raw.origin, raw.bytes);
                }
            })?;
        }
        Ok(more)
    }
}

impl Rows for Flows {
    fn step(&mut self, each: &mut dyn FnMut(&Row<'_>)) -> Result<bool, Failure> {
        drop(self.gathered.ready(&self.readers)?);
        let more = self.hold()?;
        let Self { gathered, readers, held, view, counts, known, .. } = self;
        let lines = held.lines();
        let mut at = lines.iter();
        gathered.flows(readers, &lines, |flow| {
            let raw = at.find(|(origin, _)| *origin == flow.origin).map_or(&[][..], |(_, raw)| raw);
            let row = Row::of(flow, raw);
            counts.packets += 1;
            counts.damaged += u64::from(row.error.is_some());
            if view.filter.admits(&row) {
                counts.rows += 1;
                each(&row);
            }
        })?;
        held.clear();
        if !more {
            known.set(*counts);
        }
        Ok(more)
    }
}

/// Lines, in one piece of memory.
#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    /// Where each stood, and where it ends in `bytes`.
    ends: Vec<(Origin, usize)>,
}

impl Held {
    fn push(&mut self, origin: Origin, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.ends.push((origin, self.bytes.len()));
    }

    fn lines(&self) -> Vec<(Origin, &[u8])> {
        let mut start = 0;
        let line = |&(origin, end): &(Origin, usize)| {
            let line = &self.bytes[start..end];
            start = end;
            (origin, line)
        };
        self.ends.iter().map(line).collect()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}
