//! What is in a line beside the kernel's words: what a person or a program has put behind it, or in
//! the place of a value.

use crate::bytes::text::Text;

/// Few lines have any of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Extra<'a> {
    /// What stands behind the line.
    pub(super) trailing: Option<Text<'a>>,
    /// The names of the fields whose values are masked.
    pub(super) redacted: Vec<&'static str>,
    /// The line, where its fields are not all that is in it.
    pub(super) line: Option<Text<'a>>,
}

impl<'a> Extra<'a> {
    /// Of a line in which words stand that are not the kernel's.
    pub(super) fn altered(line: &'a [u8], redacted: Vec<&'static str>) -> Self {
        Self { trailing: None, redacted, line: Some(Text::new(line)) }
    }
}
