//! Digests of bytes, for tables that must be small.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

/// What a table's digests begin with: whoever does not know it cannot choose bytes that give the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seeds([u64; 2]);

impl Default for Seeds {
    fn default() -> Self {
        let state = RandomState::new();
        Self([state.hash_one(1_u8), state.hash_one(2_u8)])
    }
}

impl Seeds {
    /// The digest of an address.
    pub(crate) fn of_address(self, address: Option<IpAddr>) -> u64 {
        let Self([one, two]) = self;
        match address {
            Some(IpAddr::V4(ip)) => fold(u64::from(ip.to_bits()) ^ one, two | 1),
            Some(IpAddr::V6(ip)) => self.digest(&ip.octets()),
            None => 0,
        }
    }

    /// Sixteen bytes at a time: two words are multiplied, and both halves of the product count.
    pub(crate) fn digest(self, bytes: &[u8]) -> u64 {
        let Self([one, two]) = self;
        let word = |bytes: &[u8]| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(word)
        };
        let mut sum = one ^ bytes.len() as u64;
        let mut pairs = bytes.chunks_exact(16);
        for pair in &mut pairs {
            sum = fold(word(&pair[..8]) ^ one ^ sum, word(&pair[8..]) ^ two);
        }
        let (low, high) = pairs.remainder().split_at(pairs.remainder().len().min(8));
        sum = fold(word(low) ^ one ^ sum, word(high) ^ two);
        fold(sum ^ two, one | 1)
    }
}

/// Both halves of the product.
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
        let text: Vec<u8> = (0..100).collect();
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
}
