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
        match u32::try_from(number) {
            Ok(number) => {
                let len = number.checked_ilog10().unwrap_or_default() as usize + 1;
                put_digits(&mut self.bytes[self.len..self.len + len], number);
                self.len += len;
            }
            Err(_) => self.word(&number.to_string()),
        }
    }

    /// Appends as many digits as there are places.
    #[inline]
    pub(crate) fn digits<const LEN: usize>(&mut self, number: u32) {
        put_digits(&mut self.bytes[self.len..self.len + LEN], number);
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

/// The two digits of each number below 100.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < pairs.len() {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

/// Fills the places with the lowest digits of a number.
#[inline]
fn put_digits(places: &mut [u8], mut number: u32) {
    let (first, pairs) = places.as_rchunks_mut::<2>();
    for pair in pairs.iter_mut().rev() {
        *pair = PAIRS[(number % 100) as usize];
        number /= 100;
    }
    if let [first] = first {
        *first = b'0' + (number % 10) as u8;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_written_as_the_standard_library_does(number: u64, bits in 0..64_u32, low in 0..1_000_000_u32) {
            let number = number >> bits;
            let mut text = Short::default();
            text.number(number);
            text.byte(b' ');
            text.digits::<6>(low);
            let expected = format!("{number} {low:06}");
            prop_assert_eq!(text.bytes(), expected.as_bytes());
        }
    }
}
