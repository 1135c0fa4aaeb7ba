//! Text in a line that the kernel did not print: what a person or a program added behind it, or
//! wrote in the place of a value.

use crate::bytes::text::Text;

/// The parts that few lines have.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Extra<'a> {
    /// The text behind the line.
    pub(super) trailing: Option<Text<'a>>,
    /// The names of the fields whose values are masked.
    pub(super) redacted: Vec<&'static str>,
    /// The line itself, if it contains more than its fields.
    pub(super) line: Option<Text<'a>>,
}

impl<'a> Extra<'a> {
    /// Returns the parts of a line with words that are not the kernel's.
    pub(super) fn altered(line: &'a [u8], redacted: Vec<&'static str>) -> Self {
        Self { trailing: None, redacted, line: Some(Text::new(line)) }
    }
}
