//! The machines that lines name, numbered as they come.

use hashbrown::HashTable;

use crate::bytes::hash::Seeds;
use crate::bytes::text::Text;
use crate::bytes::work;
use crate::correlate::duplicates::MachineMark;
use crate::evidence::SourceId;
use crate::line::envelope::Envelope;

/// Names of machines, each by the source that uses it.
#[derive(Debug, Clone, Default)]
pub(in crate::correlate) struct Cells {
    all: Vec<CellName>,
    numbers: HashTable<u32>,
}

/// The name of one machine in its lines, in one source.
#[derive(Debug, Clone)]
pub(in crate::correlate) struct CellName {
    hash: u64,
    source: SourceId,
    parts: [Option<Box<[u8]>>; 4],
    mark: MachineMark,
    /// The name, as flows show it.
    shown: Option<Box<str>>,
}

impl CellName {
    /// Returns the source of its lines.
    pub(in crate::correlate) const fn source(&self) -> SourceId {
        self.source
    }

    /// Returns the name, as flows show it.
    pub(in crate::correlate) fn shown(&self) -> Option<&str> {
        self.shown.as_deref()
    }

    /// Returns an envelope with the same name.
    pub(in crate::correlate) fn envelope(&self) -> Envelope<'_> {
        let part = |n: usize| self.parts[n].as_deref().map(Text::new);
        Envelope {
            instance: part(0),
            job: part(1),
            index: part(2),
            host: part(3),
            ..Envelope::default()
        }
    }

    fn shows(&self, source: SourceId, parts: [Option<&[u8]>; 4]) -> bool {
        work::count(1);
        self.source == source && self.parts.iter().zip(parts).all(|(a, b)| a.as_deref() == b)
    }
}

/// Returns the parts of a name that count: those by which [`Envelope::cell`] calls a machine.
fn parts<'a>(envelope: &Envelope<'a>) -> [Option<&'a [u8]>; 4] {
    let bytes = |text: Option<Text<'a>>| text.map(Text::as_bytes);
    match (envelope.instance, envelope.job, envelope.index) {
        (instance @ Some(_), ..) => [bytes(instance), None, None, None],
        (_, job @ Some(_), index @ Some(_)) => [None, bytes(job), bytes(index), None],
        _ => [None, None, None, bytes(envelope.host)],
    }
}

/// Hashes a name. Names may begin and end alike, so all of their bytes count.
fn hash_of(source: SourceId, parts: [Option<&[u8]>; 4], seeds: Seeds) -> u64 {
    parts
        .iter()
        .flatten()
        .fold(u64::from(source.0), |hash, part| seeds.of_both(hash, seeds.digest(part)))
}

impl Cells {
    /// Returns the number of the machine that a line names.
    pub(super) fn see(&mut self, source: SourceId, envelope: &Envelope<'_>, seeds: Seeds) -> u32 {
        if let Some(n) = self.find(source, envelope, seeds) {
            return n;
        }
        let parts = parts(envelope);
        let hash = hash_of(source, parts, seeds);
        let mark = MachineMark::of(envelope, seeds);
        let shown = envelope.cell().map(Into::into);
        let parts = parts.map(|part| part.map(Into::into));
        self.put(CellName { hash, source, parts, mark, shown })
    }

    /// Returns the number of the machine that a line names, if it has one.
    pub(in crate::correlate) fn find(
        &self,
        source: SourceId,
        envelope: &Envelope<'_>,
        seeds: Seeds,
    ) -> Option<u32> {
        let parts = parts(envelope);
        let is_it = |n: &u32| self.all[*n as usize].shows(source, parts);
        self.numbers.find(hash_of(source, parts, seeds), is_it).copied()
    }

    /// Returns the mark that distinguishes a machine's packets from those of others.
    pub(super) fn mark(&self, cell: u32) -> MachineMark {
        self.all[cell as usize].mark
    }

    /// Returns the number of a machine that another numbered, whose seeds are the same.
    pub(super) fn take(&mut self, name: &CellName) -> u32 {
        let parts = [0, 1, 2, 3].map(|n| name.parts[n].as_deref());
        let is_it = |n: &u32| self.all[*n as usize].shows(name.source, parts);
        match self.numbers.find(name.hash, is_it) {
            Some(&n) => n,
            None => self.put(name.clone()),
        }
    }

    /// Returns all of them, by number.
    pub(in crate::correlate) fn all(&self) -> &[CellName] {
        &self.all
    }

    fn put(&mut self, name: CellName) -> u32 {
        let n = self.all.len() as u32;
        self.numbers.insert_unique(name.hash, n, |n| self.all[*n as usize].hash);
        self.all.push(name);
        n
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_that_begin_and_end_alike_spread_over_a_table() {
        const MANY: usize = 4_096;
        let seeds = Seeds::default();
        let kinds: [fn(usize) -> String; 4] = [
            |n| format!("cell-{n:05}.service.cf.internal"),
            |n| format!("0455ec2b-11fa-41ab-9d1c-{n:012x}"),
            |n| format!("{n:05}-10-0-16-15"),
            |n| format!("host{n}"),
        ];
        for name in kinds {
            let hash =
                |n| hash_of(SourceId(0), [None, None, None, Some(name(n).as_bytes())], seeds);
            // A table of this size has sixteen places for each.
            let places: HashSet<_> = (0..MANY).map(|n| hash(n) % (16 * MANY as u64)).collect();
            assert!(places.len() > MANY * 9 / 10, "{}: {}", name(7), places.len());
        }
    }
}
