//! Random numbers that are equal on every machine.

use asg_core::Guid;

/// A stream of pseudo-random numbers. Equal seeds give equal streams on every machine and in every
/// release: nothing depends on a word size, a hash order or a mathematics library.
///
/// The generator is `SplitMix64` (Steele, Lea, Flood: *Fast splittable pseudorandom number
/// generators*, 2014).
///
/// ```
/// use asg_benches::sim::Chance;
///
/// let (mut one, mut same) = (Chance::new(7), Chance::new(7));
/// assert_eq!(one.next_u64(), same.next_u64());
/// assert!(one.below(6) < 6);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chance(u64);

impl Chance {
    /// Creates the stream of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns another, independent stream: numbers drawn from one never change those of the other.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.next_u64())
    }

    /// Returns the next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `bound`; 0 if `bound` is 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        ((self.next_u64() as u128 * bound as u128) >> 64) as u64
    }

    /// Returns an index into a list of this length; 0 if it is empty.
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// Returns a number from `low` up to, not including, `high`. All gaps between events use it: a
    /// logarithm, which an exponential distribution needs, differs in its last digit from machine
    /// to machine.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + i64::try_from(self.below(high.abs_diff(low))).unwrap_or(0)
    }

    /// Returns true in one of so many cases.
    pub const fn one_in(&mut self, cases: u64) -> bool {
        self.below(cases) == 0
    }

    /// Returns true in this share of cases, 0 to 1. Draws nothing for 0.
    pub fn hits(&mut self, share: f64) -> bool {
        // An f64 holds 32 bits exactly.
        share > 0.0 && f64::from((self.next_u64() >> 32) as u32) < share * 4_294_967_296.0
    }

    /// Returns one of these, by weight.
    pub fn weighted<T: Copy>(&mut self, choices: &[(T, u32)]) -> T {
        let total: u32 = choices.iter().map(|(_, weight)| weight).sum();
        let mut left = self.below(u64::from(total));
        for (choice, weight) in choices {
            match left.checked_sub(u64::from(*weight)) {
                Some(rest) => left = rest,
                None => return *choice,
            }
        }
        choices[0].0
    }

    /// Returns a GUID of Cloud Controller's form: version 4, variant digit `8`–`b`.
    pub fn cc_guid(&mut self) -> Guid {
        self.guid(0x8000_0000_0000_0000, 0x3fff_ffff_ffff_ffff)
    }

    /// Returns a GUID of Diego's form: version 4, variant digit `4`–`7`; see [`Guid::is_rep_made`].
    pub fn instance_guid(&mut self) -> Guid {
        self.guid(0x4000_0000_0000_0000, 0x3fff_ffff_ffff_ffff)
    }

    fn guid(&mut self, variant: u64, free: u64) -> Guid {
        let high = self.next_u64() & !0xf000 | 0x4000;
        let low = self.next_u64() & free | variant;
        Guid::from_u128(u128::from(high) << 64 | u128::from(low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_these_numbers_for_ever() {
        let mut chance = Chance::new(42);
        assert_eq!(chance.next_u64(), 0xbdd7_3226_2feb_6e95);
        assert_eq!(chance.cc_guid().to_string(), "28efe333-b266-4103-8752-6757130f9f52");
    }

    #[test]
    fn the_variant_digit_tells_who_made_a_guid() {
        let mut chance = Chance::new(1);
        for _ in 0..1000 {
            assert!(chance.instance_guid().is_rep_made());
            let guid = chance.cc_guid().to_string();
            assert!(matches!(guid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{guid}");
            assert_eq!(guid.as_bytes()[14], b'4');
        }
    }

    #[test]
    fn shares_and_weights_are_kept() {
        let mut chance = Chance::new(3);
        let hits = (0..10_000).filter(|_| chance.hits(0.3)).count();
        assert!((2_800..3_200).contains(&hits), "{hits}");
        let heavy = (0..10_000).filter(|_| chance.weighted(&[(true, 9), (false, 1)])).count();
        assert!((8_800..9_200).contains(&heavy), "{heavy}");
        assert!(!chance.hits(0.0) && chance.hits(1.0));
    }
}
