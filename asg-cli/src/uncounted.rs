//! The flows that the first phase did not count: those whose answer depends on their time.

use std::sync::Arc;

use asg_core::correlate::{Correlation, FlowCache};

use crate::error::Error;
use crate::lines::Readers;
use crate::pieces::{Piece, Size};
use crate::pipeline::{Pipeline, Work};
use crate::query::rows::Counts;
use crate::query::{ReadRow, Row};

/// Passes the flows that [`Correlation::counted`] leaves out to values that threads make. Returns
/// the values and the number of flows. Reads lines only if there are such flows.
///
/// # Errors
///
/// Those of reading.
pub(crate) fn fold<T: Send + 'static>(
    correlation: &Arc<Correlation>,
    readers: &Readers,
    new: impl Fn() -> T,
    each: fn(&mut T, &Row<'_>),
) -> Result<(Vec<T>, Counts), Error> {
    let mut counts = Counts::default();
    if correlation.is_counted() {
        return Ok((Vec::new(), counts));
    }
    let work = || Uncounted {
        correlation: Arc::clone(correlation),
        cache: FlowCache::default(),
        value: new(),
        each,
    };
    let mut pipeline = Pipeline::new(readers, "counting packets", Size::Small, work);
    while let Some(more) = pipeline.next()? {
        counts.add(&more);
    }
    Ok((pipeline.finish().into_iter().map(|work| work.value).collect(), counts))
}

/// The flows of one thread.
struct Uncounted<T> {
    correlation: Arc<Correlation>,
    cache: FlowCache,
    value: T,
    each: fn(&mut T, &Row<'_>),
}

impl<T: Send + 'static> Work for Uncounted<T> {
    type Done = Counts;

    fn piece(&mut self, piece: &Piece) -> Counts {
        let Self { correlation, cache, value, each } = self;
        let mut counts = Counts::default();
        piece.for_each(|raw| {
            counts.lines += 1;
            if raw.part_of.is_some() {
                return;
            }
            let line = raw.line();
            correlation.uncounted(cache, raw.origin, &line, |flow| {
                let row = ReadRow::of(&flow, raw.bytes);
                counts.packets += 1;
                counts.rows += 1;
                counts.damaged += u64::from(row.error.is_some());
                each(value, &Row::Read(&row));
            });
        });
        counts
    }
}
