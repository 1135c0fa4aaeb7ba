//! Hashes of bytes, for tables that must be small.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::net::IpAddr;

/// The secret seeds of a table's digests. Without them nobody can choose bytes that give the same
/// digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seeds([u64; 2]);

impl Default for Seeds {
    fn default() -> Self {
        let state = RandomState::new();
        Self([state.hash_one(1_u8), state.hash_one(2_u8)])
    }
}

impl Seeds {
    /// Seeds that are the same everywhere, for digests that several processes compare. Whoever
    /// wants two texts to have one digest can find such texts.
    pub(crate) const PUBLIC: Self = Self([0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03]);

    /// Returns the seeds, to be saved.
    pub(crate) const fn parts(self) -> [u64; 2] {
        self.0
    }

    /// Returns seeds that were saved.
    pub(crate) const fn of_parts(parts: [u64; 2]) -> Self {
        Self(parts)
    }

    /// Returns the digest of an address.
    pub(crate) fn of_address(self, address: Option<IpAddr>) -> u64 {
        let Self([one, two]) = self;
        match address {
            Some(IpAddr::V4(ip)) => fold(u64::from(ip.to_bits()) ^ one, two | 1),
            Some(IpAddr::V6(ip)) => self.digest(&ip.octets()),
            None => 0,
        }
    }

    /// Returns the digest of a text, given the digests of its two parts.
    pub(crate) fn of_both(self, first: u64, second: u64) -> u64 {
        let Self([one, two]) = self;
        fold(first ^ one, second ^ two)
    }

    /// Takes sixteen bytes at a time: multiplies two words, and uses both halves of the product. In
    /// long texts it takes four such pairs at once, which are independent.
    pub(crate) fn digest(self, bytes: &[u8]) -> u64 {
        let Self([one, two]) = self;
        let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
        let pair = |sum: u64, words: &[[u8; 8]; 2]| {
            fold(word(&words[0]) ^ one ^ sum, word(&words[1]) ^ two)
        };
        let mut sum = one ^ bytes.len() as u64;
        let (words, rest) = bytes.as_chunks::<8>();
        let (pairs, last) = words.as_chunks::<2>();
        let (quads, pairs) = pairs.as_chunks::<4>();
        if !quads.is_empty() {
            let mut lanes = [sum, !one, two, !two];
            for quad in quads {
                for (lane, words) in lanes.iter_mut().zip(quad) {
                    *lane = pair(*lane, words);
                }
            }
            let [a, b, c, d] = lanes;
            sum = fold(a ^ b.rotate_left(23) ^ one, c ^ d.rotate_left(23) ^ two);
        }
        for words in pairs {
            sum = pair(sum, words);
        }
        // The last eight bytes, even if some have counted already: a text of eight bytes or more
        // needs no copy then.
        let end = bytes.last_chunk().copied().unwrap_or_else(|| {
            let mut end = [0; 8];
            end[..rest.len()].copy_from_slice(rest);
            end
        });
        let last = last.first().copied().unwrap_or_default();
        fold(pair(sum, &[last, end]) ^ two, one | 1)
    }
}

/// A table whose keys are digests, which need no hashing.
pub(crate) type DigestMap<T> = HashMap<u64, T, BuildHasherDefault<AsIs>>;

/// Hashes a digest to itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AsIs(u64);

impl Hasher for AsIs {
    fn write_u64(&mut self, digest: u64) {
        self.0 = digest;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = fold(self.0 ^ u64::from(*byte), 0x9e37_79b9_7f4a_7c15);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Returns a hash of a text's first bytes, for small tables that compare the keys they find. It is
/// fast, and not safe if an attacker chooses the bytes.
pub(crate) fn hash<const LEN: usize>(key: &[u8; LEN]) -> u64 {
    let (words, _) = key.as_chunks::<8>();
    let hash = words.iter().fold(0, |hash: u64, word| {
        (hash.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    });
    // A table uses the lowest bits, which do not depend on the bytes at a word's end.
    fold(hash, 0x9e37_79b9_7f4a_7c15)
}

/// Returns the exclusive or of both halves of the product.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_and_the_length_count() {
        let seeds = Seeds::default();
        let text: Vec<u8> = (0..200).collect();
        for len in 0..=text.len() {
            let whole = seeds.digest(&text[..len]);
            assert_eq!(whole, seeds.digest(&text[..len]));
            let zeros = [&text[..len], &[0]].concat();
            assert_ne!(whole, seeds.digest(&zeros), "{len}");
            for at in 0..len {
                let mut other = text[..len].to_vec();
                other[at] ^= 1;
                assert_ne!(whole, seeds.digest(&other), "{len} {at}");
            }
        }
    }

    #[test]
    fn keys_that_differ_in_any_byte_spread_over_a_table() {
        const MANY: u32 = 4_096;
        for at in 0..=4 {
            let places: std::collections::HashSet<_> = (0..MANY)
                .map(|n| {
                    let mut key = *b"0000000000000000";
                    key[at * 3..at * 3 + 4].copy_from_slice(format!("{n:04x}").as_bytes());
                    hash(&key) % (16 * u64::from(MANY))
                })
                .collect();
            // Sixteen slots for each key: half as many distinct ones are good enough for a fast
            // hash.
            assert!(places.len() > MANY as usize / 2, "{at}: {}", places.len());
        }
    }
}
