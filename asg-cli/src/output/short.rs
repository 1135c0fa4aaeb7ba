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
    /// More than a number, an IPv4 address or a time can have.
    pub(crate) const ROOM: usize = 64;

    /// Returns whether there is room for [`ROOM`](Self::ROOM) more bytes.
    pub(crate) const fn has_room(&self) -> bool {
        self.len + Self::ROOM <= MOST
    }

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
        self.bytes[self.len..self.len + word.len()].copy_from_slice(word.as_bytes());
        self.len += word.len();
    }

    #[inline]
    pub(crate) fn byte(&mut self, b: u8) {
        self.bytes[self.len] = b;
        self.len += 1;
    }

    /// Appends a decimal number.
    #[inline]
    pub(crate) fn number(&mut self, number: u64) {
        if number >= 100_000_000 {
            return self.large_number(number);
        }
        let digits = eight_digits(number as u32);
        let zeros = (digits.trailing_zeros() / 8).min(7);
        self.put((digits | ZEROS) >> (8 * zeros), 8 - zeros as usize);
    }

    #[cold]
    #[inline(never)]
    fn large_number(&mut self, number: u64) {
        self.word(&number.to_string());
    }

    /// Appends as many digits as there are places, at most eight.
    #[inline]
    pub(crate) fn digits<const LEN: usize>(&mut self, number: u32) {
        self.put((eight_digits(number) | ZEROS) >> (8 * (8 - LEN)), LEN);
    }

    /// Appends the first bytes of a word of eight.
    #[inline]
    fn put(&mut self, word: u64, len: usize) {
        self.bytes[self.len..self.len + 8].copy_from_slice(&word.to_le_bytes());
        self.len += len;
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

/// The digit 0, eight times.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Returns the eight digits of a number, the first in the lowest byte. It halves the number three
/// times, and divides all halves at once by multiplying with the inverse.
#[inline]
const fn eight_digits(number: u32) -> u64 {
    let fours = (number / 10_000) as u64 | ((number % 10_000) as u64) << 32;
    let firsts = ((fours * 10_486) >> 20) & 0x7f_0000_007f;
    let twos = firsts | (fours - 100 * firsts) << 16;
    let firsts = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    firsts | (twos - 10 * firsts) << 8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_written_as_the_standard_library_does(number: u64, bits in 0..64_u32, low in 0..100_000_000_u32) {
            let number = number >> bits;
            let mut text = Short::default();
            text.number(number);
            text.byte(b' ');
            text.digits::<8>(low);
            text.digits::<6>(low % 1_000_000);
            let expected = format!("{number} {low:08}{:06}", low % 1_000_000);
            prop_assert_eq!(text.bytes(), expected.as_bytes());
        }
    }
}
