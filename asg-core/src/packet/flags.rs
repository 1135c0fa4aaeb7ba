//! The flags of TCP as a text, and back.

use std::fmt;

use super::fields::TcpFlags;
use crate::error::Error;
use crate::words::from_str;

impl TcpFlags {
    /// Parses the kernel's words with one blank between them, in any order and each once. The empty
    /// text has no flags.
    ///
    /// # Errors
    ///
    /// If a word is another, or is repeated; the offset is its start.
    ///
    /// ```
    /// use asg_core::packet::TcpFlags;
    /// let flags = TcpFlags::parse(b"ACK SYN")?;
    /// assert_eq!(flags, TcpFlags::SYN | TcpFlags::ACK);
    /// assert_eq!((flags.to_string(), "ACK SYN".parse()), ("ACK SYN".to_owned(), Ok(flags)));
    /// assert_eq!(TcpFlags::parse(b"ACK syn").unwrap_err().offset(), 4);
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let mut flags = Self::default();
        if text.is_empty() {
            return Ok(flags);
        }
        let mut at = 0;
        for word in text.split(|byte| *byte == b' ') {
            let known = Self::ALL.iter().find(|(_, name)| name.as_bytes() == word);
            let flag = known.map(|(flag, _)| *flag).filter(|flag| !flags.contains(*flag));
            flags |= flag.ok_or(Error::expected(at, "a flag of TCP, each once, such as SYN"))?;
            at += word.len() + 1;
        }
        Ok(flags)
    }
}

from_str!(TcpFlags);

impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nine words of at most three letters.
        let mut text = String::with_capacity(36);
        for name in self.names() {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(name);
        }
        f.pad(&text)
    }
}
