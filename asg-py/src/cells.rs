//! The values of one column, until they are an Arrow array. Like Arrow's own builders, but for what all rows have in common:
//! text comes as bytes that are nearly always ASCII, so UTF-8 is checked once for the whole column, and the room for a batch
//! is that of the batch before.

use std::sync::Arc;

use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, PrimitiveArray, StringArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use asg_core::Address;

use crate::columns::{Kind, Value};

/// A column of one kind.
pub(crate) enum Cells {
    Text(Texts),
    Int(Numbers<i32>),
    Long(Numbers<i64>),
    Bool(Bits, Bits),
    Time(Numbers<i64>),
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
            Kind::Bytes => Self::Bytes(Texts::default()),
        }
    }

    /// Inlined where the value is made, so that which kind it is need not be asked.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "that is what makes rows cheap")]
    pub(crate) fn push(&mut self, value: &Value<'_>) {
        match self {
            Self::Text(cells) => cells.push_text(value),
            // What does not fit is no value; no kernel and no Diego prints such a number.
            Self::Int(cells) => cells.push(match value {
                Value::Int(n) => i32::try_from(*n).ok(),
                _ => None,
            }),
            Self::Long(cells) => cells.push(match value {
                Value::Int(n) => Some(*n),
                _ => None,
            }),
            Self::Bool(cells, present) => {
                cells.push(matches!(value, Value::Bool(true)));
                present.push(matches!(value, Value::Bool(_)));
            }
            Self::Time(cells) => cells.push(match value {
                Value::Time(time) => Some(time.as_nanos().div_euclid(1000)),
                _ => None,
            }),
            Self::Bytes(cells) => {
                if let Value::Bytes(bytes) = value {
                    cells.bytes.extend_from_slice(bytes);
                }
                cells.end(matches!(value, Value::Bytes(_)));
            }
        }
    }

    /// What was pushed since the last time.
    pub(crate) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(cells) => {
                let (ends, bytes, nulls) = cells.finish();
                Arc::new(StringArray::try_new(ends, bytes, nulls).expect("each text is UTF-8"))
            }
            Self::Int(cells) => Arc::new(cells.finish::<Int32Type>()),
            Self::Long(cells) => Arc::new(cells.finish::<Int64Type>()),
            Self::Bool(cells, present) => {
                Arc::new(BooleanArray::new(cells.finish().0, present.nulls()))
            }
            Self::Time(cells) => {
                Arc::new(cells.finish::<TimestampMicrosecondType>().with_timezone("UTC"))
            }
            Self::Bytes(cells) => {
                let (ends, bytes, nulls) = cells.finish();
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
    fn push(&mut self, value: Option<T>) {
        self.values.push(value.unwrap_or_default());
        self.present.push(value.is_some());
    }

    fn finish<A: ArrowPrimitiveType<Native = T>>(&mut self) -> PrimitiveArray<A> {
        PrimitiveArray::new(ScalarBuffer::from(taken(&mut self.values)), self.present.nulls())
    }
}

/// Texts or byte strings, or none, one after the other.
pub(crate) struct Texts {
    bytes: Vec<u8>,
    /// Where the first begins, and where each ends.
    ends: Vec<i32>,
    present: Bits,
}

impl Texts {
    #[inline]
    fn push_text(&mut self, value: &Value<'_>) {
        let bytes = &mut self.bytes;
        match value {
            Value::Null => {}
            Value::Raw(raw) if raw.is_ascii() => bytes.extend_from_slice(raw),
            Value::Raw(raw) => bytes.extend_from_slice(String::from_utf8_lossy(raw).as_bytes()),
            Value::Text(text) => bytes.extend_from_slice(text.as_bytes()),
            Value::Word(word) => bytes.extend_from_slice(word.as_bytes()),
            Value::Address(Address::V4(ip)) => push_dotted(bytes, ip.octets()),
            Value::Mac(mac) => push_mac(bytes, mac.0),
            other => {
                let _ = other.write_text(&mut Utf8(bytes));
            }
        }
        self.end(!matches!(value, Value::Null));
    }

    #[inline]
    fn end(&mut self, is_present: bool) {
        // A batch ends long before.
        self.ends.push(i32::try_from(self.bytes.len()).expect("a batch is smaller than 2 GiB"));
        self.present.push(is_present);
    }

    fn finish(&mut self) -> (OffsetBuffer<i32>, Buffer, Option<NullBuffer>) {
        let ends = taken(&mut self.ends);
        self.ends.push(0);
        let bytes = Buffer::from_vec(taken(&mut self.bytes));
        (OffsetBuffer::new(ScalarBuffer::from(ends)), bytes, self.present.nulls())
    }
}

impl Default for Texts {
    fn default() -> Self {
        // The first one begins there.
        Self { bytes: Vec::new(), ends: vec![0], present: Bits::default() }
    }
}

/// Text as bytes.
struct Utf8<'b>(&'b mut Vec<u8>);

impl std::fmt::Write for Utf8<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// A bit for each value.
#[derive(Default)]
pub(crate) struct Bits {
    words: Vec<u64>,
    last: u64,
    len: usize,
    set: usize,
}

impl Bits {
    #[inline]
    fn push(&mut self, bit: bool) {
        let at = self.len % 64;
        self.last |= u64::from(bit) << at;
        self.len += 1;
        self.set += usize::from(bit);
        if at == 63 {
            self.words.push(std::mem::take(&mut self.last));
        }
    }

    /// The bits, and how many are set.
    fn finish(&mut self) -> (BooleanBuffer, usize) {
        let mut words = taken(&mut self.words);
        words.push(std::mem::take(&mut self.last));
        let (len, set) = (std::mem::take(&mut self.len), std::mem::take(&mut self.set));
        (BooleanBuffer::new(Buffer::from_vec(words), 0, len), set)
    }

    /// As which values are there; `None` if all are.
    fn nulls(&mut self) -> Option<NullBuffer> {
        let (bits, set) = self.finish();
        (set < bits.len()).then(|| NullBuffer::new(bits))
    }
}

/// Takes a vector and leaves one with as much room: the next batch will be like this one.
fn taken<T>(vec: &mut Vec<T>) -> Vec<T> {
    let room = vec.len() + vec.len() / 16;
    std::mem::replace(vec, Vec::with_capacity(room))
}

/// The numbers from 0 to 255 as text, and their lengths.
static OCTETS: [([u8; 3], u8); 256] = {
    let mut octets = [([0; 3], 0); 256];
    let mut n = 0;
    while n < 256 {
        let (a, b, c) = (b'0' + (n / 100) as u8, b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8);
        octets[n] = match n {
            0..10 => ([c, 0, 0], 1),
            10..100 => ([b, c, 0], 2),
            _ => ([a, b, c], 3),
        };
        n += 1;
    }
    octets
};

/// `std`'s formatting of an address is as slow as all else that is done about a column.
pub(crate) fn push_dotted(bytes: &mut Vec<u8>, octets: [u8; 4]) {
    let mut text = [b'.'; 16];
    let mut at = 0;
    for octet in octets {
        let (digits, len) = OCTETS[octet as usize];
        text[at..at + 3].copy_from_slice(&digits);
        at += usize::from(len);
        text[at] = b'.';
        at += 1;
    }
    bytes.extend_from_slice(&text[..at - 1]);
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
