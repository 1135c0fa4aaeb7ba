//! Logs, ledgers and names, as the options of several subcommands say them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use asg_cli::report::{Failure, Report};
use asg_core::{Correlator, Guid, Identity, SourceId};
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
use crate::watch::Watching;

/// Logs that are read as far as they can be.
pub(crate) struct Logs {
    pub(crate) readers: Readers,
    left_out: LeftOut,
    /// Different ones.
    many: usize,
}

impl Logs {
    /// `again` says that they are read more than once.
    pub(crate) fn new(
        paths: &[PathBuf],
        again: bool,
        progress: Option<Py<PyAny>>,
    ) -> Result<Self, Failure> {
        let ids = numbered(paths)?;
        let meter = Watching::new(None);
        let (mut items, mut left_out) = (Vec::new(), BTreeMap::new());
        for (path, id) in paths.iter().zip(ids) {
            let mut item = Item::path(path.clone(), id);
            let kept = if again { item.keep(&meter) } else { Ok(()) };
            match kept {
                Ok(()) => items.push(item),
                Err(errors::Failure::Read(name, error)) => {
                    left_out.insert(name, error.to_string());
                }
                Err(error) => return Err(failed(error)),
            }
        }
        let left_out: LeftOut = Arc::new(Mutex::new(left_out));
        let sizes: Option<Vec<u64>> = items.iter().map(Item::size).collect();
        let progress = progress.map(|make| with_total(make, sizes.map(|all| all.iter().sum())));
        let readers = Readers::new(items, progress).leaving_out(Arc::clone(&left_out));
        let many = paths.iter().collect::<BTreeSet<_>>().len();
        Ok(Self { readers, left_out, many })
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

/// Numbers logs by name, so that their order does not matter to any answer. One that is given twice has two numbers.
///
/// # Errors
///
/// [`Failure::Usage`] if there are none.
pub(crate) fn numbered(paths: &[PathBuf]) -> Result<Vec<SourceId>, Failure> {
    if paths.is_empty() {
        let what = "there are no logs: name some, or - for standard input";
        return Err(Failure::Usage(what.into()));
    }
    let mut names: Vec<_> = paths.iter().map(|path| path.display().to_string()).zip(0..).collect();
    names.sort();
    let mut ids = vec![SourceId(0); paths.len()];
    let mut before = "";
    for (name, n) in &names {
        let id = origins::number(name);
        ids[*n] = if name == before { origins::another(id) } else { id };
        before = name;
    }
    Ok(ids)
}

/// What Python makes bars of, told how much there is.
pub(crate) fn with_total(make: Py<PyAny>, total: Option<u64>) -> Py<PyAny> {
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
        match options.names.directory()? {
            Ok(None) => {}
            Ok(Some(directory)) => {
                let ask = move |guids: &[Guid]| directory.resolve(guids);
                let failure = Arc::clone(&asked.failure);
                asked.directory =
                    Some(Arc::new(Gentle { directory: Live(Arc::new(ask)), failure }));
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
        let given = values.split(',').map(|text| Given::Written(text.to_owned())).collect();
        table = table.filtered(column, given).map_err(failed)?;
    }
    Ok((table, gathered))
}
