//! What was found out about tokens, for a short while. The tokens themselves are not kept.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

/// As many are remembered; then those that end first are forgotten.
const MOST: usize = 4_096;

/// A hash of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

impl Key {
    pub(super) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

/// What was found out, by token. `T` is the finding.
#[derive(Debug)]
pub(super) struct Tokens<T>(Mutex<HashMap<Key, (Instant, T)>>);

impl<T: Clone> Tokens<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    /// What is known, if it still holds.
    pub(super) fn get(&self, key: &Key) -> Option<T> {
        let known = self.lock();
        let (until, finding) = known.get(key)?;
        (*until > Instant::now()).then(|| finding.clone())
    }

    /// Remembers a finding for a while.
    pub(super) fn put(&self, key: Key, finding: T, holds: Duration) {
        let now = Instant::now();
        let mut known = self.lock();
        if known.len() >= MOST {
            known.retain(|_, (until, _)| *until > now);
        }
        if known.len() >= MOST {
            let mut ends: Vec<Instant> = known.values().map(|(until, _)| *until).collect();
            ends.sort_unstable();
            if let Some(middle) = ends.get(MOST / 2) {
                known.retain(|_, (until, _)| *until > *middle);
            }
        }
        known.insert(key, (now + holds, finding));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, (Instant, T)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn findings_end_and_are_bounded() {
        let tokens = Tokens::new();
        tokens.put(Key::of("a"), 1, Duration::from_secs(60));
        assert_eq!(tokens.get(&Key::of("a")), Some(1));
        assert_eq!(tokens.get(&Key::of("b")), None);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(tokens.get(&Key::of("a")), None);
        for i in 0..20_000_u64 {
            tokens.put(Key::of(&i.to_string()), 2, Duration::from_secs(60 + i));
        }
        assert!(tokens.lock().len() <= MOST);
        assert_eq!(tokens.get(&Key::of("19999")), Some(2), "the last is known");
    }
}
