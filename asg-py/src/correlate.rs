//! The whole procedure over finished files: two passes, and names once per batch.

use std::path::{Path, PathBuf};

use asg_cc_client::Directory;
use asg_core::{Correlator, Flow, Guid, Identity, Origin, SourceId, TimePolicy};
use serde_json::Value;

use crate::errors::Failure;
use crate::input;

/// Lines that are held at once in the second pass.
const BATCH: usize = 4096;

/// The flow of each packet, as the object of the output contract, sorted by file and line.
pub(crate) fn flows(
    paths: &[PathBuf],
    directory: Option<&(dyn Directory + Send + Sync)>,
    policy: TimePolicy,
) -> Result<Vec<Value>, Failure> {
    // Numbered by sorted name: the order of the arguments must not matter.
    let mut paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    paths.sort_unstable();
    paths.dedup();
    let names: Vec<String> = paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();

    let mut correlator = Correlator::with_policy(policy);
    for (source, path) in (0..).map(SourceId).zip(&paths) {
        each_line(path, |line, bytes| {
            correlator.observe(Origin { source, line }, bytes);
        })?;
    }

    let mut flows = Vec::new();
    let mut failed = None;
    let resolve = |guids: &[Guid]| match directory.map(|directory| directory.resolve(guids)) {
        Some(Ok(found)) => found,
        Some(Err(error)) => {
            failed.get_or_insert(error);
            vec![Identity::unknown(); guids.len()]
        }
        None => vec![Identity::unknown(); guids.len()],
    };
    let mut second = SecondPass { correlator, batch: Batch::default(), resolve };
    let mut add = |flow: &Flow<'_, '_>| {
        let output = flow.to_output(|SourceId(n)| &names[n as usize]);
        flows.push(serde_json::to_value(&output).expect("a flow is plain data"));
    };
    for (source, path) in (0..).map(SourceId).zip(&paths) {
        each_line(path, |line, bytes| second.push(Origin { source, line }, bytes, &mut add))?;
    }
    second.flush(&mut add);
    failed.map_or(Ok(flows), |error| Err(error.into()))
}

/// Lines wait here until there are so many that asking for names pays.
struct SecondPass<R> {
    correlator: Correlator,
    batch: Batch,
    resolve: R,
}

impl<R: FnMut(&[Guid]) -> Vec<Identity>> SecondPass<R> {
    fn push(&mut self, origin: Origin, line: &[u8], each: impl FnMut(&Flow<'_, '_>)) {
        self.batch.push(origin, line);
        if self.batch.lines.len() == BATCH {
            self.flush(each);
        }
    }

    fn flush(&mut self, each: impl FnMut(&Flow<'_, '_>)) {
        self.correlator.flows(&self.batch.lines(), &mut self.resolve, each);
        self.batch.clear();
    }
}

/// Lines, in one piece of memory.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    /// Where each stood, and where it ends in `bytes`.
    lines: Vec<(Origin, usize)>,
}

impl Batch {
    fn push(&mut self, origin: Origin, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.lines.push((origin, self.bytes.len()));
    }

    fn lines(&self) -> Vec<(Origin, &[u8])> {
        let mut start = 0;
        let line = |&(origin, end): &(Origin, usize)| {
            let line = &self.bytes[start..end];
            start = end;
            (origin, line)
        };
        self.lines.iter().map(line).collect()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.lines.clear();
    }
}

fn each_line(path: &Path, mut each: impl FnMut(u64, &[u8])) -> Result<(), Failure> {
    let fail = |error| Failure::read(path, error);
    let input = input::open(path).map_err(fail)?;
    input::for_each_line(input, |line| each(line.number, line.bytes)).map_err(fail)
}
