//! Rules out many short texts with one scan.
//!
//! A text that has none of some pairs of adjacent bytes has no text that contains one of them.

/// The compiler's vectors ask so many places at once.
const STEP: usize = 32;

/// How many places are asked between two looks at the answer.
const MOST: usize = 4 * STEP;

/// Returns whether a text has one of these pairs, or a byte below `low`. It looks at the end first.
#[inline]
#[expect(clippy::needless_bitwise_bool, reason = "without branches many places are asked at once")]
pub(crate) fn has_any<const MANY: usize>(text: &[u8], pairs: [[u8; 2]; MANY], low: u8) -> bool {
    let Some(mut left) = text.len().checked_sub(1) else { return false };
    // Whole steps, as far as the text has room for them: the last block overlaps the one before it.
    let fit = if left < STEP { left } else { left - left % STEP };
    while left > 0 {
        let places = left.next_multiple_of(STEP).min(MOST).min(fit);
        left = left.saturating_sub(places);
        let block = &text[left..][..=places];
        let mut found = false;
        // It compares two adjacent bytes at every place in the same way, so that the compiler
        // vectorises the loop.
        for (&a, &b) in block.iter().zip(&block[1..]) {
            for [x, y] in pairs {
                found |= (a == x) & (b == y);
            }
            found |= b < low;
        }
        if found {
            return true;
        }
    }
    text[0] < low
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pairs_and_low_bytes_are_found_wherever_they_are(
            text in prop::collection::vec(prop_oneof![30 => b'w'..b'z', 1 => 8_u8..12], 0..400),
        ) {
            let has_pair = |pair: [u8; 2]| text.windows(2).any(|two| two == pair);
            let has_low = text.iter().any(|b| *b < 10);
            prop_assert_eq!(has_any(&text, [*b"wx"], 0), has_pair(*b"wx"));
            prop_assert_eq!(has_any(&text, [*b"q\x0b", *b"\x0bx"], 0), has_pair(*b"\x0bx"));
            prop_assert_eq!(has_any(&text, [*b"qq"], 10), has_low);
            prop_assert_eq!(has_any(&text, [*b"\x0bx"], 10), has_low || has_pair(*b"\x0bx"));
        }
    }
}
