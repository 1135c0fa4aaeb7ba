//! Lines to records: every line of a source, one by one.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use asg_cli::lines::{LineReader, Raw};
use asg_cli::lock::Lock;
use asg_core::{Content, Reader, Record, TimePolicy};
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};
use serde_json::Value;

use crate::callback::PyMonitor;
use crate::errors::{Damage, Failure};
use crate::source::{Given, Item};
use crate::{objects, time_policy};

/// Records as objects of the output contract, one by one.
#[pyclass(frozen, module = "asglog._asglog")]
pub(crate) struct Records {
    given: Given,
    state: Lock<State>,
    /// Outside of the state, which is locked during a reading.
    counts: [AtomicU64; 6],
}

struct State {
    lines: LineReader,
    reader: Box<Reader>,
    policy: TimePolicy,
    /// Whether damage raises an exception.
    is_strict: bool,
    /// Whether records name their source.
    shows_source: bool,
    ready: VecDeque<(Kind, Value)>,
    more: bool,
}

/// The kind of a line, as its place in the counts.
type Kind = usize;

/// The names of the counts: all lines, and those of each kind.
const KINDS: [&str; 6] = ["lines", "packet", "rep", "logger", "other", "damaged"];

#[pymethods]
impl Records {
    #[new]
    fn new(
        items: Vec<Item>,
        is_strict: bool,
        year: Option<i16>,
        utc_offset: f64,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let shows_source = items.len() > 1;
        let given = Given::new(items, progress);
        let state = State {
            lines: given.readers().open("reading"),
            reader: Box::default(),
            policy: time_policy(year, utc_offset)?,
            is_strict,
            shows_source,
            ready: VecDeque::new(),
            more: true,
        };
        Ok(Self { given, state: Lock::new(state), counts: Default::default() })
    }

    const fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        // The interpreter is released for each piece of lines, and not for each line.
        let ready = self.state.try_lock().and_then(|mut state| state.take(&self.counts));
        let next = match ready {
            Some(value) => value.map(Some),
            None => py.detach(|| self.state.lock(&PyMonitor::QUIET)?.next(&self.counts)),
        };
        next?.map(|value| objects::object(py, &value)).transpose()
    }

    /// Returns the numbers of lines so far, and of each kind.
    fn counts(&self) -> Vec<(&'static str, u64)> {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        KINDS.into_iter().zip(counts).collect()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.given.visit(&visit)
    }

    fn __clear__(&self) {
        self.given.clear();
    }
}

impl State {
    /// Returns the next record, if one is ready.
    fn take(&mut self, counts: &[AtomicU64; 6]) -> Option<Result<Value, Failure>> {
        let (kind, value) = self.ready.pop_front()?;
        for n in [0, kind] {
            counts[n].fetch_add(1, Ordering::Relaxed);
        }
        let damage = if self.is_strict { damage(&value) } else { None };
        Some(damage.map_or(Ok(value), |damage| Err(Failure::Damaged(Box::new(damage)))))
    }

    fn next(&mut self, counts: &[AtomicU64; 6]) -> Result<Option<Value>, Failure> {
        loop {
            if let Some(ready) = self.take(counts) {
                return ready.map(Some);
            }
            if !self.more {
                return Ok(None);
            }
            let Self { lines, reader, policy, shows_source, ready, more, .. } = self;
            *more =
                lines.step(|raw| ready.push_back(object(&raw, reader, policy, *shows_source)))?;
        }
    }
}

fn object(
    raw: &Raw<'_>,
    reader: &mut Reader,
    policy: &TimePolicy,
    shows_source: bool,
) -> (Kind, Value) {
    let line = raw.line();
    let record = match raw.part_of {
        None => reader.classify(&line),
        Some(first) => Record::part_of(first),
    };
    let kind = match record.content {
        Content::Packet { .. } => 1,
        Content::Rep(_) | Content::Document(_) => 2,
        Content::Logger(_) => 3,
        Content::Other => 4,
        Content::Damaged(_) => 5,
    };
    let more: Vec<_> = Record::more(&line).collect();
    let output = record.to_output(raw.origin.line, policy).with_more(&more);
    let mut value = serde_json::to_value(output).unwrap_or_default();
    if let (true, Value::Object(members)) = (shows_source, &mut value) {
        members.insert("source".into(), raw.source.into());
    }
    (kind, value)
}

fn damage(value: &Value) -> Option<Damage> {
    let error = value.get("error")?;
    Some(Damage {
        source: value.get("source").and_then(Value::as_str).map(Into::into),
        line: value["line"].as_u64().unwrap_or_default(),
        offset: error["offset"].as_u64().and_then(|n| n.try_into().ok()).unwrap_or_default(),
        reason: error["message"].as_str().unwrap_or_default().into(),
    })
}
