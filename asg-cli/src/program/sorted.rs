//! `--sort`: rows in the order of chosen columns.

use std::cmp::Ordering;

use asg_core::packet::Address;

use crate::answers::Cell;
use crate::flows::RowSink;
use crate::query::{Column, Query, Row, Value};
use crate::report::Failure;

/// The columns that rows are ordered by, and whether each order is turned around.
#[derive(Debug, Clone)]
pub(super) struct Order(Vec<(&'static Column, bool)>);

impl Order {
    /// Returns the order with these names; `None` without a name.
    pub(super) fn new(names: &[String], query: &Query) -> Result<Option<Self>, Failure> {
        let mut columns = Vec::new();
        for name in names {
            let (name, is_turned) = match name.strip_prefix('-') {
                Some(name) => (name, true),
                None => (name.as_str(), false),
            };
            let found = query.select_by(&[name.to_owned()])?;
            columns.extend(found.columns().iter().map(|column| (*column, is_turned)));
        }
        Ok((!columns.is_empty()).then_some(Self(columns)))
    }

    fn key(&self, row: &Row<'_>) -> Vec<Cell> {
        let cell = |(column, _): &(&Column, bool)| match column.value(row) {
            // By its number.
            Value::Address(Address::V4(ip)) => Cell::Int(u32::from(ip).into()),
            value => Cell::of(&value),
        };
        self.0.iter().map(cell).collect()
    }

    /// Compares two rows. Missing values come last in either direction.
    pub(super) fn compare(&self, one: &[Cell], other: &[Cell]) -> Ordering {
        let pairs = one.iter().zip(other).zip(&self.0);
        let orders = pairs.map(|((one, other), (_, is_turned))| match (one, other) {
            (Cell::Null, Cell::Null) => Ordering::Equal,
            (Cell::Null, _) => Ordering::Greater,
            (_, Cell::Null) => Ordering::Less,
            _ if *is_turned => other.cmp(one),
            _ => one.cmp(other),
        });
        orders.fold(Ordering::Equal, Ordering::then)
    }
}

/// Rows with the keys of their order, for one thread.
pub(super) struct Keyed<S: RowSink> {
    pub(super) order: Order,
    pub(super) sink: S,
    pub(super) rows: Vec<(Vec<Cell>, S::Done)>,
}

impl<S: RowSink> RowSink for Keyed<S> {
    type Done = Vec<(Vec<Cell>, S::Done)>;

    fn row(&mut self, row: &Row<'_>) {
        self.sink.row(row);
        self.rows.push((self.order.key(row), self.sink.take()));
    }

    fn take(&mut self) -> Self::Done {
        std::mem::take(&mut self.rows)
    }
}
