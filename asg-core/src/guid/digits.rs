//! The digits of a GUID, read from text and written back.

use crate::bytes::digits::hex;

/// Length of a full GUID in characters: 32 hexadecimal digits and four dashes.
pub(super) const FULL: usize = 36;

/// The length of a handle that is a cut GUID.
pub(super) const HANDLE: usize = 28;

/// Parses as many characters of a GUID as there are. Returns the digits, uppermost first, and the
/// number of characters.
///
/// Digits are random, so the processor would mispredict a branch between figures and letters at
/// every third; a table avoids the branch.
pub(super) fn digits(text: &[u8]) -> (u128, usize) {
    if let Some(whole) = whole_digits(text) {
        return whole;
    }
    let (mut bits, mut shift, mut read) = (0_u128, 128, 0);
    for len in GROUPS {
        if read > 0 {
            if text.get(read) != Some(&b'-') {
                break;
            }
            read += 1;
        }
        let mut group = 0_u64;
        let digits = text[read..].iter().take(len).map(|&byte| DIGITS[usize::from(byte)]);
        let mut found = 0;
        for digit in digits.take_while(|&digit| digit != NO_DIGIT) {
            group = group << 4 | u64::from(digit);
            found += 1;
        }
        read += found;
        shift -= 4 * len;
        bits |= u128::from(group << (4 * (len - found))) << shift;
        if found < len {
            break;
        }
    }
    (bits, read)
}

/// Parses a text with all 36 characters, or a handle of 28.
fn whole_digits(text: &[u8]) -> Option<(u128, usize)> {
    let eight = |at: usize| text.get(at..)?.first_chunk().copied().and_then(hex).map(u128::from);
    // Two groups of four, and the dash that joins them.
    let fours = |at: usize| {
        let [a, b, c, d, b'-', e, f, g, h] = *text.get(at..)?.first_chunk()? else { return None };
        hex([a, b, c, d, e, f, g, h]).map(u128::from)
    };
    if text.get(8) != Some(&b'-') || text.get(18) != Some(&b'-') {
        return None;
    }
    let bits = eight(0)? << 96 | fours(9)? << 64 | fours(19)? << 32;
    if text.len() == HANDLE {
        return Some((bits, HANDLE));
    }
    Some((bits | eight(HANDLE)?, FULL))
}

/// Digits between the dashes.
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

const NO_DIGIT: u8 = 0xff;

/// The value of each byte as a lower-case hexadecimal digit.
const DIGITS: [u8; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        table[b"0123456789abcdef"[digit as usize] as usize] = digit;
        digit += 1;
    }
    table
};

/// Returns whether a dash belongs at this place: behind 8, 12, 16 and 20 digits.
const fn is_dash(at: usize) -> bool {
    matches!(at, 8 | 13 | 18 | 23)
}

pub(super) const fn expected_at(at: usize) -> &'static str {
    if is_dash(at) { "`-`" } else { "a lower-case hexadecimal digit" }
}

/// Returns how many of the first `len` characters are digits.
pub(super) const fn digits_in(len: usize) -> usize {
    len - (len > 8) as usize - (len > 13) as usize - (len > 18) as usize - (len > 23) as usize
}

/// The characters of a GUID on the stack.
pub(super) struct Text {
    bytes: [u8; FULL],
    len: usize,
}

impl Text {
    pub(super) fn of(bits: u128, len: usize) -> Self {
        let mut bytes = [b'-'; FULL];
        let mut shift = 128;
        for (i, byte) in bytes.iter_mut().enumerate() {
            if !is_dash(i) {
                shift -= 4;
                *byte = b"0123456789abcdef"[(bits >> shift) as usize & 0xf];
            }
        }
        Self { bytes, len }
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).expect("ASCII digits and dashes")
    }
}
