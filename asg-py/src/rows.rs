//! Lines to rows: what a table is read from, batch by batch.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use asg_core::{Content, Correlator, Flow, Guid, Identity, Line, Origin, Record, TimePolicy};
use memchr::memmem;

use crate::batch::Builder;
use crate::columns::{Column, Owner, Row};
use crate::directory::Shared;
use crate::errors::Failure;
use crate::filter::Filter;
use crate::lines::Reader;
use crate::source::Item;

/// What a reading of a table has seen so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) lines: u64,
    /// Damaged ones included.
    pub(crate) packets: u64,
    pub(crate) damaged: u64,
    /// Packets that the filter admits.
    pub(crate) rows: u64,
}

/// The counts of the last reading that came to its end; `None` before.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known(Arc<Mutex<Option<Counts>>>);

impl Known {
    pub(crate) fn get(&self) -> Option<Counts> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, counts: Counts) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(counts);
    }
}

/// What rows are wanted, and how they are shown.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) columns: Vec<&'static Column>,
    pub(crate) filter: Filter,
}

/// Gives batches until there are none left.
pub(crate) trait Rows: Send {
    fn schema(&self) -> SchemaRef;

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, Failure>;
}

/// No line without this is a packet's, whole or cut; most other lines are thrown out by it at the speed of memory.
static IN: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"IN="));

fn may_be_packet(line: &[u8]) -> bool {
    IN.find(line).is_some()
}

/// The packets of a source.
pub(crate) struct Packets {
    reader: Reader,
    items: Arc<Vec<Item>>,
    policy: TimePolicy,
    view: View,
    needs_time: bool,
    builder: Builder,
    counts: Counts,
    known: Known,
}

impl Packets {
    pub(crate) fn new(
        items: Arc<Vec<Item>>,
        reader: Reader,
        policy: TimePolicy,
        view: View,
        known: Known,
    ) -> Self {
        let shows_time = view
            .columns
            .iter()
            .chain(view.filter.columns().collect::<Vec<_>>().iter())
            .any(|c| c.name == "time");
        Self {
            reader,
            items,
            policy,
            needs_time: shows_time || view.filter.needs_time(),
            builder: Builder::new(&view.columns),
            view,
            counts: Counts::default(),
            known,
        }
    }
}

impl Rows for Packets {
    fn schema(&self) -> SchemaRef {
        self.builder.schema()
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, Failure> {
        let Self { reader, items, policy, view, needs_time, builder, counts, known } = self;
        let mut more = true;
        while more && !builder.is_full() {
            more = reader.step(|origin, raw| {
                counts.lines += 1;
                if !may_be_packet(raw) {
                    return;
                }
                let line = Line::new(raw);
                let record = Record::read(&line);
                let Some((packet, cf)) = record.packet() else { return };
                counts.packets += 1;
                let error = match &record.content {
                    Content::Damaged(damaged) => Some(&damaged.error),
                    _ => None,
                };
                counts.damaged += u64::from(error.is_some());
                let row = Row {
                    origin,
                    source: &items[origin.source.0 as usize].name,
                    raw,
                    time: if *needs_time { record.time(policy) } else { None },
                    envelope: &record.envelope,
                    packet,
                    cf,
                    error,
                    owner: None,
                };
                if view.filter.admits(&row) {
                    counts.rows += 1;
                    builder.push(&row);
                }
            })?;
        }
        if !more {
            known.set(*counts);
        }
        Ok((!builder.is_empty()).then(|| builder.finish()))
    }
}

/// Evidence of a whole source, gathered once and shared by all tables and streams that are made of it.
pub(crate) struct Gathered {
    correlator: Mutex<Option<Correlator>>,
    policy: TimePolicy,
    directory: Option<Shared>,
}

impl Gathered {
    pub(crate) const fn new(policy: TimePolicy, directory: Option<Shared>) -> Self {
        Self { correlator: Mutex::new(None), policy, directory }
    }

    /// Reads everything for the first time, if nobody has.
    fn gather(&self, mut reader: Reader) -> Result<(), Failure> {
        let mut held = self.correlator.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            let mut correlator = Correlator::with_policy(self.policy);
            while reader.step(|origin, line| {
                correlator.observe(origin, line);
            })? {}
            *held = Some(correlator);
        }
        Ok(())
    }

    /// Lends the correlator.
    fn with<T>(&self, use_it: impl FnOnce(&mut Correlator) -> T) -> T {
        let mut held = self.correlator.lock().unwrap_or_else(PoisonError::into_inner);
        use_it(held.get_or_insert_with(|| Correlator::with_policy(self.policy)))
    }
}

/// Lines that are held at once, so that names are asked for together.
const HELD: usize = 4096;

/// The flows of a source: its packets with their owners.
pub(crate) struct Flows {
    gathered: Arc<Gathered>,
    /// For the first pass, should nobody have made it.
    first: Option<Reader>,
    reader: Reader,
    items: Arc<Vec<Item>>,
    view: View,
    builder: Builder,
    held: Held,
    counts: Counts,
    known: Known,
}

impl Flows {
    pub(crate) fn new(
        items: Arc<Vec<Item>>,
        readers: (Reader, Reader),
        gathered: Arc<Gathered>,
        view: View,
        known: Known,
    ) -> Self {
        let (first, reader) = readers;
        Self {
            gathered,
            first: Some(first),
            reader,
            items,
            builder: Builder::new(&view.columns),
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
        while more && held.ends.len() < HELD {
            more = reader.step(|origin, line| {
                counts.lines += 1;
                if may_be_packet(line) {
                    held.push(origin, line);
                }
            })?;
        }
        Ok(more)
    }

    /// Gives each flow of the lines that are held.
    pub(crate) fn next_flows(
        &mut self,
        mut each: impl FnMut(&Row<'_>, &Flow<'_, '_>, &mut Builder),
    ) -> Result<bool, Failure> {
        let gathered = Arc::clone(&self.gathered);
        if let Some(first) = self.first.take() {
            gathered.gather(first)?;
        }
        let more = self.hold()?;
        let Self { held, items, view, builder, counts, known, .. } = self;
        let mut failed = None;
        let lines = held.lines();
        gathered.with(|correlator| {
            let resolve =
                |guids: &[Guid]| match gathered.directory.as_ref().map(|d| d.resolve(guids)) {
                    Some(Ok(found)) => found,
                    Some(Err(error)) => {
                        failed.get_or_insert(error);
                        vec![Identity::unknown(); guids.len()]
                    }
                    None => vec![Identity::unknown(); guids.len()],
                };
            let mut at = lines.iter();
            correlator.flows(&lines, resolve, |flow| {
                let raw =
                    at.find(|(origin, _)| *origin == flow.origin).map_or(&[][..], |(_, raw)| raw);
                let error = match &flow.record.content {
                    Content::Damaged(damaged) => Some(&damaged.error),
                    _ => None,
                };
                counts.packets += 1;
                counts.damaged += u64::from(error.is_some());
                let row = Row {
                    origin: flow.origin,
                    source: &items[flow.origin.source.0 as usize].name,
                    raw,
                    time: flow.time,
                    envelope: &flow.record.envelope,
                    packet: flow.packet,
                    cf: flow.cf.as_ref(),
                    error,
                    owner: Some(Owner {
                        attribution: &flow.attribution,
                        identity: flow.identity,
                        sources: items,
                        cell: flow.cell.as_deref(),
                    }),
                };
                if view.filter.admits(&row) {
                    counts.rows += 1;
                    each(&row, flow, builder);
                }
            });
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
        held.clear();
        if !more {
            known.set(*counts);
        }
        Ok(more)
    }

    /// Adds the next flows as objects of the output contract; false if there are none left.
    pub(crate) fn next_objects(
        &mut self,
        found: &mut Vec<serde_json::Value>,
    ) -> Result<bool, Failure> {
        let items = Arc::clone(&self.items);
        self.next_flows(|_, flow, _| {
            let output = flow.to_output(|source| &items[source.0 as usize].name);
            found.push(serde_json::to_value(&output).expect("a flow is plain data"));
        })
    }
}

impl Rows for Flows {
    fn schema(&self) -> SchemaRef {
        self.builder.schema()
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, Failure> {
        while !self.builder.is_full() {
            if !self.next_flows(|row, _, builder| builder.push(row))? {
                break;
            }
        }
        Ok((!self.builder.is_empty()).then(|| self.builder.finish()))
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
