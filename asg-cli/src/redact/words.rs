//! Names: encrypted by FF1, and written in letters and digits.
//!
//! FF1 (NIST SP 800-38G) is a permutation of texts of one length. A name of up to eight bytes
//! becomes 17 characters, and each five bytes more cost eight. Two zero bytes at the end of the
//! plain text show that a pseudonym was made with this key.

use aes::Aes256;
use fpe::ff1::{BinaryNumeralString, FF1, FlexibleNumeralString};

/// The permutation of names.
pub(super) struct Words(FF1<Aes256>);

/// The permutation of interfaces' names, which the kernel allows 15 characters. A name keeps its
/// length, if it has six or more.
pub(super) struct Interfaces(FF1<Aes256>);

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.";
/// The end of a name that is shorter.
const FILL: char = '.';
const LEAST: usize = 6;

impl Interfaces {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(FF1::new(key, 64).expect("64 is a radix"))
    }

    /// Returns the pseudonym of a name; `None` if it has other letters.
    pub(super) fn hide(&self, name: &str) -> Option<String> {
        if name.ends_with(FILL) {
            return None;
        }
        let filled = format!("{name}{}", FILL.to_string().repeat(LEAST.saturating_sub(name.len())));
        let hidden = self.0.encrypt(&[], &numbers(&filled)?).ok()?;
        Some(letters(hidden))
    }

    /// Returns the name of a pseudonym.
    pub(super) fn show(&self, hidden: &str) -> Option<String> {
        let name = letters(self.0.decrypt(&[], &numbers(hidden)?).ok()?);
        Some(name.trim_end_matches(FILL).to_owned())
    }
}

fn numbers(name: &str) -> Option<FlexibleNumeralString> {
    let number = |byte| LETTERS.iter().position(|known| *known == byte).map(|n| n as u16);
    Some(name.bytes().map(number).collect::<Option<Vec<_>>>()?.into())
}

fn letters(numbers: FlexibleNumeralString) -> String {
    Vec::from(numbers).into_iter().map(|n| LETTERS[usize::from(n)] as char).collect()
}

/// The first character of a pseudonym: a host's name must not be a number.
const MARK: char = 'n';
/// RFC 4648's digits of base 32, in lower case.
const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Eight digits of base 32.
const GROUP: usize = 5;
/// The bytes that prove a pseudonym.
const PROOF: usize = 2;

impl Words {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(FF1::new(key, 2).expect("two is a radix"))
    }

    /// Returns the pseudonym of a name. The empty name has none.
    pub(super) fn hide(&self, name: &str) -> String {
        if name.is_empty() {
            return String::new();
        }
        let mut text = name.as_bytes().to_vec();
        let len = (text.len() + PROOF).next_multiple_of(GROUP).max(2 * GROUP);
        text.resize(len, 0);
        let hidden = self.0.encrypt(&[], &BinaryNumeralString::from_bytes_le(&text));
        let hidden = hidden.expect("bits are of radix two").to_bytes_le();
        let mut out = String::from(MARK);
        for group in hidden.chunks(GROUP) {
            let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            out.extend((0..8).rev().map(|n| DIGITS[(bits >> (5 * n) & 31) as usize] as char));
        }
        out
    }

    /// Returns the name of a pseudonym; `None` for any other text.
    pub(super) fn show(&self, pseudonym: &str) -> Option<String> {
        let digits = pseudonym.strip_prefix(MARK)?.as_bytes();
        if digits.len() < 16 || !digits.len().is_multiple_of(8) {
            return None;
        }
        let mut hidden = Vec::with_capacity(digits.len() / 8 * GROUP);
        for group in digits.chunks(8) {
            let digit = |all: u64, byte: &u8| {
                let digit = DIGITS.iter().position(|known| known == byte)?;
                Some(all << 5 | digit as u64)
            };
            let bits = group.iter().try_fold(0, digit)?;
            hidden.extend(&bits.to_be_bytes()[8 - GROUP..]);
        }
        let text = self.0.decrypt(&[], &BinaryNumeralString::from_bytes_le(&hidden)).ok()?;
        let text = text.to_bytes_le();
        let name = text.strip_suffix(&[0; PROOF])?;
        let len = name.iter().rposition(|byte| *byte != 0)? + 1;
        String::from_utf8(name[..len].to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_interface_has_a_name_that_the_kernel_allows_and_that_leads_back(
            key: [u8; 32], name in "[a-zA-Z0-9.-]{0,14}[a-z0-9]",
        ) {
            let interfaces = Interfaces::new(&key);
            let hidden = interfaces.hide(&name).unwrap();
            prop_assert!((6..=15).contains(&hidden.len()));
            prop_assert_eq!(interfaces.show(&hidden), Some(name));
        }

        #[test]
        fn each_name_has_a_pseudonym_of_its_own_that_leads_back(
            key: [u8; 32], name in "[^\0]{1,40}", other in "[^\0]{1,40}",
        ) {
            let words = Words::new(&key);
            let hidden = words.hide(&name);
            prop_assert!(hidden.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
            prop_assert_eq!(hidden == words.hide(&other), name == other);
            prop_assert_eq!(words.show(&hidden), Some(name));
        }
    }

    #[test]
    fn other_texts_are_no_pseudonyms() {
        let words = Words::new(&[7; 32]);
        let other = Words::new(&[8; 32]).hide("orders");
        for text in ["", "n", "orders", "nobody", &other, &other[1..], "naaaaaaaaaaaaaaaa"] {
            assert_eq!(words.show(text), None, "{text}");
        }
        assert_eq!(words.hide(""), "");
        assert_eq!(words.hide("orders").len(), 17);
    }
}
