//! Versions of Envoy, as far as they matter to us.

use std::fmt;

/// A version of Envoy, as its node message says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvoyVersion {
    /// Major.
    pub major: u32,
    /// Minor.
    pub minor: u32,
}

impl EnvoyVersion {
    /// The oldest one that is served.
    pub const OLDEST: Self = Self {
        major: 1,
        minor: 36,
    };
    /// The oldest one that takes virtual hosts by themselves over the stream of everything else; older
    /// ones refuse a route configuration that says so (ADR 0009).
    pub const HOSTS_ALONE: Self = Self {
        major: 1,
        minor: 37,
    };
    /// The newest one that this release was tried with.
    pub const NEWEST: Self = Self {
        major: 1,
        minor: 40,
    };
}

impl fmt::Display for EnvoyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::EnvoyVersion;

    #[test]
    fn versions_compare_as_numbers() {
        let old = EnvoyVersion { major: 1, minor: 9 };
        assert!(old < EnvoyVersion::OLDEST, "{old}");
        assert!(EnvoyVersion::HOSTS_ALONE <= EnvoyVersion::NEWEST);
        assert_eq!(old.to_string(), "1.9");
    }
}
