//! Short text in place: pieces of known length are moved, where appending them to a vector would
//! take a call each.

use crate::query::dotted;

/// Text of at most [`MOST`] bytes.
#[derive(Debug)]
pub(crate) struct Short {
    bytes: [u8; MOST],
    len: usize,
}

/// More than the members of a packet can have in all.
const MOST: usize = 512;

impl Default for Short {
    fn default() -> Self {
        Self { bytes: [0; MOST], len: 0 }
    }
}

impl Short {
    /// Returns the text so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Drops the text.
    pub(crate) const fn clear(&mut self) {
        self.len = 0;
    }

    /// Appends a constant text.
    #[inline]
    pub(crate) fn text<const LEN: usize>(&mut self, text: &[u8; LEN]) {
        self.bytes[self.len..self.len + LEN].copy_from_slice(text);
        self.len += LEN;
    }

    /// Appends a word.
    #[inline]
    pub(crate) fn word(&mut self, word: &str) {
        for b in word.bytes() {
            self.byte(b);
        }
    }

    #[inline]
    pub(crate) fn byte(&mut self, b: u8) {
        self.bytes[self.len] = b;
        self.len += 1;
    }

    /// Appends a decimal number.
    #[inline]
    pub(crate) fn number(&mut self, number: u64) {
        let len = number.checked_ilog10().unwrap_or_default() as usize + 1;
        let mut rest = number;
        for place in self.bytes[self.len..self.len + len].iter_mut().rev() {
            *place = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        self.len += len;
    }

    /// Appends as many digits as there are places.
    #[inline]
    pub(crate) fn digits<const LEN: usize>(&mut self, mut number: u32) {
        for place in self.bytes[self.len..self.len + LEN].iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
        }
        self.len += LEN;
    }

    /// Drops zeros at the end.
    #[inline]
    pub(crate) fn trim_zeros(&mut self) {
        while self.bytes[self.len - 1] == b'0' {
            self.len -= 1;
        }
    }

    /// Appends an address.
    #[inline]
    pub(crate) fn dotted(&mut self, octets: [u8; 4]) {
        let (text, len) = dotted(octets);
        self.bytes[self.len..self.len + text.len()].copy_from_slice(&text);
        self.len += len;
    }
}
