//! The kinds of resources and their type URLs.

use std::fmt;

/// What proxies subscribe to: all resources of their Gateway, of whatever kind.
pub const CONFIGURATION_TYPE: &str = "type.ferrogate.dev/ferrogate.Configuration";

/// A kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [`fg_ir::Listener`].
    Listener,
    /// [`fg_ir::Rule`].
    Rule,
    /// [`fg_ir::Backend`].
    Backend,
    /// [`fg_ir::Endpoints`].
    Endpoints,
    /// [`fg_ir::Credential`].
    Credential,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Listener,
        Self::Rule,
        Self::Backend,
        Self::Endpoints,
        Self::Credential,
    ];

    /// The type URL of its `Any`.
    pub const fn type_url(self) -> &'static str {
        match self {
            Self::Listener => "type.ferrogate.dev/ferrogate.Listener",
            Self::Rule => "type.ferrogate.dev/ferrogate.Rule",
            Self::Backend => "type.ferrogate.dev/ferrogate.Backend",
            Self::Endpoints => "type.ferrogate.dev/ferrogate.Endpoints",
            Self::Credential => "type.ferrogate.dev/ferrogate.Credential",
        }
    }

    /// The kind of a type URL; `None` for one of a newer version.
    pub fn of(type_url: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.type_url() == type_url)
    }

    /// What its names begin with.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Listener => "listener",
            Self::Rule => "rule",
            Self::Backend => "backend",
            Self::Endpoints => "endpoints",
            Self::Credential => "credential",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
