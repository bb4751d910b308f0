//! A fast hash for names and paths that the configuration holds.
//!
//! Not seeded: clients only look up, they never insert, so they cannot make a table degenerate.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map with this hash.
pub(crate) type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<Mix>>;

/// An odd number without a pattern in its bits (of the golden ratio).
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Folds eight bytes at a time by a multiplication of 64 by 64 to 128 bits.
pub(crate) struct Mix(u64);

impl Default for Mix {
    fn default() -> Self {
        Self::seeded(0)
    }
}

impl Mix {
    /// Starts from something that belongs to the key.
    pub(crate) const fn seeded(seed: u32) -> Self {
        Self(FACTOR ^ seed as u64)
    }

    #[inline]
    fn fold(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(FACTOR);
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }
}

impl Hasher for Mix {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.fold(u64::from_le_bytes(*word));
        }
        // The length is part of every key's hash, so overlapping reads lose nothing.
        match rest {
            [] => {}
            [a, b, c, d, ..] => {
                let head = u32::from_le_bytes([*a, *b, *c, *d]);
                let tail = rest.last_chunk::<4>().map_or(0, |t| u32::from_le_bytes(*t));
                self.fold(u64::from(head) << 32 | u64::from(tail));
            }
            [first, .., last] => {
                let middle = rest.get(1).copied().unwrap_or_default();
                self.fold(u64::from(*first) << 16 | u64::from(middle) << 8 | u64::from(*last));
            }
            [only] => self.fold(u64::from(*only) | 1 << 32),
        }
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.fold(number as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::hash::Hash as _;

    use super::*;

    fn hash(text: &str) -> u64 {
        let mut mix = Mix::default();
        text.as_bytes().hash(&mut mix);
        mix.finish()
    }

    #[test]
    fn similar_names_spread_over_low_and_high_bits() {
        let names: Vec<String> = (0..4096).map(|n| format!("/shop-{n}/cart")).collect();
        let spread = |bits: fn(u64) -> u64| {
            names
                .iter()
                .map(|name| bits(hash(name)))
                .collect::<BTreeSet<_>>()
                .len()
        };
        // 4,096 balls in 4,096 boxes leave about 63 % of the boxes used.
        assert!(spread(|hash| hash & 4095) > 2400);
        assert!(spread(|hash| hash >> 52) > 2400);
    }

    #[test]
    fn short_names_differ() {
        let names = [
            "", "a", "b", "aa", "ab", "ba", "aaa", "aba", "aab", "abcd", "abce", "abcde",
        ];
        let hashes: BTreeSet<u64> = names.iter().map(|name| hash(name)).collect();
        assert_eq!(hashes.len(), names.len());
    }
}
