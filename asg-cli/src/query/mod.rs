//! Queries: the packets or flows of sources as rows, filtered, with chosen columns.
//!
//! A [`Query`] is a description. It reads its sources anew for each reading that is asked of it,
//! and gathers evidence once for all of them.
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
//! let dns = vec![Given::Int(53)];
//! let packets = Query::packets_of([&log]).filter("dpt", dns)?.select(&["dst", "dpt"])?;
//! let batches = packets.batches().collect::<Result<Vec<_>, _>>()?;
//! assert_eq!((batches[0].num_rows(), batches[0].num_columns()), (1, 2));
//! assert_eq!(packets.counts().unwrap().rows, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod columns;
pub(crate) mod rows;

mod batch;
mod cells;
mod condition;
mod csv_cells;
mod filter;
mod kept_texts;
mod object;
pub(crate) mod row;
mod saved;
mod saved_lines;
mod shared;
mod value;
mod vocabulary;

use std::path::PathBuf;
use std::sync::Arc;

use asg_core::correlate::Counted;
use asg_core::policy::Policy;
use asg_core::{TimePolicy, Timestamp};

pub(crate) use self::cells::Cells;
pub use self::columns::{COLUMNS, Column};
pub use self::condition::Condition;
pub use self::csv_cells::Formulas;
pub(crate) use self::csv_cells::{CsvCells, Short};
pub(crate) use self::filter::ALIASES;
use self::filter::no_column;
pub use self::filter::{Filter, Given};
pub use self::row::{ReadRow, Row};
pub use self::rows::{Batches, Counts, Rows, for_each};
use self::rows::{LastCounts, Sieve, Step, View};
pub use self::saved::SavedRow;
use self::saved::{Saved, SavedRows};
pub use self::value::{Kind, Value};
pub(crate) use self::vocabulary::words as values;
use crate::answers::{By, Span};
use crate::error::Error;
use crate::explain::{FlowFacts, OfWhole};
use crate::flows::{Alone, Gathered, PieceRows, Reported, RowSink, RowWork};
use crate::input::{Log, Source};
use crate::labels::Labels;
use crate::lines::Readers;
use crate::monitor::Unattended;
use crate::names::Names;
use crate::pieces::Size;
use crate::pipeline::{Pipeline, Threads};
use crate::uncounted;
pub(crate) use columns::In;

/// The packets or flows of sources.
#[derive(Debug, Clone)]
pub struct Query {
    readers: Readers,
    policy: TimePolicy,
    from: From,
    view: View,
    last: LastCounts,
}

/// Where rows come from.
#[derive(Debug, Clone)]
enum From {
    /// The packets of the readers.
    Packets(Reported),
    /// The flows of the readers.
    Flows(Evidence),
    /// A saved table.
    Saved(Saved),
}

/// The sources of the owners of packets.
#[derive(Debug, Clone)]
struct Evidence {
    gathered: Arc<Gathered>,
    names: Option<Arc<dyn Names>>,
    /// Explains the flows, if there is one.
    policy: Option<Policy>,
    /// The facts about whole logs, if the logs at hand are not to be asked.
    whole: Option<Arc<OfWhole>>,
}

impl Query {
    /// Returns the packets of sources.
    #[must_use]
    pub fn packets(readers: Readers, policy: TimePolicy) -> Self {
        Self::new(readers, policy, From::Packets(Reported::ByKernel))
    }

    /// Returns the packets of sources as [`packets`](Self::packets) does, and those that
    /// iptables-logger reports: rows for all lines that [`flows`](Self::flows) may give.
    #[must_use]
    pub fn reports(readers: Readers, policy: TimePolicy) -> Self {
        Self::new(readers, policy, From::Packets(Reported::ByAny))
    }

    /// Returns the flows of sources: packets with their owners, named by a directory if there is
    /// one.
    #[must_use]
    pub fn flows(
        readers: Readers,
        policy: TimePolicy,
        gathered: Arc<Gathered>,
        names: Option<Arc<dyn Names>>,
    ) -> Self {
        Self::new(
            readers,
            policy,
            From::Flows(Evidence { gathered, names, policy: None, whole: None }),
        )
    }

    /// Adds an explanation to each flow: the columns from `phase` to `blind`.
    ///
    /// ```
    /// use asg_cli::explain::PolicySources;
    /// use asg_cli::query::{Given, Query};
    ///
    /// let files = vec!["data/groups.json".into()];
    /// let groups = PolicySources { groups: files, ..PolicySources::default() }.load()?;
    /// let flows = Query::flows_of(["data/foundation.log"]).explained(&groups.policy)?;
    /// let denied = flows.filter("by", vec![Given::Text("default".into())])?;
    /// let batches = denied.select(&["dst", "basis", "because"])?.batches();
    /// let batches = batches.collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(batches[0].num_rows(), 2);
    /// # Ok::<(), asg_cli::error::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] for packets without owners, and for a saved table.
    pub fn explained(&self, policy: &Policy) -> Result<Self, Error> {
        self.explained_where(policy, None)
    }

    /// As [`explained`](Self::explained), with these facts about whole logs; `None` asks the logs.
    pub(crate) fn explained_where(
        &self,
        policy: &Policy,
        whole: Option<OfWhole>,
    ) -> Result<Self, Error> {
        let From::Flows(evidence) = &self.from else {
            return Err(Error::Usage("only flows that are read from logs can be explained"));
        };
        let whole = whole.map(Into::into);
        let policy = Some(policy.clone());
        let from = From::Flows(Evidence { policy, whole, ..evidence.clone() });
        let mut query = Self { from, ..self.with(self.view.clone()) };
        let added = COLUMNS.iter().filter(|column| column.of == In::Explained);
        query.view.columns.extend(added);
        Ok(query)
    }

    /// Adds names of networks, which are the column `dst_name`, and verdicts for log prefixes.
    ///
    /// ```
    /// use asg_cli::labels::Labels;
    /// use asg_cli::query::{Given, Query};
    ///
    /// let mut labels = Labels::default();
    /// labels.add_networks("10.0.16.8,billing")?;
    /// let flows = Query::flows_of(["data/foundation.log"]).labelled(labels);
    /// let billing = flows.filter("dst_name", vec![Given::Text("billing".into())])?;
    /// let batches = billing.batches().collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(batches[0].num_rows(), 1);
    /// # Ok::<(), asg_cli::error::Error>(())
    /// ```
    #[must_use]
    pub fn labelled(&self, labels: Labels) -> Self {
        let has_networks = labels.has_networks();
        let had = self.view.labels.as_ref().is_some_and(|labels| labels.has_networks());
        // Without any, rows are read the quick way.
        let labels = (!labels.is_empty()).then(|| Arc::new(labels));
        let mut view = View { labels, ..self.view.clone() };
        if has_networks && !had && !matches!(self.from, From::Saved(_)) {
            let added = COLUMNS.iter().filter(|column| column.of == In::Labelled);
            view.columns.extend(added);
        }
        self.with(view)
    }

    /// Returns whether rows have explanations that were just made.
    #[must_use]
    pub const fn is_explained(&self) -> bool {
        matches!(&self.from, From::Flows(Evidence { policy: Some(_), .. }))
    }

    /// Returns the packets of files. Time stamps without a year stay without a time.
    #[must_use]
    pub fn packets_of(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self::packets(files(paths), TimePolicy::default())
    }

    /// Returns the flows of files: packets with their owners, as far as these files prove them.
    #[must_use]
    pub fn flows_of(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        let policy = TimePolicy::default();
        Self::flows(files(paths), policy, Arc::new(Gathered::new(policy, None)), None)
    }

    /// Returns the rows of a Parquet file that this program or the Python package has written. Each
    /// reading opens the file. Columns of other names are ignored.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if it cannot be read, [`Error::Value`] if it is not such a table.
    #[cfg(feature = "parquet")]
    pub fn from_parquet(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let saved = Saved::parquet(path.into())?;
        Ok(Self::new(files(Vec::<PathBuf>::new()), TimePolicy::default(), From::Saved(saved)))
    }

    /// Returns the rows of saved flows: a Parquet file, or lines of JSON as `correlate --format
    /// ndjson` writes them, compressed or not. Each reading opens the file.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if it cannot be read, [`Error::Value`] if it is not such a file; a line that
    /// is not a flow is an error when it is read.
    pub fn from_flows(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let mut mark = [0; 4];
        let name = || path.to_string_lossy();
        let mut file = std::fs::File::open(&path).map_err(|error| Error::file(name(), error))?;
        let is_parquet =
            std::io::Read::read_exact(&mut file, &mut mark).is_ok() && mark == *b"PAR1";
        let saved = if is_parquet { Saved::of_parquet(path)? } else { Saved::lines(path) };
        Ok(Self::new(files(Vec::<PathBuf>::new()), TimePolicy::default(), From::Saved(saved)))
    }

    /// Reads all rows once and keeps them in memory, with all columns of the query's kind.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn cached(&self) -> Result<Self, Error> {
        let columns: Vec<&'static Column> = COLUMNS
            .iter()
            .filter(|column| column.of != In::OnRequest && self.has(column))
            .collect();
        let view = View { columns: columns.clone(), ..self.view.clone() };
        let all = Self { view, ..self.clone() }.batches().collect::<Result<Vec<_>, _>>()?;
        let from = From::Saved(Saved::memory(columns, all, self.has_flows()));
        let view = View { steps: Vec::new(), ..self.view.clone() };
        let readers = files(Vec::<PathBuf>::new());
        Ok(Self { readers, from, view, last: LastCounts::default(), ..self.clone() })
    }

    fn new(readers: Readers, policy: TimePolicy, from: From) -> Self {
        let view = View { columns: Vec::new(), steps: Vec::new(), labels: None };
        let mut query = Self { readers, policy, from, view, last: LastCounts::default() };
        query.view.columns = COLUMNS
            .iter()
            .filter(|column| column.of != In::OnRequest && query.has(column))
            .collect();
        query
    }

    /// Returns the rows in which this column has one of these values.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for a column that does not exist, or a value that it cannot have.
    pub fn filter(&self, column: &str, values: Vec<Given>) -> Result<Self, Error> {
        let mut view = self.view.clone();
        view.filter(|filter| {
            filter.and(column, values, |column| self.has(column)).map_err(Error::Value)
        })?;
        Ok(self.with(view))
    }

    /// Returns the rows in which this column has none of these values.
    ///
    /// # Errors
    ///
    /// As [`filter`](Self::filter).
    pub fn filter_not(&self, column: &str, values: Vec<Given>) -> Result<Self, Error> {
        let mut view = self.view.clone();
        view.filter(|filter| {
            filter.and_not(column, values, |column| self.has(column)).map_err(Error::Value)
        })?;
        Ok(self.with(view))
    }

    /// Returns the rows not before `from` and before `until`. A row without a time is between no
    /// times.
    #[must_use]
    pub fn between(&self, from: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        let mut view = self.view.clone();
        let added = view.filter(|filter| Ok(filter.and_between(from, until)));
        debug_assert!(added.is_ok(), "any two times are a condition");
        self.with(view)
    }

    /// `take` rows, or all to the end, behind the first `skip`. Reading ends with the last of them.
    ///
    /// ```
    /// use asg_cli::query::{Query, for_each};
    /// use asg_cli::error::Error;
    ///
    /// let flows = Query::flows_of(["data/foundation.log"]).slice(1, Some(2));
    /// let mut rows = 0;
    /// for_each(flows.rows(), |_| {
    ///     rows += 1;
    ///     Ok::<_, Error>(())
    /// })?;
    /// assert_eq!(rows, 2);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn slice(&self, skip: u64, take: Option<u64>) -> Self {
        let mut view = self.view.clone();
        view.steps.push(Step::Slice { skip, take });
        self.with(view)
    }

    /// These columns, in this order.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for a column that does not exist or comes twice.
    pub fn select(&self, names: &[impl AsRef<str>]) -> Result<Self, Error> {
        let column = |name: &str| {
            let found = COLUMNS.iter().find(|column| column.name == name && self.has(column));
            found.ok_or_else(|| Error::Value(no_column(name, |column| self.has(column))))
        };
        let columns: Vec<&'static Column> =
            names.iter().map(|name| column(name.as_ref())).collect::<Result<_, _>>()?;
        let is_new = |n: usize| columns[..n].iter().all(|column| column.name != columns[n].name);
        if let Some(n) = (1..columns.len()).find(|&n| !is_new(n)) {
            return Err(Error::Value(format!("column {:?} is named twice", columns[n].name)));
        }
        Ok(self.with(View { columns, ..self.view.clone() }))
    }

    /// These columns, in this order. An alias is replaced by its columns.
    ///
    /// # Errors
    ///
    /// As [`select`](Self::select).
    pub fn select_by(&self, names: &[String]) -> Result<Self, Error> {
        let of = |name: &String| {
            let of_rows = ALIASES.iter().filter(|(name, _)| matches!(*name, "address" | "port"));
            let mut all = crate::answers::ALIASES.iter().chain(of_rows);
            match all.find(|(alias, _)| alias == name).map(|(_, columns)| *columns) {
                None if name == "app" => vec!["app_name".to_owned()],
                None => vec![name.clone()],
                Some(columns) => {
                    let is_there =
                        |name: &&&str| Column::named(name).is_some_and(|it| self.has(it));
                    columns.iter().filter(is_there).map(|&it| it.to_owned()).collect()
                }
            }
        };
        self.select(&names.iter().flat_map(of).collect::<Vec<_>>())
    }

    /// Returns this query with other sources and another directory. Evidence from the old sources
    /// stays.
    #[must_use]
    pub fn with_sources(&self, readers: Readers, names: Option<Arc<dyn Names>>) -> Self {
        let from = match &self.from {
            From::Flows(evidence) => From::Flows(Evidence { names, ..evidence.clone() }),
            from => from.clone(),
        };
        Self { readers, from, ..self.clone() }
    }

    /// Returns this query without a display of progress.
    #[must_use]
    pub fn quietly(&self) -> Self {
        Self { readers: self.readers.quietly(), ..self.clone() }
    }

    fn with(&self, view: View) -> Self {
        Self { view, last: LastCounts::default(), ..self.clone() }
    }

    /// Returns whether rows have owners.
    #[must_use]
    pub const fn has_flows(&self) -> bool {
        match &self.from {
            From::Packets(_) => false,
            From::Flows(_) => true,
            From::Saved(saved) => saved.has_flows(),
        }
    }

    /// Returns whether a column can be asked for.
    #[must_use]
    pub fn has(&self, column: &Column) -> bool {
        match &self.from {
            From::Saved(saved) => saved.has(column),
            from => match column.of {
                In::Packets | In::OnRequest => true,
                In::Flows => self.has_flows(),
                In::Labelled => {
                    self.view.labels.as_ref().is_some_and(|labels| labels.has_networks())
                }
                In::Explained => matches!(from, From::Flows(Evidence { policy: Some(_), .. })),
            },
        }
    }

    /// Returns the chosen columns.
    #[must_use]
    pub fn columns(&self) -> &[&'static Column] {
        &self.view.columns
    }

    /// Returns the caller's names and verdicts.
    pub(crate) fn labels(&self) -> Option<Arc<Labels>> {
        self.view.labels.clone()
    }

    /// How times are completed.
    #[must_use]
    pub const fn policy(&self) -> &TimePolicy {
        &self.policy
    }

    /// Returns the security groups that explain the flows; `None` if they are not explained.
    #[must_use]
    pub const fn rules(&self) -> Option<&Policy> {
        match &self.from {
            From::Flows(evidence) => evidence.policy.as_ref(),
            From::Packets(_) | From::Saved(_) => None,
        }
    }

    /// Returns whether a first look is cheap: nothing has to be read before the rows, and
    /// everything can be read again.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let monitor = &**self.readers.monitor();
        self.readers.are_repeatable()
            && match &self.from {
                From::Flows(evidence) => evidence.gathered.is_ready(monitor).unwrap_or(false),
                From::Packets(_) | From::Saved(_) => true,
            }
    }

    /// Returns the conditions, for rows that are read elsewhere.
    pub(crate) fn sieve(&self) -> Sieve {
        self.view.sieve()
    }

    /// Returns the columns that group rows, from their names.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for a column that does not exist or comes twice.
    pub fn by(&self, names: &[String]) -> Result<By, Error> {
        By::new(None, names, self.has_flows(), |column| self.has(column)).map_err(Error::Value)
    }

    /// As [`by`](Self::by), and by pieces of time first.
    ///
    /// # Errors
    ///
    /// As [`by`](Self::by).
    pub fn by_time(&self, span: Span, names: &[String]) -> Result<By, Error> {
        let has = |column: &Column| self.has(column);
        By::new(Some(span), names, self.has_flows(), has).map_err(Error::Value)
    }

    /// Rows without owners, for a first look: no evidence has to be read for them. `None`
    /// if a condition is about the owner, or if the rows are saved.
    ///
    /// ```
    /// use asg_cli::query::{Given, Query};
    ///
    /// let flows = Query::flows_of(["data/foundation.log"]);
    /// let denied = flows.filter("verdict", vec![Given::Text("denied".into())])?;
    /// assert!(!denied.without_owners().unwrap().has_flows());
    /// let orders = flows.filter("app", vec![Given::Text("orders".into())])?;
    /// assert!(orders.without_owners().is_none());
    /// # Ok::<(), asg_cli::error::Error>(())
    /// ```
    #[must_use]
    pub fn without_owners(&self) -> Option<Self> {
        let is_of_packets = |column: &Column| !matches!(column.of, In::Flows | In::Explained);
        let steps = &self.view.steps;
        let can = !matches!(self.from, From::Saved(_))
            && steps.iter().all(|step| match step {
                Step::Filter(filter) => filter.columns().all(is_of_packets),
                Step::Slice { .. } => true,
            });
        can.then(|| Self {
            from: From::Packets(Reported::ByKernel),
            ..self.with(self.view.clone())
        })
    }

    /// Returns the counts of the last complete reading; `None` before the first.
    #[must_use]
    pub fn counts(&self) -> Option<Counts> {
        let counts = self.last.get()?;
        match &self.from {
            // All lines were read for evidence.
            From::Flows(evidence) => {
                let known = evidence.gathered.known(&**self.readers.monitor()).ok().flatten();
                let outcomes = known.map_or(counts.outcomes, |known| known.outcomes().clone());
                Some(Counts { outcomes, ..counts })
            }
            From::Packets(_) | From::Saved(_) => Some(counts),
        }
    }

    /// Returns a new reading of the admitted rows, in the caller's thread. The first step reads the
    /// evidence, if that was not done.
    #[must_use]
    pub fn rows(&self) -> Box<dyn Rows> {
        Box::new(Lazy { query: self.clone(), open: None })
    }

    /// Returns a new reading of the admitted rows with their times, whatever columns are chosen.
    #[must_use]
    pub fn timed_rows(&self) -> Box<dyn Rows> {
        self.timed().rows()
    }

    fn open(&self) -> Result<Box<dyn Rows>, Error> {
        let (readers, last) = (&self.readers, self.last.clone());
        Ok(match self.pieces()? {
            Pieces::Read(rows) => Box::new(Alone::new(readers, self.what(), rows, last)),
            Pieces::Saved(saved) => {
                let monitor = Arc::clone(readers.monitor());
                Box::new(SavedRows::new(saved, &self.view, monitor, last))
            }
        })
    }

    /// Returns a new reading as record batches.
    #[must_use]
    pub fn batches(&self) -> Batches {
        Batches::new(self.clone())
    }

    /// Returns how many threads work on its rows.
    pub(crate) const fn threads(&self) -> Threads {
        self.readers.threads()
    }

    /// Returns this query with times, whatever columns are chosen.
    fn timed(&self) -> Self {
        let columns = COLUMNS.iter().filter(|column| column.name == "time").collect();
        let view = View { columns, ..self.view.clone() };
        Self { view, ..self.clone() }
    }

    /// Returns the reading of admitted rows on all threads; `sink` makes the sink of each.
    pub(crate) fn run<S: RowSink>(
        &self,
        size: Size,
        mut sink: impl FnMut() -> S,
    ) -> Result<Running<S>, Error> {
        // All threads share the evidence.
        let of = match self.pieces()? {
            Pieces::Read(rows) if self.view.is_orderless() => {
                let work = || RowWork::new(rows.another(), sink());
                let pipeline = Box::new(Pipeline::new(&self.readers, self.what(), size, work));
                RunningOf::Threads { pipeline, counts: Counts::default(), last: self.last.clone() }
            }
            _ => RunningOf::Alone { rows: self.open()?, sink: sink() },
        };
        Ok(Running { of })
    }

    /// As [`run`](Self::run), with times, whatever columns are chosen.
    pub(crate) fn timed_run<S: RowSink>(
        &self,
        sink: impl FnMut() -> S,
    ) -> Result<Running<S>, Error> {
        self.timed().run(Size::Small, sink)
    }

    /// Passes all admitted rows, with their times, to the sinks of all threads, and returns these.
    pub(crate) fn sinks<S: RowSink>(&self, sink: impl FnMut() -> S) -> Result<Vec<S>, Error> {
        let mut running = self.timed_run(sink)?;
        while running.next()?.is_some() {}
        Ok(running.finish())
    }

    /// Passes all admitted rows, with their times, to values that threads make, and returns these.
    pub(crate) fn fold<T: Send + 'static>(
        &self,
        mut new: impl FnMut() -> T,
        each: fn(&mut T, &Row<'_>),
    ) -> Result<Vec<T>, Error> {
        let folds = self.sinks(|| Fold { value: new(), each })?;
        Ok(folds.into_iter().map(|fold| fold.value).collect())
    }

    /// As [`fold`](Self::fold), but most flows are taken as the first phase has counted them,
    /// without a second look at their lines. Returns `None` if not all flows are wanted, or if
    /// `counted` returns `false`, because it needs lines.
    pub(crate) fn fold_counted<T: Send + 'static>(
        &self,
        new: impl Fn() -> T,
        counted: fn(&mut T, &Counted<'_>) -> bool,
        each: fn(&mut T, &Row<'_>),
    ) -> Result<Option<Vec<T>>, Error> {
        let Pieces::Read(rows) = self.pieces()? else { return Ok(None) };
        let Some(correlation) = rows.all() else { return Ok(None) };
        let (mut first, mut counts) = (new(), Counts::default());
        for packets in correlation.counted() {
            if !counted(&mut first, &packets) {
                return Ok(None);
            }
            counts.packets += packets.packets;
            counts.rows += packets.packets;
            counts.damaged += packets.damaged;
        }
        let (mut all, more) = uncounted::fold(correlation, &self.readers, new, each)?;
        counts.add(&more);
        counts.lines = correlation.counts().lines;
        self.last.set(counts);
        all.push(first);
        Ok(Some(all))
    }

    fn pieces(&self) -> Result<Pieces, Error> {
        let view = self.view.clone();
        Ok(match &self.from {
            From::Flows(Evidence { gathered, names, policy, whole }) => {
                let ready = gathered.ready(&self.readers, names.as_ref())?;
                let facts = policy.as_ref().map(|policy| FlowFacts::new(&ready, policy));
                let facts = facts.map(|facts| match whole {
                    Some(whole) => facts.with_whole(whole),
                    None => facts,
                });
                let rows = PieceRows::flows(ready, view);
                Pieces::Read(match policy.as_ref().zip(facts) {
                    Some((policy, facts)) => rows.explained(policy, &Arc::new(facts)),
                    None => rows,
                })
            }
            From::Packets(reported) => {
                Pieces::Read(PieceRows::packets(self.policy, view, *reported))
            }
            From::Saved(saved) => Pieces::Saved(saved.clone()),
        })
    }

    const fn what(&self) -> &'static str {
        if self.has_flows() { "naming packets" } else { "reading packets" }
    }
}

/// Rows that are opened by the first step.
struct Lazy {
    query: Query,
    open: Option<Box<dyn Rows>>,
}

impl Rows for Lazy {
    fn step(&mut self, each: &mut dyn FnMut(&Row<'_>)) -> Result<bool, Error> {
        let rows = match &mut self.open {
            Some(rows) => rows,
            None => self.open.insert(self.query.open()?),
        };
        rows.step(each)
    }
}

/// The source of rows.
enum Pieces {
    Read(PieceRows),
    Saved(Saved),
}

/// A reading on all threads; of a saved table, or of some consecutive rows, on the caller's.
pub(crate) struct Running<S: RowSink> {
    of: RunningOf<S>,
}

enum RunningOf<S: RowSink> {
    Threads { pipeline: Box<Pipeline<RowWork<S>>>, counts: Counts, last: LastCounts },
    Alone { rows: Box<dyn Rows>, sink: S },
}

impl<S: RowSink> Running<S> {
    /// Returns the sink's result of the next piece; `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<S::Done>, Error> {
        match &mut self.of {
            RunningOf::Threads { pipeline, counts, last } => match pipeline.next()? {
                Some((done, more)) => {
                    counts.add(&more);
                    Ok(Some(done))
                }
                None => {
                    last.set(counts.clone());
                    Ok(None)
                }
            },
            RunningOf::Alone { rows, sink } => {
                let more = rows.step(&mut |row| sink.row(row))?;
                Ok(more.then(|| sink.take()))
            }
        }
    }

    /// Returns the sinks of all threads.
    pub(crate) fn finish(self) -> Vec<S> {
        match self.of {
            RunningOf::Threads { pipeline, .. } => {
                pipeline.finish().into_iter().map(|work| work.sink).collect()
            }
            RunningOf::Alone { sink, .. } => vec![sink],
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_labels_at_all_leave_rows_to_the_quick_way() {
        let mut labels = Labels::default();
        let flows = Query::flows_of(["data/foundation.log"]);
        assert!(flows.labelled(labels.clone()).labels().is_none());
        labels.add_networks("10.0.16.8,billing").unwrap();
        let labelled = flows.labelled(labels);
        assert!(labelled.labels().is_some());
        assert!(labelled.labelled(Labels::default()).labels().is_none());
    }
}
