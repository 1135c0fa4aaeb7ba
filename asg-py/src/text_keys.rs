//! The texts that several packet lines have, found in parts of a log.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

/// The digests of the texts of packet lines.
#[pyclass(frozen, module = "asglog._asglog")]
pub(crate) struct TextKeys {
    held: Mutex<Vec<u64>>,
}

/// Bytes of a key.
const SIZE: usize = size_of::<u64>();

#[pymethods]
impl TextKeys {
    #[new]
    fn new() -> Self {
        Self { held: Mutex::new(Vec::new()) }
    }

    /// Adds keys of eight bytes each.
    fn add(&self, keys: &[u8]) {
        self.held().extend(read(keys));
    }

    /// Takes the keys out, in order and in so many rooms: in each room those of one range, eight
    /// bytes each. A key occurs twice there if several lines have it.
    fn take<'py>(&self, py: Python<'py>, rooms: u64) -> Vec<Bound<'py, PyBytes>> {
        let rooms = rooms.max(1);
        let keys = py.detach(|| {
            let mut keys = std::mem::take(&mut *self.held());
            keys.sort_unstable();
            keys
        });
        let mut rest = &keys[..];
        let room = |number: u64| {
            let end = rest.partition_point(|key| room_of(*key, rooms) <= number);
            let (these, others) = rest.split_at(end);
            rest = others;
            PyBytes::new(py, &bytes(at_most_twice(these)))
        };
        (0..rooms).map(room).collect()
    }

    fn __len__(&self) -> usize {
        self.held().len()
    }
}

/// Returns the keys that occur more than once in these parts of one room, in order; `None` if they
/// are more than `most`.
#[pyfunction]
pub(crate) fn repeated_keys(
    py: Python<'_>,
    parts: Vec<PyBackedBytes>,
    most: usize,
) -> Option<Bound<'_, PyBytes>> {
    let found = py.detach(|| {
        let mut keys: Vec<_> = parts.iter().flat_map(|part| read(part)).collect();
        keys.sort_unstable();
        let mut found: Vec<_> =
            keys.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        found.dedup();
        found
    });
    (found.len() <= most).then(|| PyBytes::new(py, &bytes(found.into_iter())))
}

/// Returns pairs of numbers under which keys of these parts of one room stand: whatever numbers
/// share a key, the pairs join them.
#[pyfunction]
pub(crate) fn sharing_keys(py: Python<'_>, parts: Vec<(u32, PyBackedBytes)>) -> Vec<(u32, u32)> {
    py.detach(|| {
        let of = |(number, part): &(u32, PyBackedBytes)| {
            read(part).map(|key| (key, *number)).collect::<Vec<_>>()
        };
        let mut keys: Vec<_> = parts.iter().flat_map(of).collect();
        keys.sort_unstable();
        let is_shared = |pair: &&[(u64, u32)]| pair[0].0 == pair[1].0 && pair[0].1 != pair[1].1;
        let shared = keys.windows(2).filter(is_shared).map(|pair| (pair[0].1, pair[1].1));
        shared.collect::<BTreeSet<_>>().into_iter().collect()
    })
}

impl TextKeys {
    pub(crate) fn held(&self) -> MutexGuard<'_, Vec<u64>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the room of a key: keys in order are in rooms in order.
fn room_of(key: u64, rooms: u64) -> u64 {
    ((u128::from(key) * u128::from(rooms)) >> u64::BITS) as u64
}

fn at_most_twice(keys: &[u64]) -> impl Iterator<Item = u64> {
    let is_kept = |n: &usize| *n < 2 || keys[*n] != keys[n - 2];
    (0..keys.len()).filter(is_kept).map(|n| keys[n])
}

fn read(keys: &[u8]) -> impl Iterator<Item = u64> + '_ {
    keys.as_chunks::<SIZE>().0.iter().map(|key| u64::from_le_bytes(*key))
}

fn bytes(keys: impl Iterator<Item = u64>) -> Vec<u8> {
    keys.flat_map(u64::to_le_bytes).collect()
}
