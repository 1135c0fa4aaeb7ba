//! Small texts in place: pieces of known length are moved, where appending them to a vector would
//! take a call each.

/// A text of at most 1,024 bytes, written piece by piece, for the fields of one line.
///
/// All methods that append panic if the text is full. A caller that asks [`SmallText::has_room`]
/// before each piece, and takes the text out in time, never meets that.
///
/// ```
/// use asg_core::bytes::SmallText;
///
/// let mut text = SmallText::default();
/// text.constant(b"DST=");
/// text.dotted([10, 0, 16, 8]);
/// text.constant(b" DPT=");
/// text.number(443);
/// assert_eq!(text.as_bytes(), b"DST=10.0.16.8 DPT=443");
/// ```
#[derive(Debug, Clone)]
pub struct SmallText {
    bytes: [u8; MOST],
    len: usize,
}

/// More than the members of a packet can have in all.
const MOST: usize = 1_024;

impl Default for SmallText {
    fn default() -> Self {
        Self { bytes: [0; MOST], len: 0 }
    }
}

impl SmallText {
    /// More bytes than a number, an address or a time can have.
    pub const ROOM: usize = 64;

    /// Returns how many more bytes there is room for.
    ///
    /// ```
    /// let mut text = asg_core::bytes::SmallText::default();
    /// text.word("TCP");
    /// assert_eq!(text.room(), 1_021);
    /// ```
    #[must_use]
    #[inline]
    pub const fn room(&self) -> usize {
        MOST - self.len
    }

    /// Returns whether there is room for [`ROOM`](Self::ROOM) more bytes.
    ///
    /// ```
    /// use asg_core::bytes::SmallText;
    /// let mut text = SmallText::default();
    /// while text.has_room() {
    ///     text.word("no more than sixty-four bytes");
    /// }
    /// assert!(text.as_bytes().len() > 900);
    /// ```
    #[must_use]
    #[inline]
    pub const fn has_room(&self) -> bool {
        self.room() >= Self::ROOM
    }

    /// Returns whether nothing was appended.
    ///
    /// ```
    /// assert!(asg_core::bytes::SmallText::default().is_empty());
    /// ```
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the text so far.
    ///
    /// ```
    /// assert_eq!(asg_core::bytes::SmallText::default().as_bytes(), b"");
    /// ```
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Drops the text.
    ///
    /// ```
    /// let mut text = asg_core::bytes::SmallText::default();
    /// text.word("gone");
    /// text.clear();
    /// assert_eq!(text.as_bytes(), b"");
    /// ```
    #[inline]
    pub const fn clear(&mut self) {
        self.len = 0;
    }

    /// Moves the text to the end of another.
    ///
    /// ```
    /// let (mut text, mut out) = (asg_core::bytes::SmallText::default(), b"DPT=".to_vec());
    /// text.number(443);
    /// text.move_to(&mut out);
    /// assert_eq!((out, text.as_bytes()), (b"DPT=443".to_vec(), &b""[..]));
    /// ```
    #[inline]
    pub fn move_to(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
        self.clear();
    }

    /// Appends a constant text.
    ///
    /// ```
    /// let mut text = asg_core::bytes::SmallText::default();
    /// text.constant(b"null");
    /// assert_eq!(text.as_bytes(), b"null");
    /// ```
    #[inline]
    pub fn constant<const LEN: usize>(&mut self, text: &[u8; LEN]) {
        self.bytes[self.len..self.len + LEN].copy_from_slice(text);
        self.len += LEN;
    }

    /// Appends a word.
    ///
    /// ```
    /// let mut text = asg_core::bytes::SmallText::default();
    /// text.word("TCP");
    /// assert_eq!(text.as_bytes(), b"TCP");
    /// ```
    #[inline]
    pub fn word(&mut self, word: &str) {
        self.bytes(word.as_bytes());
    }

    /// Appends bytes.
    ///
    /// ```
    /// let mut text = asg_core::bytes::SmallText::default();
    /// text.bytes(b"TCP");
    /// assert_eq!(text.as_bytes(), b"TCP");
    /// ```
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Appends the first bytes of a text, which is quicker than [`SmallText::bytes`] because a
    /// number of bytes that the compiler knows is copied.
    ///
    /// ```
    /// let mut text = asg_core::bytes::SmallText::default();
    /// text.first_bytes(b"TCP     ", 3);
    /// assert_eq!(text.as_bytes(), b"TCP");
    /// ```
    ///
    /// # Panics
    ///
    /// If the text has no room for all of the bytes, or they are fewer.
    #[inline]
    pub fn first_bytes<const LEN: usize>(&mut self, text: &[u8; LEN], len: usize) {
        assert!(len <= LEN, "the text has {LEN} bytes");
        self.bytes[self.len..self.len + LEN].copy_from_slice(text);
        self.len += len;
    }

    /// Appends a byte.
    ///
    /// ```
    /// let mut text = asg_core::bytes::SmallText::default();
    /// text.byte(b'"');
    /// assert_eq!(text.as_bytes(), b"\"");
    /// ```
    #[inline]
    pub const fn byte(&mut self, b: u8) {
        self.bytes[self.len] = b;
        self.len += 1;
    }

    /// Appends a decimal number.
    ///
    /// ```
    /// let mut text = asg_core::bytes::SmallText::default();
    /// text.number(u64::MAX);
    /// assert_eq!(text.as_bytes(), b"18446744073709551615");
    /// ```
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the compiler drops what a number's type rules out")]
    pub fn number(&mut self, number: u64) {
        // Most numbers in a packet are small.
        if let Some((text, bits)) = usize::try_from(number).ok().and_then(|it| OCTETS.get(it)) {
            self.bytes[self.len..self.len + 4].copy_from_slice(&text.to_le_bytes());
            self.len += *bits as usize / 8 - 1;
        } else if number < EIGHT_DIGITS {
            self.number_of_eight(number as u32);
        } else {
            self.large_number(number);
        }
    }

    /// Appends a number below 100,000,000.
    #[inline]
    fn number_of_eight(&mut self, number: u32) {
        let digits = eight_digits(number);
        let zeros = (digits.trailing_zeros() / 8).min(7);
        self.put((digits | ZEROS) >> (8 * zeros), 8 - zeros as usize);
    }

    #[inline(never)]
    fn large_number(&mut self, number: u64) {
        let (above, last) = (number / EIGHT_DIGITS, number % EIGHT_DIGITS);
        if above < EIGHT_DIGITS {
            self.number_of_eight(above as u32);
        } else {
            self.number_of_eight((above / EIGHT_DIGITS) as u32);
            self.digits::<8>((above % EIGHT_DIGITS) as u32);
        }
        self.digits::<8>(last as u32);
    }

    /// Appends the last `LEN` digits of a number below 100,000,000; `LEN` is 8 at most.
    ///
    /// ```
    /// let mut text = asg_core::bytes::SmallText::default();
    /// text.digits::<6>(42);
    /// assert_eq!(text.as_bytes(), b"000042");
    /// ```
    #[inline]
    pub fn digits<const LEN: usize>(&mut self, number: u32) {
        self.put((eight_digits(number) | ZEROS) >> (8 * (8 - LEN)), LEN);
    }

    /// Appends the first bytes of a word of eight.
    #[inline]
    fn put(&mut self, word: u64, len: usize) {
        self.bytes[self.len..self.len + 8].copy_from_slice(&word.to_le_bytes());
        self.len += len;
    }

    /// Drops the last byte, if there is one.
    ///
    /// ```
    /// let mut text = asg_core::bytes::SmallText::default();
    /// text.word("80,");
    /// text.pop();
    /// assert_eq!(text.as_bytes(), b"80");
    /// ```
    #[inline]
    pub const fn pop(&mut self) {
        self.len = self.len.saturating_sub(1);
    }

    /// Drops zeros at the end.
    ///
    /// ```
    /// let mut text = asg_core::bytes::SmallText::default();
    /// text.constant(b"0.500");
    /// text.trim_zeros();
    /// assert_eq!(text.as_bytes(), b"0.5");
    /// ```
    #[inline]
    pub fn trim_zeros(&mut self) {
        while self.bytes[..self.len].last() == Some(&b'0') {
            self.len -= 1;
        }
    }

    /// Appends an IPv4 address.
    ///
    /// ```
    /// let mut text = asg_core::bytes::SmallText::default();
    /// text.dotted([10, 255, 73, 3]);
    /// assert_eq!(text.as_bytes(), b"10.255.73.3");
    /// ```
    #[inline]
    pub fn dotted(&mut self, octets: [u8; 4]) {
        let (text, len) = dotted(octets);
        self.bytes[self.len..self.len + text.len()].copy_from_slice(&text);
        self.len += len;
    }
}

/// The numbers from 0 to 255 as text with a dot behind it, the first character in the lowest byte;
/// and how many bits they have.
static OCTETS: [(u32, u32); 256] = {
    let mut octets = [(0, 0); 256];
    let mut n = 0;
    while n < 256 {
        let (a, b, c) = (b'0' + (n / 100) as u8, b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8);
        octets[n] = match n {
            0..10 => (u32::from_le_bytes([c, b'.', 0, 0]), 16),
            10..100 => (u32::from_le_bytes([b, c, b'.', 0]), 24),
            _ => (u32::from_le_bytes([a, b, c, b'.']), 32),
        };
        n += 1;
    }
    octets
};

/// Returns the text of an IPv4 address, and its length. `std`'s formatting costs as much as all
/// else that is done about a line.
///
/// ```
/// let (text, len) = asg_core::bytes::dotted([10, 255, 73, 3]);
/// assert_eq!(&text[..len], b"10.255.73.3");
/// ```
#[must_use]
#[inline]
pub fn dotted([a, b, c, d]: [u8; 4]) -> ([u8; 16], usize) {
    // Two numbers and their dots fit into a register.
    let pair = |one: u8, two: u8| {
        let ((one, bits), (two, more)) = (OCTETS[usize::from(one)], OCTETS[usize::from(two)]);
        (u64::from(one) | u64::from(two) << bits, bits + more)
    };
    let ((first, bits), (second, more)) = (pair(a, b), pair(c, d));
    let text = u128::from(first) | u128::from(second) << bits;
    (text.to_le_bytes(), (bits + more) as usize / 8 - 1)
}

/// The first number of nine digits.
const EIGHT_DIGITS: u64 = 100_000_000;

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
            let mut text = SmallText::default();
            text.number(number);
            text.byte(b' ');
            text.digits::<8>(low);
            text.digits::<6>(low % 1_000_000);
            let expected = format!("{number} {low:08}{:06}", low % 1_000_000);
            prop_assert_eq!(text.as_bytes(), expected.as_bytes());
        }

        #[test]
        fn addresses_are_written_as_the_standard_library_does(octets: [u8; 4]) {
            let mut text = SmallText::default();
            text.dotted(octets);
            let expected = std::net::Ipv4Addr::from(octets).to_string();
            prop_assert_eq!(text.as_bytes(), expected.as_bytes());
        }
    }
}
