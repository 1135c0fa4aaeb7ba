//! Lines to rows: packets, and packets with their owners.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use asg_core::{Content, Correlator, Guid, Identity, Ledger, Line, Origin, Record, TimePolicy};

use crate::error::Error;
use crate::lines::{Reader, Readers, may_be_packet};
use crate::lock::{Lock, Used};
use crate::monitor::Monitor;
use crate::names::Names;
use crate::query::columns::Row;
use crate::query::rows::{Counts, LastCounts, Rows, View};

/// A ledger that several parts of a program share.
pub type SharedLedger = Arc<Mutex<Ledger>>;

/// The evidence of all sources, gathered once and shared by every reading of them.
#[derive(Debug)]
pub struct Gathered {
    correlator: Lock<Option<Correlator>>,
    policy: TimePolicy,
    /// Evidence from before.
    ledger: Option<SharedLedger>,
}

impl Gathered {
    /// Gathers nothing yet. Evidence from `ledger` is added when the first reading begins.
    #[must_use]
    pub const fn new(policy: TimePolicy, ledger: Option<SharedLedger>) -> Self {
        Self { correlator: Lock::new(None), policy, ledger }
    }

    /// Whether flows can be given without a first reading.
    ///
    /// # Errors
    ///
    /// As [`Lock::lock`].
    pub fn is_ready(&self, monitor: &dyn Monitor) -> Result<bool, Error> {
        Ok(self.correlator.lock(monitor)?.is_some())
    }

    /// Asks the correlator; one without evidence, if nothing was read yet.
    ///
    /// # Errors
    ///
    /// As [`Lock::lock`], and those of `ask`.
    pub fn known<T, E: From<Error>>(
        &self,
        monitor: &dyn Monitor,
        ask: impl FnOnce(&Correlator) -> Result<T, E>,
    ) -> Result<T, E> {
        let held = self.correlator.lock(monitor)?;
        match &*held {
            Some(correlator) => ask(correlator),
            None => ask(&Correlator::new()),
        }
    }

    /// Reads everything for evidence, if that was not done.
    fn ready(&self, readers: &Readers) -> Result<Used<'_, Option<Correlator>>, Error> {
        let mut held = self.correlator.lock(&**readers.monitor())?;
        if held.is_none() {
            *held = Some(self.gather(readers.open("reading evidence"))?);
        }
        Ok(held)
    }

    /// Passes the flows of these lines to `each`.
    fn flows(
        &self,
        readers: &Readers,
        names: Option<&Arc<dyn Names>>,
        lines: &[(Origin, &[u8])],
        each: impl FnMut(&asg_core::Flow<'_, '_>),
    ) -> Result<(), Error> {
        // Another reading may have failed meanwhile and dropped what was gathered.
        let mut held = self.ready(readers)?;
        let Some(correlator) = held.as_mut() else { return Ok(()) };
        let mut failed = None;
        let resolve = |guids: &[Guid]| {
            let unknown = || vec![Identity::unknown(); guids.len()];
            let Some(names) = names.filter(|_| failed.is_none()) else { return unknown() };
            match names.identities(guids) {
                Ok(mut found) => guids
                    .iter()
                    .map(|guid| found.remove(guid).unwrap_or_else(Identity::unknown))
                    .collect(),
                Err(error) => {
                    failed = Some(error);
                    unknown()
                }
            }
        };
        correlator.flows(lines, resolve, each);
        match failed {
            // The correlator has remembered answers that were none: the next attempt makes a new one.
            Some(error) => {
                *held = None;
                Err(error)
            }
            None => Ok(()),
        }
    }

    fn gather(&self, mut reader: Reader) -> Result<Correlator, Error> {
        let mut correlator = Correlator::with_policy(self.policy);
        if let Some(ledger) = &self.ledger {
            let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
            correlator = correlator.with_ledger(ledger.clone());
        }
        while reader.step(|raw| {
            correlator.observe(raw.origin, raw.bytes);
        })? {}
        Ok(correlator)
    }
}

/// Lines that are held at once, so that names are looked up together…
const HELD: usize = 4096;

/// …and bytes of them, should they be long.
const HELD_BYTES: usize = 4 << 20;

/// The flows of sources.
pub(crate) struct Flows {
    gathered: Arc<Gathered>,
    names: Option<Arc<dyn Names>>,
    readers: Readers,
    reader: Reader,
    view: View,
    held: Held,
    counts: Counts,
    last: LastCounts,
}

impl fmt::Debug for Flows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flows").field("reader", &self.reader).finish_non_exhaustive()
    }
}

impl Flows {
    pub(crate) fn new(
        readers: Readers,
        gathered: Arc<Gathered>,
        names: Option<Arc<dyn Names>>,
        view: View,
        last: LastCounts,
    ) -> Self {
        Self {
            gathered,
            names,
            reader: readers.open("naming packets"),
            readers,
            view,
            held: Held::default(),
            counts: Counts::default(),
            last,
        }
    }

    /// Takes lines until there are enough to look up names, or none is left; returns `false` then.
    fn hold(&mut self) -> Result<bool, Error> {
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
    fn step(&mut self, each: &mut dyn FnMut(&Row<'_>)) -> Result<bool, Error> {
        drop(self.gathered.ready(&self.readers)?);
        let more = self.hold()?;
        let Self { gathered, names, readers, held, view, counts, last, .. } = self;
        let lines = held.lines();
        let mut at = lines.iter();
        gathered.flows(readers, names.as_ref(), &lines, |flow| {
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
            last.set(*counts);
        }
        Ok(more)
    }
}

/// Lines, in one piece of memory.
#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    /// The place of each, and its end in `bytes`.
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

/// The packets of sources.
#[derive(Debug)]
pub(crate) struct Packets {
    reader: Reader,
    policy: TimePolicy,
    view: View,
    needs_time: bool,
    counts: Counts,
    last: LastCounts,
}

impl Packets {
    pub(crate) fn new(reader: Reader, policy: TimePolicy, view: View, last: LastCounts) -> Self {
        let needs_time = view.needs_time();
        Self { reader, policy, view, needs_time, counts: Counts::default(), last }
    }
}

impl Rows for Packets {
    fn step(&mut self, each: &mut dyn FnMut(&Row<'_>)) -> Result<bool, Error> {
        let Self { reader, policy, view, needs_time, counts, last } = self;
        let more = reader.step(|raw| {
            counts.lines += 1;
            if !may_be_packet(raw.bytes) {
                return;
            }
            let line = Line::new(raw.bytes);
            let mut record = Record::read(&line);
            if raw.is_cut {
                record = record.cut_at(raw.bytes.len());
            }
            let Some((packet, cf)) = record.packet() else { return };
            counts.packets += 1;
            let error = match &record.content {
                Content::Damaged(damaged) => Some(&damaged.error),
                _ => None,
            };
            counts.damaged += u64::from(error.is_some());
            let row = Row {
                origin: raw.origin,
                source: raw.source,
                raw: raw.bytes,
                time: if *needs_time { record.time(policy) } else { None },
                record: &record,
                packet,
                cf,
                error,
                flow: None,
            };
            if view.filter.admits(&row) {
                counts.rows += 1;
                each(&row);
            }
        })?;
        if !more {
            last.set(*counts);
        }
        Ok(more)
    }
}
