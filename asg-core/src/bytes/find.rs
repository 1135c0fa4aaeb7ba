//! Finds nearby bytes: the end of a word, a name or a short string.
//!
//! `memchr` is faster from about thirty bytes on; below that, its call and its choice of
//! instructions cost more than they save. This code looks at eight bytes at a time in place.

/// Returns the first place of a constant text in another. Its searcher is made once, because making
/// one costs as much as a search.
macro_rules! position {
    ($mark:expr, $text:expr) => {{
        static FINDER: std::sync::LazyLock<memchr::memmem::Finder<'static>> =
            std::sync::LazyLock::new(|| memchr::memmem::Finder::new($mark));
        FINDER.find($text)
    }};
}
pub(crate) use position;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = ONES << 7;

/// Returns the first place of `byte`.
#[inline]
pub(crate) fn find(byte: u8, text: &[u8]) -> Option<usize> {
    first(text, |word| zeros(word ^ spread(byte)), |b| b == byte)
}

/// Returns the first place of `one` or `other`.
#[inline]
pub(crate) fn find2(one: u8, other: u8, text: &[u8]) -> Option<usize> {
    first(
        text,
        |word| zeros(word ^ spread(one)) | zeros(word ^ spread(other)),
        |b| b == one || b == other,
    )
}

/// Returns the first byte for which `is` holds. `marks` gives the high bit of the lowest such byte
/// in a word, and no lower bit.
#[inline]
fn first(text: &[u8], marks: impl Fn(u64) -> u64, is: impl Fn(u8) -> bool) -> Option<usize> {
    let (words, tail) = text.as_chunks::<8>();
    for (n, word) in words.iter().enumerate() {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return Some(n * 8 + marks.trailing_zeros() as usize / 8);
        }
    }
    let at = tail.iter().position(|&b| is(b))?;
    Some(words.len() * 8 + at)
}

const fn spread(byte: u8) -> u64 {
    ONES * byte as u64
}

/// Returns the high bit of each byte that is 0. Only the bits up to the lowest of them are exact,
/// and only that one is used.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_is_found_as_by_looking_at_each(
            text in proptest::collection::vec(prop_oneof![0x1f_u8..0x23, 0xa0_u8..0xa3, any::<u8>()], 0..40),
            one in 0x1f_u8..0x23,
            other in 0xa0_u8..0xa3,
        ) {
            prop_assert_eq!(find(one, &text), text.iter().position(|&b| b == one));
            prop_assert_eq!(find(other, &text), text.iter().position(|&b| b == other));
            prop_assert_eq!(
                find2(one, other, &text),
                text.iter().position(|&b| b == one || b == other)
            );
        }
    }
}
