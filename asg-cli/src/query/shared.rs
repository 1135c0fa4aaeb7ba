//! Values that flows with one key share, kept by key and put into columns a batch at a time.
//!
//! A row only notes its key. Then each column takes the values of many rows at once: one kind of
//! value, in two places of memory.

use asg_core::Timestamp;

use super::cells::Cells;
use super::columns::Column;
use super::kept_texts::KeptTexts;
use super::row::Row;
use super::value::{Kind, Value};

/// A value that outlives its row.
pub(crate) enum Kept {
    Null,
    Text(Box<[u8]>),
    Int(i64),
    Bool(bool),
    Time(Timestamp),
}

impl Kept {
    pub(crate) fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Int(number) => Self::Int(*number),
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Time(time) => Self::Time(*time),
            Value::Raw(raw) => Self::Text((*raw).into()),
            value => value.text().map_or(Self::Null, |text| Self::Text(text.into_bytes().into())),
        }
    }

    pub(crate) const fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::Raw(text),
            Self::Int(number) => Value::Int(*number),
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Time(time) => Value::Time(*time),
        }
    }
}

/// The values of shared columns, and the rows that wait for them.
pub(crate) struct Shared {
    /// The place of each shared column among all, and its values.
    columns: Vec<(usize, Values)>,
    /// Whether values are known, by key.
    known: Vec<bool>,
    /// The first row that waits.
    first: usize,
    /// Its key, and those of the rows behind it.
    waiting: Vec<usize>,
}

/// The values of one column, by key. Those of keys that are not known are missing.
enum Values {
    Texts(KeptTexts),
    Others(Vec<Kept>),
}

impl Shared {
    /// Starts without values, for the shared ones of these columns.
    pub(crate) fn new<'c>(columns: impl IntoIterator<Item = &'c &'static Column>) -> Self {
        let values = |(at, column): (usize, &&'static Column)| {
            let values = match column.kind {
                Kind::Text => Values::Texts(KeptTexts::default()),
                _ => Values::Others(Vec::new()),
            };
            column.is_shared().then_some((at, values))
        };
        let columns = columns.into_iter().enumerate().filter_map(values).collect();
        Self { columns, known: Vec::new(), first: 0, waiting: Vec::new() }
    }

    /// Returns whether the values of this key are known.
    #[inline]
    pub(crate) fn knows(&self, key: usize) -> bool {
        self.known.get(key).is_some_and(|known| *known)
    }

    /// Keeps the values of a key. `columns` are those that were given first.
    pub(crate) fn learn(&mut self, key: usize, columns: &[&'static Column], row: &Row<'_>) {
        for (at, values) in &mut self.columns {
            let value = columns[*at].value(row);
            match values {
                Values::Texts(texts) => match Kept::of(&value) {
                    Kept::Text(text) => texts.keep(key, Some(&text)),
                    _ => texts.keep(key, None),
                },
                Values::Others(others) => {
                    if others.len() <= key {
                        others.resize_with(key + 1, || Kept::Null);
                    }
                    others[key] = Kept::of(&value);
                }
            }
        }
        if self.known.len() <= key {
            self.known.resize(key + 1, false);
        }
        self.known[key] = true;
    }

    /// Notes the key of a row, which follows the row before.
    #[inline]
    pub(crate) fn wait(&mut self, row: usize, key: usize) {
        if self.waiting.is_empty() {
            self.first = row;
        }
        debug_assert_eq!(self.first + self.waiting.len(), row, "rows wait without gaps");
        self.waiting.push(key);
    }

    /// Puts the values of all rows that wait into the cells, one for each of the columns that were
    /// given first.
    pub(crate) fn put(&mut self, cells: &mut [Cells]) {
        let Self { columns, first, waiting, .. } = self;
        for (at, values) in columns {
            match values {
                Values::Texts(texts) => cells[*at].put_kept(*first, texts, waiting),
                Values::Others(others) => {
                    for (row, key) in (*first..).zip(&*waiting) {
                        cells[*at].put(row, &others[*key].value());
                    }
                }
            }
        }
        waiting.clear();
    }
}
