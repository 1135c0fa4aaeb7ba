//! Queries: the packets or flows of sources as rows, filtered, with chosen columns.
//!
//! A [`Query`] is a description. It reads its sources anew for each reading that is asked of it, and
//! gathers evidence once for all of them.
//!
//! ```
//! use asg_cli::query::{Given, Query};
//!
//! let line = b"OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 TOS=0x00 \
//!     PREC=0x00 TTL=63 ID=2806 DF PROTO=UDP SPT=36556 DPT=53 LEN=41 \n";
//! let folder = tempfile::tempdir()?;
//! let log = folder.path().join("kern.log");
//! std::fs::write(&log, line)?;
//!
//! let packets = Query::packets_of([&log]).filter("dpt", vec![Given::Int(53)])?.select(&["dst", "dpt"])?;
//! let batches = packets.batches().collect::<Result<Vec<_>, _>>()?;
//! assert_eq!((batches[0].num_rows(), batches[0].num_columns()), (1, 2));
//! assert_eq!(packets.counts().unwrap().rows, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod columns;
pub(crate) mod rows;

mod batch;
mod cells;
mod filter;
mod vocabulary;
mod words;

use std::path::PathBuf;
use std::sync::Arc;

use asg_core::{TimePolicy, Timestamp};

pub(crate) use self::cells::{Cells, push_dotted};
pub use self::columns::{COLUMNS, Column, Kind, Row, Value};
pub use self::filter::{Filter, Given};
pub use self::rows::{Batches, Counts, Rows, for_each};
use self::rows::{LastCounts, View};
use crate::answers::By;
use crate::error::Error;
use crate::flows::{Alone, Gathered, PieceRows, RowSink, RowWork};
use crate::input::{Log, Source};
use crate::lines::Readers;
use crate::monitor::Unattended;
use crate::names::Names;
use crate::pieces::Size;
use crate::pipeline::Pipeline;
use columns::In;

/// The packets or flows of sources.
#[derive(Debug, Clone)]
pub struct Query {
    readers: Readers,
    policy: TimePolicy,
    /// `None` for packets.
    evidence: Option<Evidence>,
    view: View,
    last: LastCounts,
}

/// What the owners of packets come from.
#[derive(Debug, Clone)]
struct Evidence {
    gathered: Arc<Gathered>,
    names: Option<Arc<dyn Names>>,
}

impl Query {
    /// The packets of sources.
    #[must_use]
    pub fn packets(readers: Readers, policy: TimePolicy) -> Self {
        Self::new(readers, policy, None)
    }

    /// The flows of sources: packets with their owners, named by a directory if there is one.
    #[must_use]
    pub fn flows(
        readers: Readers,
        policy: TimePolicy,
        gathered: Arc<Gathered>,
        names: Option<Arc<dyn Names>>,
    ) -> Self {
        Self::new(readers, policy, Some(Evidence { gathered, names }))
    }

    /// The packets of files. Time stamps without a year stay without a time.
    #[must_use]
    pub fn packets_of(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self::packets(files(paths), TimePolicy::default())
    }

    /// The flows of files: packets with their owners, as far as these files prove them.
    #[must_use]
    pub fn flows_of(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        let policy = TimePolicy::default();
        Self::flows(files(paths), policy, Arc::new(Gathered::new(policy, None)), None)
    }

    fn new(readers: Readers, policy: TimePolicy, evidence: Option<Evidence>) -> Self {
        let is_shown = |column: &&'static Column| {
            column.of == In::Packets || column.of == In::Flows && evidence.is_some()
        };
        let columns = COLUMNS.iter().filter(is_shown).collect();
        let view = View { columns, filter: Filter::default() };
        Self { readers, policy, evidence, view, last: LastCounts::default() }
    }

    /// The rows in which this column has one of these values.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for a column that does not exist, or a value that it cannot have.
    pub fn filter(&self, column: &str, values: Vec<Given>) -> Result<Self, Error> {
        let filter = self.view.filter.clone().and(column, values, |column| self.has(column));
        Ok(self.with(View { filter: filter.map_err(Error::Value)?, ..self.view.clone() }))
    }

    /// The rows not before `from` and before `until`. A row without a time is between no times.
    #[must_use]
    pub fn between(&self, from: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        let filter = self.view.filter.clone().and_between(from, until);
        self.with(View { filter, ..self.view.clone() })
    }

    /// These columns, in this order.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for a column that does not exist or comes twice.
    pub fn select(&self, names: &[impl AsRef<str>]) -> Result<Self, Error> {
        let column = |name: &str| {
            let found = COLUMNS.iter().find(|column| column.name == name && self.has(column));
            found.ok_or_else(|| Error::Value(format!("there is no column {name:?}")))
        };
        let columns: Vec<&'static Column> =
            names.iter().map(|name| column(name.as_ref())).collect::<Result<_, _>>()?;
        let is_new = |n: usize| columns[..n].iter().all(|column| column.name != columns[n].name);
        if let Some(n) = (1..columns.len()).find(|&n| !is_new(n)) {
            return Err(Error::Value(format!("column {:?} is named twice", columns[n].name)));
        }
        Ok(self.with(View { columns, ..self.view.clone() }))
    }

    /// The same query of other sources and another directory. What was gathered of the old sources
    /// stays.
    #[must_use]
    pub fn with_sources(&self, readers: Readers, names: Option<Arc<dyn Names>>) -> Self {
        let evidence = self
            .evidence
            .as_ref()
            .map(|evidence| Evidence { gathered: Arc::clone(&evidence.gathered), names });
        Self { readers, evidence, ..self.clone() }
    }

    /// The same query without a display of progress.
    #[must_use]
    pub fn quietly(&self) -> Self {
        Self { readers: self.readers.quietly(), ..self.clone() }
    }

    fn with(&self, view: View) -> Self {
        Self { view, last: LastCounts::default(), ..self.clone() }
    }

    /// Whether rows have owners.
    #[must_use]
    pub const fn has_flows(&self) -> bool {
        self.evidence.is_some()
    }

    /// Whether a column can be asked for.
    #[must_use]
    pub fn has(&self, column: &Column) -> bool {
        column.of != In::Flows || self.has_flows()
    }

    /// The chosen columns.
    #[must_use]
    pub fn columns(&self) -> &[&'static Column] {
        &self.view.columns
    }

    /// How times are completed.
    #[must_use]
    pub const fn policy(&self) -> &TimePolicy {
        &self.policy
    }

    /// Whether a first look is cheap: nothing has to be read before the rows, and everything can be
    /// read again.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let is_gathered = |evidence: &Evidence| {
            evidence.gathered.is_ready(&**self.readers.monitor()).unwrap_or(false)
        };
        self.readers.are_repeatable() && self.evidence.as_ref().is_none_or(is_gathered)
    }

    /// Whether the filter admits the row.
    #[must_use]
    pub fn admits(&self, row: &Row<'_>) -> bool {
        self.view.filter.admits(row)
    }

    /// What rows are grouped by, from names of columns.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for a column that does not exist or comes twice.
    pub fn by(&self, names: &[String]) -> Result<By, Error> {
        By::new(None, names, self.has_flows(), |column| self.has(column)).map_err(Error::Value)
    }

    /// As [`by`](Self::by), and by spans of this many nanoseconds first.
    ///
    /// # Errors
    ///
    /// As [`by`](Self::by).
    pub fn by_time(&self, nanos: i64, names: &[String]) -> Result<By, Error> {
        let has = |column: &Column| self.has(column);
        By::new(Some(nanos), names, self.has_flows(), has).map_err(Error::Value)
    }

    /// The counts of the last complete reading; `None` before the first.
    #[must_use]
    pub fn counts(&self) -> Option<Counts> {
        self.last.get()
    }

    /// A new reading of the admitted rows, in the caller's thread.
    ///
    /// # Errors
    ///
    /// Those of the first reading, for evidence, and of the directory.
    pub fn rows(&self) -> Result<Box<dyn Rows>, Error> {
        let what = self.what();
        Ok(Box::new(Alone::new(&self.readers, what, self.pieces()?, self.last.clone())))
    }

    /// A new reading of the admitted rows with their times, whatever columns are chosen.
    ///
    /// # Errors
    ///
    /// As [`Query::rows`].
    pub fn timed_rows(&self) -> Result<Box<dyn Rows>, Error> {
        self.timed().rows()
    }

    /// A new reading as record batches.
    #[must_use]
    pub fn batches(&self) -> Batches {
        Batches::new(self.clone())
    }

    /// The same query with times, whatever columns are chosen.
    fn timed(&self) -> Self {
        let columns = COLUMNS.iter().filter(|column| column.name == "time").collect();
        let view = View { columns, ..self.view.clone() };
        Self { view, ..self.clone() }
    }

    /// The reading of admitted rows on all threads; `sink` makes the sink of each.
    pub(crate) fn run<S: RowSink>(
        &self,
        size: Size,
        mut sink: impl FnMut() -> S,
    ) -> Result<Running<S>, Error> {
        // All threads share the evidence.
        let pieces = self.pieces()?;
        let work = || RowWork::new(pieces.another(), sink());
        let pipeline = Pipeline::new(&self.readers, self.what(), size, work);
        Ok(Running { pipeline, counts: Counts::default(), last: self.last.clone() })
    }

    /// As [`run`](Self::run), with times, whatever columns are chosen.
    pub(crate) fn timed_run<S: RowSink>(
        &self,
        sink: impl FnMut() -> S,
    ) -> Result<Running<S>, Error> {
        self.timed().run(Size::Small, sink)
    }

    /// The evidence of flows, gathered and named if that was not done; `None` for packets.
    pub(crate) fn evidence(&self) -> Result<Option<Arc<asg_core::Correlation>>, Error> {
        let ready = |it: &Evidence| it.gathered.ready(&self.readers, it.names.as_ref());
        self.evidence.as_ref().map(ready).transpose()
    }

    /// Passes all admitted rows, with their times, to values that threads make, and returns these.
    pub(crate) fn fold<T: Send + 'static>(
        &self,
        mut new: impl FnMut() -> T,
        each: fn(&mut T, &Row<'_>),
    ) -> Result<Vec<T>, Error> {
        let mut running = self.timed().run(Size::Small, || Fold { value: new(), each })?;
        while running.next()?.is_some() {}
        Ok(running.finish().into_iter().map(|fold| fold.value).collect())
    }

    fn pieces(&self) -> Result<PieceRows, Error> {
        let view = self.view.clone();
        Ok(match &self.evidence {
            Some(Evidence { gathered, names }) => {
                PieceRows::flows(gathered.ready(&self.readers, names.as_ref())?, view)
            }
            None => PieceRows::packets(self.policy, view),
        })
    }

    const fn what(&self) -> &'static str {
        if self.has_flows() { "naming packets" } else { "reading packets" }
    }
}

/// A reading on all threads.
pub(crate) struct Running<S: RowSink> {
    pipeline: Pipeline<RowWork<S>>,
    counts: Counts,
    last: LastCounts,
}

impl<S: RowSink> Running<S> {
    /// What a sink made of the next piece; `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<S::Done>, Error> {
        let Some((done, counts)) = self.pipeline.next()? else {
            self.last.set(self.counts);
            return Ok(None);
        };
        self.counts.add(&counts);
        Ok(Some(done))
    }

    /// The sinks of all threads.
    pub(crate) fn finish(self) -> Vec<S> {
        self.pipeline.finish().into_iter().map(|work| work.sink).collect()
    }
}

/// A value that takes rows.
struct Fold<T> {
    value: T,
    each: fn(&mut T, &Row<'_>),
}

impl<T: Send + 'static> RowSink for Fold<T> {
    type Done = ();

    fn row(&mut self, row: &Row<'_>) {
        (self.each)(&mut self.value, row);
    }

    fn take(&mut self) {}
}

fn files(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Readers {
    let mut paths: Vec<PathBuf> = paths.into_iter().map(Into::into).collect();
    // The order of the arguments must not matter to any answer.
    paths.sort();
    let source = |path| -> Arc<dyn Source> { Arc::new(Log::file(path)) };
    Readers::new(paths.into_iter().map(source).collect(), Arc::new(Unattended))
}
