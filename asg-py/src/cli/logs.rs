//! Logs, ledgers and names, as the options of several subcommands say them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use asg_cc_client::Directory;
use asg_cli::report::{Failure, Report};
use asg_core::{Correlator, Guid, Identity};
use pyo3::prelude::*;

use super::failed;
use super::options::Options;
use crate::directory::{Live, Names};
use crate::errors;
use crate::filter::Given;
use crate::flows::Gathered;
use crate::ledger::Ledger;
use crate::lines::{LeftOut, Raw, Readers};
use crate::origins;
use crate::source::Item;
use crate::table::Table;

/// Logs that are read as far as they can be.
pub(crate) struct Logs {
    pub(crate) readers: Readers,
    left_out: LeftOut,
    many: usize,
}

impl Logs {
    /// `again` says that they are read more than once.
    pub(crate) fn new(
        paths: &[PathBuf],
        again: bool,
        progress: Option<Py<PyAny>>,
    ) -> Result<Self, Failure> {
        if paths.is_empty() {
            let what = "there are no logs: name some, or - for standard input";
            return Err(Failure::Usage(what.into()));
        }
        // They are numbered by name, so that their order does not matter to any answer.
        let mut names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        names.sort();
        for name in names {
            origins::number(&name);
        }
        let left_out = LeftOut::default();
        let mut items: Vec<_> = paths.iter().cloned().map(Item::path).collect();
        for item in items.iter_mut().filter(|_| again) {
            match item.keep() {
                // Reading says the same once more, and keeps it then.
                Ok(()) | Err(errors::Failure::Read(..)) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        let sizes: Option<Vec<u64>> = items.iter().map(Item::size).collect();
        let progress = progress.map(|make| with_total(make, sizes.map(|all| all.iter().sum())));
        let readers = Readers::new(items, progress).leaving_out(Arc::clone(&left_out));
        Ok(Self { readers, left_out, many: paths.len() })
    }

    /// Takes all evidence.
    pub(crate) fn observe(&self, correlator: &mut Correlator) -> Result<(), Failure> {
        let mut reader = self.readers.open();
        let mut observe = |raw: Raw<'_>| {
            correlator.observe(raw.origin, raw.bytes);
        };
        while reader.step(&mut observe).map_err(failed)? {}
        Ok(())
    }

    /// Says what could not be read; fails if that is everything.
    pub(crate) fn close(&self, lines: u64, report: &mut Report) -> Result<(), Failure> {
        let left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, what) in &*left_out {
            report.left_out(format_args!("{name}: {what}"));
        }
        if lines == 0 && left_out.len() == self.many { Err(Failure::Inputs) } else { Ok(()) }
    }
}

/// What Python makes bars of, told how much there is.
fn with_total(make: Py<PyAny>, total: Option<u64>) -> Py<PyAny> {
    Python::attach(|py| make.call1(py, (total,)).unwrap_or(make))
}

/// A directory that is asked no more once it has failed, for flows are worth having without names.
pub(crate) struct Gentle {
    directory: Live,
    failure: Arc<Mutex<Option<String>>>,
}

impl Names for Gentle {
    fn resolve(&self, guids: &[Guid]) -> Result<Vec<Identity>, errors::Failure> {
        let unknown = || Ok(vec![Identity::unknown(); guids.len()]);
        let failed = || self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failed().is_some() {
            return unknown();
        }
        match self.directory.resolve(guids) {
            Err(errors::Failure::Directory(what)) => {
                *failed() = Some(what);
                unknown()
            }
            result => result,
        }
    }
}

/// Whether names are asked for, and what became of that.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) directory: Option<Arc<dyn Names>>,
    failure: Arc<Mutex<Option<String>>>,
}

impl Asked {
    pub(crate) fn new(options: &Options, report: &mut Report) -> Result<Self, Failure> {
        let mut asked = Self::default();
        match options.names.shared()? {
            Ok(None) => {}
            Ok(Some(directory)) => {
                let directory: Arc<dyn Directory + Send + Sync> = Arc::from(directory);
                let failure = Arc::clone(&asked.failure);
                asked.directory = Some(Arc::new(Gentle { directory: Live(directory), failure }));
            }
            Err(why) => report.left_out(format_args!("there are no names: {why}")),
        }
        Ok(asked)
    }

    fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// True as long as names are told.
    pub(crate) fn is_telling(&self) -> bool {
        self.directory.is_some() && self.failure().is_none()
    }

    pub(crate) fn close(&self, report: &mut Report) {
        if let Some(why) = self.failure() {
            report.left_out(format_args!("names are missing: {why}"));
        }
    }
}

/// All these ledgers as one; `None` if there are none.
pub(crate) fn ledger(paths: &[PathBuf]) -> Result<Option<Ledger>, Failure> {
    let mut all: Option<Ledger> = None;
    for path in paths {
        let one = Ledger::read(path).map_err(failed)?;
        match &all {
            Some(all) => all.held().merge(&one.held()),
            None => all = Some(one),
        }
    }
    Ok(all)
}

/// The flows that the options ask for.
pub(crate) fn flows(
    options: &Options,
    logs: &Logs,
    asked: &Asked,
) -> Result<(Table, Arc<Gathered>), Failure> {
    let ledger = ledger(&options.ledgers)?;
    let ledger = ledger.map(|ledger| Python::attach(|py| Py::new(py, ledger))).transpose();
    let ledger = ledger.map_err(|error| failed(error.into()))?;
    let gathered = Arc::new(Gathered::new(options.policy, asked.directory.clone(), ledger));
    let mut table = Table::new(logs.readers.clone(), options.policy, Some(Arc::clone(&gathered)));
    for (column, values) in &options.conditions {
        let texts = || values.split(',').map(|text| Given::Text(Some(text.to_owned())));
        let numbers = values.split(',').map(number).collect::<Option<Vec<_>>>();
        // Whether digits are a number, the column says.
        let found = numbers.and_then(|numbers| table.filtered(column, numbers).ok());
        table = match found {
            Some(table) => table,
            None => table.filtered(column, texts().collect()).map_err(failed)?,
        };
    }
    Ok((table, gathered))
}

/// `443`, or `1024-65535`.
fn number(text: &str) -> Option<Given> {
    match text.split_once('-') {
        Some((first, last)) => Some(Given::Range((first.parse().ok()?, last.parse().ok()?))),
        None => text.parse().ok().map(Given::Int),
    }
}
