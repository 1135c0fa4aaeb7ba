//! Scripts of failures.

use super::trouble::Trouble;

/// A script of failures: which requests get which [`Trouble`].
///
/// Rules are checked in the order in which they were added; the first that applies decides. A rule
/// counts the requests whose path begins with its own, so `"/"` is every request. Random numbers
/// come from a seed: equal requests in equal order meet equal troubles.
///
/// ```
/// use asg_cc_client::embedded::{Limit, Outage, Page, Trouble};
///
/// let outage = Outage::new()
///     .first(2, "/v3/apps", Trouble::Unavailable(502, Page::Gorouter))
///     .nth(3, "/v3/processes", Trouble::CutBody)
///     .rate(0.05, "/", 7, Trouble::TooManyRequests(Limit::Seconds(1)));
/// assert_eq!(outage.rules(), 3);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Outage(Vec<Rule>);

#[derive(Debug, Clone)]
struct Rule {
    path: String,
    when: When,
    trouble: Trouble,
    /// The number of requests so far whose path begins with it.
    seen: u64,
}

#[derive(Debug, Clone, Copy)]
enum When {
    /// From the first of these numbers to the last, counted from 1.
    Between(u64, u64),
    /// Each with this chance, out of 2^32.
    Sometimes { chance: u64, seed: u64 },
}

impl Outage {
    /// Creates a script without trouble.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds trouble for the first `count` requests whose path begins with `path`.
    #[must_use]
    pub fn first(self, count: u64, path: &str, trouble: Trouble) -> Self {
        self.with(path, When::Between(1, count), trouble)
    }

    /// Adds trouble for the `number`th request whose path begins with `path`, counted from 1.
    #[must_use]
    pub fn nth(self, number: u64, path: &str, trouble: Trouble) -> Self {
        self.with(path, When::Between(number, number), trouble)
    }

    /// Adds trouble for every request whose path begins with `path`.
    #[must_use]
    pub fn always(self, path: &str, trouble: Trouble) -> Self {
        self.with(path, When::Between(1, u64::MAX), trouble)
    }

    /// Adds trouble for a random share of the requests whose path begins with `path`: 0.05 is one
    /// of twenty.
    #[must_use]
    pub fn rate(self, share: f64, path: &str, seed: u64, trouble: Trouble) -> Self {
        let chance = (share.clamp(0.0, 1.0) * 2_f64.powi(32)) as u64;
        self.with(path, When::Sometimes { chance, seed }, trouble)
    }

    /// Returns the number of rules.
    #[must_use]
    pub const fn rules(&self) -> usize {
        self.0.len()
    }

    fn with(mut self, path: &str, when: When, trouble: Trouble) -> Self {
        self.0.push(Rule { path: path.to_owned(), when, trouble, seen: 0 });
        self
    }

    /// Returns the trouble for the next request; every rule counts it.
    pub(super) fn meets(&mut self, path: &str) -> Option<Trouble> {
        let mut met = None;
        for rule in self.0.iter_mut().filter(|rule| path.starts_with(&rule.path)) {
            rule.seen += 1;
            let hit = match rule.when {
                When::Between(first, last) => (first..=last).contains(&rule.seen),
                When::Sometimes { chance, seed } => mix(seed, rule.seen) >> 32 < chance,
            };
            if hit {
                met = met.or(Some(rule.trouble));
            }
        }
        met
    }
}

/// Returns the `index`th number of the `SplitMix64` sequence from `seed` (Steele, Lea, Flood: Fast
/// splittable pseudorandom number generators, 2014).
pub(super) const fn mix(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::Trouble::{CutBody, Forbidden, HangUp};
    use super::*;

    #[test]
    fn the_first_rule_that_hits_decides_and_all_count() {
        let mut outage = Outage::new()
            .first(1, "/v3", Trouble::CutBody)
            .nth(2, "/v3/apps", Trouble::HangUp)
            .always("/v3/apps", Trouble::Forbidden);
        let met: Vec<_> =
            ["/v3/apps", "/v2/apps", "/v3/apps", "/v3/apps"].map(|path| outage.meets(path)).into();
        assert_eq!(met, [Some(CutBody), None, Some(HangUp), Some(Forbidden)]);
    }

    #[test]
    fn chance_keeps_its_rate_and_repeats_itself() {
        let outage = Outage::new().rate(0.1, "/", 42, Trouble::CutBody);
        let hits = |mut outage: Outage| -> Vec<bool> {
            (0..10_000).map(|_| outage.meets("/v3/apps").is_some()).collect()
        };
        let (one, other) = (hits(outage.clone()), hits(outage));
        assert_eq!(one, other);
        let count = one.iter().filter(|hit| **hit).count();
        assert!((900..1100).contains(&count), "{count}");
        for (share, all) in [(0.0, 0), (1.0, 10_000)] {
            let count = hits(Outage::new().rate(share, "/", 42, Trouble::CutBody));
            assert_eq!(count.iter().filter(|hit| **hit).count(), all);
        }
    }
}
