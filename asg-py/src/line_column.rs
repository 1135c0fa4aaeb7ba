//! An Arrow column as lines.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef};
use arrow_schema::DataType;
use asg_cli::input::SeparateLines;

/// An Arrow column in which each value is a line.
#[derive(Debug)]
pub(crate) struct LineColumn {
    chunks: Vec<ArrayRef>,
    /// The start of each chunk, and the end of the last one.
    starts: Vec<usize>,
}

impl LineColumn {
    /// Takes a column; `None` if it is neither text nor binary.
    pub(crate) fn new(chunks: &[ArrayRef]) -> Option<Self> {
        let plain = |chunk: &ArrayRef| match chunk.data_type() {
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView => Some(Arc::clone(chunk)),
            DataType::Dictionary(_, values) => arrow_cast::cast(chunk, values).ok(),
            // An empty or missing column has no type of its own.
            DataType::Null => arrow_cast::cast(chunk, &DataType::Binary).ok(),
            _ => None,
        };
        let chunks: Vec<ArrayRef> = chunks.iter().map(plain).collect::<Option<_>>()?;
        let mut starts = vec![0];
        for chunk in &chunks {
            starts.push(starts[starts.len() - 1] + chunk.len());
        }
        let column = Self { chunks, starts };
        (column.chunks.iter().all(|chunk| chunk.is_empty() || !chunk.data_type().is_nested()))
            .then_some(column)
    }
}

impl SeparateLines for LineColumn {
    fn len(&self) -> usize {
        self.starts[self.starts.len() - 1]
    }

    fn line(&self, n: usize) -> Option<&[u8]> {
        let chunk = self.starts.partition_point(|start| *start <= n) - 1;
        let (chunk, n) = (&self.chunks[chunk], n - self.starts[chunk]);
        if chunk.is_null(n) {
            return None;
        }
        let line = match chunk.data_type() {
            DataType::Utf8 => chunk.as_string::<i32>().value(n).as_bytes(),
            DataType::LargeUtf8 => chunk.as_string::<i64>().value(n).as_bytes(),
            DataType::Utf8View => chunk.as_string_view().value(n).as_bytes(),
            DataType::Binary => chunk.as_binary::<i32>().value(n),
            DataType::LargeBinary => chunk.as_binary::<i64>().value(n),
            _ => chunk.as_binary_view().value(n),
        };
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}
