//! Numbers that one thread writes and any thread reads.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows, written by one thread only.
///
/// Cost: a plain load and a plain store. Two writers would lose counts, never more than that.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// A counter at zero.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds `amount`. Only the owning thread may call this.
    #[inline]
    pub fn add(&self, amount: u64) {
        let value = self.0.load(Ordering::Relaxed).wrapping_add(amount);
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds one. Only the owning thread may call this.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// The present value, from any thread.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down, written by one thread only; never below zero.
///
/// Cost: a plain load and a plain store.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// A gauge at zero.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds one. Only the owning thread may call this.
    #[inline]
    pub fn increment(&self) {
        self.set(self.get() + 1);
    }

    /// Takes one away. Only the owning thread may call this.
    #[inline]
    pub fn decrement(&self) {
        self.set(self.get().saturating_sub(1));
    }

    /// Sets the value. Only the owning thread may call this.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The present value, from any thread.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_never_goes_below_zero() {
        let gauge = Gauge::new();
        gauge.decrement();
        gauge.increment();
        assert_eq!(gauge.get(), 1);
    }
}
