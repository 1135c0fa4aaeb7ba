//! The values of one column, until they become an Arrow array.
//!
//! These builders are quicker than Arrow's own because of three properties of rows. Most columns
//! have no value in most rows, so missing values are written only when the next value comes. Text
//! comes as bytes that are nearly always ASCII, so UTF-8 is checked once for the whole column.
//! Batches resemble each other, so each gets the capacity of the one before.

use std::sync::Arc;

use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, PrimitiveArray, StringArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use asg_core::bytes::dotted;
use asg_core::packet::Address;

use super::kept_texts::{KeptTexts, Presence};
use super::value::{Kind, Value};

/// A column of one kind.
pub(crate) enum Cells {
    Text(Texts),
    Int(Numbers<i32>),
    Long(Numbers<i64>),
    Bool(Bits, Bits),
    Time(Numbers<i64>),
    Seconds(Numbers<f64>),
    Bytes(Texts),
}

impl Cells {
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(Texts::default()),
            Kind::Int => Self::Int(Numbers::default()),
            Kind::Long => Self::Long(Numbers::default()),
            Kind::Bool => Self::Bool(Bits::default(), Bits::default()),
            Kind::Time => Self::Time(Numbers::default()),
            Kind::Seconds => Self::Seconds(Numbers::default()),
            Kind::Bytes => Self::Bytes(Texts::default()),
        }
    }

    /// Puts a value into a row behind all others. Inlining lets the compiler drop the choice of
    /// kind.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "that is what makes rows cheap")]
    pub(crate) fn put(&mut self, row: usize, value: &Value<'_>) {
        match (self, value) {
            (_, Value::Null) => {}
            (Self::Text(cells), value) => cells.put_text(row, value),
            (Self::Int(cells), Value::Int(n)) => {
                // A number that does not fit counts as missing; kernels and Diego never print one.
                if let Ok(n) = i32::try_from(*n) {
                    cells.put(row, n);
                }
            }
            (Self::Long(cells), Value::Int(n)) => cells.put(row, *n),
            (Self::Bool(cells, present), Value::Bool(flag)) => {
                if *flag {
                    cells.set(row);
                }
                present.set(row);
            }
            (Self::Time(cells), Value::Time(time)) => {
                cells.put(row, time.as_nanos().div_euclid(1000));
            }
            (Self::Seconds(cells), Value::Millis(millis)) => {
                // Whole numbers of this size are exact.
                if let Ok(millis) = u32::try_from(*millis) {
                    cells.put(row, f64::from(millis) / 1_000.0);
                }
            }
            (Self::Bytes(cells), Value::Bytes(bytes)) => {
                cells.begin(row);
                cells.bytes.extend_from_slice(bytes);
                cells.end(row);
            }
            _ => {}
        }
    }

    /// Puts texts into a column of texts: those of these numbers, one for each row from `first` on.
    pub(crate) fn put_kept(&mut self, first: usize, texts: &KeptTexts, numbers: &[usize]) {
        if let Self::Text(cells) = self {
            cells.put_kept(first, texts, numbers);
        }
    }

    /// Returns the values since the last array, for this many rows.
    pub(crate) fn finish(&mut self, rows: usize) -> ArrayRef {
        match self {
            Self::Text(cells) => {
                let (ends, bytes, nulls) = cells.finish(rows);
                let texts = StringArray::try_new(ends.clone(), bytes.clone(), nulls.clone());
                Arc::new(texts.unwrap_or_else(|_| lossy(&BinaryArray::new(ends, bytes, nulls))))
            }
            Self::Int(cells) => Arc::new(cells.finish::<Int32Type>(rows)),
            Self::Long(cells) => Arc::new(cells.finish::<Int64Type>(rows)),
            Self::Bool(cells, present) => {
                Arc::new(BooleanArray::new(cells.finish(rows).0, present.nulls(rows)))
            }
            Self::Time(cells) => {
                Arc::new(cells.finish::<TimestampMicrosecondType>(rows).with_timezone("UTC"))
            }
            Self::Seconds(cells) => Arc::new(cells.finish::<Float64Type>(rows)),
            Self::Bytes(cells) => {
                let (ends, bytes, nulls) = cells.finish(rows);
                Arc::new(BinaryArray::new(ends, bytes, nulls))
            }
        }
    }
}

/// Numbers, or none.
#[derive(Default)]
pub(crate) struct Numbers<T> {
    values: Vec<T>,
    present: Bits,
}

impl<T: Default + arrow_buffer::ArrowNativeType> Numbers<T> {
    #[inline]
    fn put(&mut self, row: usize, value: T) {
        if self.values.len() < row {
            self.values.resize(row, T::default());
        }
        self.values.push(value);
        self.present.set(row);
    }

    fn finish<A: ArrowPrimitiveType<Native = T>>(&mut self, rows: usize) -> PrimitiveArray<A> {
        self.values.resize(rows, T::default());
        PrimitiveArray::new(ScalarBuffer::from(taken(&mut self.values)), self.present.nulls(rows))
    }
}

/// Texts or byte strings, or none, one after the other.
pub(crate) struct Texts {
    bytes: Vec<u8>,
    /// Where the first begins, and where each ends.
    ends: Vec<i32>,
    present: Bits,
}

/// Why an end fits into 31 bits.
const SMALL: &str = "a batch is smaller than 2 GiB";

impl Texts {
    #[inline]
    fn put_text(&mut self, row: usize, value: &Value<'_>) {
        self.begin(row);
        let bytes = &mut self.bytes;
        match value {
            Value::Raw(raw) => bytes.extend_from_slice(raw),
            Value::Text(text) => bytes.extend_from_slice(text.as_bytes()),
            Value::Word(word) => bytes.extend_from_slice(word.as_bytes()),
            Value::Address(Address::V4(ip)) => push_dotted(bytes, ip.octets()),
            Value::Mac(mac) => push_mac(bytes, mac.0),
            other => {
                let _ = other.write_text(&mut Utf8(bytes));
            }
        }
        self.end(row);
    }

    fn put_kept(&mut self, first: usize, texts: &KeptTexts, numbers: &[usize]) {
        let presence = texts.presence();
        if presence == Presence::None || numbers.is_empty() {
            return;
        }
        self.begin(first);
        let start = self.bytes.len();
        let mut end = start;
        self.ends.extend(numbers.iter().map(|number| {
            end += texts.len(*number);
            i32::try_from(end).expect(SMALL)
        }));
        texts.copy(numbers, end - start, &mut self.bytes);
        if presence == Presence::All {
            self.present.set_all(first, numbers.len());
            return;
        }
        for (row, _) in (first..).zip(numbers).filter(|(_, number)| texts.has(**number)) {
            self.present.set(row);
        }
    }

    /// The rows before this one are empty, if nothing was put there.
    #[inline]
    fn begin(&mut self, row: usize) {
        if self.ends.len() <= row {
            let end = self.ends[self.ends.len() - 1];
            self.ends.resize(row + 1, end);
        }
    }

    #[inline]
    fn end(&mut self, row: usize) {
        self.ends.push(i32::try_from(self.bytes.len()).expect(SMALL));
        self.present.set(row);
    }

    fn finish(&mut self, rows: usize) -> (OffsetBuffer<i32>, Buffer, Option<NullBuffer>) {
        self.begin(rows);
        let ends = taken(&mut self.ends);
        self.ends.push(0);
        let bytes = Buffer::from_vec(taken(&mut self.bytes));
        (OffsetBuffer::new(ScalarBuffer::from(ends)), bytes, self.present.nulls(rows))
    }
}

impl Default for Texts {
    fn default() -> Self {
        // The first one begins there.
        Self { bytes: Vec::new(), ends: vec![0], present: Bits::default() }
    }
}

/// Returns the texts of a column, some of them not UTF-8.
#[cold]
fn lossy(bytes: &BinaryArray) -> StringArray {
    bytes.iter().map(|bytes| bytes.map(String::from_utf8_lossy)).collect()
}

/// Text as bytes.
struct Utf8<'b>(&'b mut Vec<u8>);

impl std::fmt::Write for Utf8<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// A bit for each row.
#[derive(Default)]
pub(crate) struct Bits {
    words: Vec<u64>,
    set: usize,
}

impl Bits {
    /// Sets the bit of a row, once.
    #[inline]
    fn set(&mut self, row: usize) {
        let word = row / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (row % 64);
        self.set += 1;
    }

    /// Sets the bits of consecutive rows, each once.
    fn set_all(&mut self, first: usize, rows: usize) {
        let end = first + rows;
        if self.words.len() < end.div_ceil(64) {
            self.words.resize(end.div_ceil(64), 0);
        }
        let mut row = first;
        while row < end {
            let next = (row - row % 64 + 64).min(end);
            self.words[row / 64] |= (u64::MAX >> (64 - (next - row))) << (row % 64);
            row = next;
        }
        self.set += rows;
    }

    /// Returns the bits of so many rows, and how many are set.
    fn finish(&mut self, rows: usize) -> (BooleanBuffer, usize) {
        self.words.resize(rows.div_ceil(64), 0);
        let words = taken(&mut self.words);
        (BooleanBuffer::new(Buffer::from_vec(words), 0, rows), std::mem::take(&mut self.set))
    }

    /// As which values are there; `None` if all are.
    fn nulls(&mut self, rows: usize) -> Option<NullBuffer> {
        let (bits, set) = self.finish(rows);
        (set < rows).then(|| NullBuffer::new(bits))
    }
}

/// Takes a vector and leaves one with as much room: the next batch will be like this one.
fn taken<T>(vec: &mut Vec<T>) -> Vec<T> {
    let room = vec.len() + vec.len() / 16;
    std::mem::replace(vec, Vec::with_capacity(room))
}

/// Appends the text of an address.
#[inline]
fn push_dotted(bytes: &mut Vec<u8>, octets: [u8; 4]) {
    let (text, len) = dotted(octets);
    let end = bytes.len() + len;
    // A constant number of bytes is copied without a call.
    bytes.extend_from_slice(&text);
    bytes.truncate(end);
}

fn push_mac(bytes: &mut Vec<u8>, mac: [u8; 6]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b':'; 17];
    for (n, byte) in mac.into_iter().enumerate() {
        text[3 * n] = DIGITS[usize::from(byte >> 4)];
        text[3 * n + 1] = DIGITS[usize::from(byte & 15)];
    }
    bytes.extend_from_slice(&text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_set_at_once_as_one_by_one() {
        for first in [0, 1, 63, 64, 65, 130] {
            for rows in [0, 1, 2, 62, 63, 64, 65, 128, 200] {
                let (mut at_once, mut one_by_one) = (Bits::default(), Bits::default());
                for bits in [&mut at_once, &mut one_by_one] {
                    (0..first).step_by(3).for_each(|row| bits.set(row));
                }
                at_once.set_all(first, rows);
                (first..first + rows).for_each(|row| one_by_one.set(row));
                let all = first + rows + 7;
                assert_eq!(at_once.finish(all), one_by_one.finish(all), "{rows} rows from {first}");
            }
        }
    }
}
