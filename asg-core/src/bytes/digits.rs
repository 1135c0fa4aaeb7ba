//! Parses digits eight bytes at a time, for the fast paths through common lines.
//!
//! A log is mostly numbers, so most of the cost of a line is that of its digits. Bytes are taken as
//! one little-endian word, so that the first byte is the lowest.

/// Eight bytes as digits: their values, where they are digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Digits {
    values: u64,
}

const HIGH: u64 = 0x8080_8080_8080_8080;

impl Digits {
    #[inline]
    pub(crate) const fn new(bytes: [u8; 8]) -> Self {
        Self::without(bytes, *b"00000000")
    }

    /// Takes bytes of a shape such as `00:00:00`: where the shape has a byte other than `0`, the
    /// text must have the same byte.
    #[inline]
    pub(crate) const fn without(bytes: [u8; 8], shape: [u8; 8]) -> Self {
        Self { values: u64::from_le_bytes(bytes) ^ u64::from_le_bytes(shape) }
    }

    /// Returns whether all bytes are as in the shape: digits where it has `0`, else its own byte.
    #[inline]
    pub(crate) const fn are(self, shape: [u8; 8]) -> bool {
        let mut limits = [0; 8];
        let mut n = 0;
        while n < 8 {
            // This is added to a value, so that a value that is too large sets the high bit.
            limits[n] = if shape[n] == b'0' { 0x76 } else { 0x7f };
            n += 1;
        }
        self.too_large(u64::from_le_bytes(limits)) == 0
    }

    /// Returns the number of digits before the first other byte: 0 to 8.
    #[inline]
    pub(crate) const fn count(self) -> usize {
        self.too_large(0x7676_7676_7676_7676).trailing_zeros() as usize / 8
    }

    /// Returns a bit for each byte that is not a digit.
    #[inline]
    pub(crate) const fn others(self) -> u32 {
        let marks = self.too_large(0x7676_7676_7676_7676) >> 7;
        // Each mark is moved to a bit of its own in the top byte.
        (marks.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
    }
    /// Returns the number that the first `count` digits make: 1 to 8.
    #[inline]
    pub(crate) const fn number(self, count: usize) -> u64 {
        // The last digit moves to the top byte; then neighbours are added up in pairs, three times.
        let digits = self.values << (64 - 8 * count);
        let pairs = (digits.wrapping_mul(10 << 8 | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
        let fours = (pairs.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_ffff_0000_ffff;
        fours.wrapping_mul(10_000 << 32 | 1) >> 32
    }

    /// Returns for each byte the number that it and the next make, where both are digits.
    #[inline]
    pub(crate) const fn pairs(self) -> [u8; 8] {
        (self.values.wrapping_mul(10).wrapping_add(self.values >> 8)).to_le_bytes()
    }

    /// Returns the high bit of each byte that is larger than the limits allow. Only seven bits are
    /// added, so no carry leaves a byte.
    const fn too_large(self, limits: u64) -> u64 {
        ((self.values & !HIGH).wrapping_add(limits) | self.values) & HIGH
    }
}

/// Parses eight lower-case hexadecimal digits; `None` for other bytes.
#[inline]
pub(crate) const fn hex(bytes: [u8; 8]) -> Option<u32> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let text = u64::from_le_bytes(bytes);
    // Letters and figures differ in this bit: `a` is 0x61, `0` is 0x30.
    let letters = text >> 6 & ONES;
    let values = (text & (0x0f * ONES)) + 9 * letters;
    let upper = (text & (0xf0 * ONES)) ^ (0x30 * (ONES + letters));
    // Adding six carries into a second digit from ten on: letters must carry, and figures must not.
    // No value may have two digits before that.
    let lower = ((values + 6 * ONES) >> 4 ^ letters) & ONES | values & (0x10 * ONES);
    if upper | lower != 0 {
        return None;
    }
    // Neighbours are joined, three times.
    let pairs = (values.wrapping_mul(0x10 << 8 | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(0x100 << 16 | 1) >> 16) & 0x0000_ffff_0000_ffff;
    Some((fours.wrapping_mul(0x1_0000 << 32 | 1) >> 32) as u32)
}

/// Parses the fraction of a second behind its point: the nanoseconds, and the number of digits.
/// Digits behind the ninth are skipped. Returns `None` without a digit.
#[inline]
pub(crate) fn nanos(text: &[u8]) -> Option<(u32, usize)> {
    if let Some(bytes) = text.first_chunk() {
        let digits = Digits::new(*bytes);
        let count = digits.count();
        if (1..8).contains(&count) {
            return Some((digits.number(count) as u32 * SCALE[count], count));
        }
    }
    let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let kept = &text[..count.min(9)];
    let number = kept.iter().fold(0, |number, b| number * 10 + u32::from(b - b'0'));
    (count > 0).then(|| (number * SCALE[kept.len()], count))
}

const SCALE: [u32; 10] =
    [0, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digits_are_counted_and_read_as_the_library_does(number in 0..100_000_000_u64, junk: [u8; 8]) {
            let text = number.to_string();
            let mut bytes = junk;
            bytes[..text.len()].copy_from_slice(text.as_bytes());
            let after = junk[text.len()..].iter().take_while(|b| b.is_ascii_digit()).count();
            let digits = Digits::new(bytes);
            prop_assert_eq!(digits.count(), text.len() + after);
            prop_assert_eq!(digits.number(text.len()), number);
            for (n, b) in bytes.iter().enumerate() {
                prop_assert_eq!(digits.others() >> n & 1 == 0, b.is_ascii_digit());
            }
        }

        #[test]
        fn a_shape_is_asked_of_every_byte(bytes in "[0-9:T-]{8}", junk: (u8, usize)) {
            const SHAPE: [u8; 8] = *b"00:00:00";
            let mut changed: [u8; 8] = *bytes.as_bytes().first_chunk().unwrap();
            for at in [2, 5] {
                changed[at] = b':';
            }
            changed[junk.1 % 8] = junk.0;
            for bytes in [*bytes.as_bytes().first_chunk().unwrap(), changed] {
                let expected = bytes.iter().zip(SHAPE).all(|(b, shape)| match shape {
                    b'0' => b.is_ascii_digit(),
                    _ => *b == shape,
                });
                let digits = Digits::without(bytes, SHAPE);
                prop_assert_eq!(digits.are(SHAPE), expected, "{:?}", bytes);
                if expected {
                    let two = |at: usize| (bytes[at] - b'0') * 10 + bytes[at + 1] - b'0';
                    let pairs = digits.pairs();
                    prop_assert_eq!([pairs[0], pairs[3], pairs[6]], [two(0), two(3), two(6)]);
                }
            }
        }

        #[test]
        fn eight_hexadecimal_digits_are_what_the_library_reads(
            number: u32, at in 0_usize..8, other: u8, junk: [u8; 8],
        ) {
            let mut bytes: [u8; 8] = *format!("{number:08x}").as_bytes().first_chunk().unwrap();
            prop_assert_eq!(hex(bytes), Some(number));
            bytes[at] = other;
            for bytes in [bytes, junk] {
                let are_digits = bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                let text = std::str::from_utf8(&bytes).ok().filter(|_| are_digits);
                prop_assert_eq!(hex(bytes), text.map(|text| u32::from_str_radix(text, 16).unwrap()));
            }
        }

        #[test]
        fn fractions_are_nanoseconds(nanos_ in 0..1_000_000_000_u32, decimals in 1_usize..=12, rest in "[^0-9]{0,9}") {
            let whole = format!("{nanos_:09}999");
            let text = format!("{}{rest}", &whole[..decimals]);
            let expected: u32 = format!("{:0<9}", &whole[..decimals.min(9)]).parse().unwrap();
            prop_assert_eq!(nanos(text.as_bytes()), Some((expected, decimals)));
            prop_assert_eq!(nanos(rest.as_bytes()), None);
        }
    }
}
