//! What the policies of one place become.

use std::ops::Deref;
use std::time::Duration;

use fg_exchange::body::BodyFilter;
use fg_exchange::{Filter, Part, Retries, Session, Setting, WaitingFilter};
use fg_ir::BackendKey;
use fg_policies::traffic;

/// The chain of one place. Most places have no policy, and then it is one word: requests that go
/// to many different rules touch less memory.
pub(crate) struct Policies(Option<Box<Chain>>);

impl Deref for Policies {
    type Target = Chain;

    #[inline]
    fn deref(&self) -> &Chain {
        static NONE: Chain = Chain {
            filters: Vec::new(),
            waiting: Vec::new(),
            bodies: Vec::new(),
            request_timeout: None,
            backend_timeout: None,
            retries: None,
            mirrors: Vec::new(),
            session: None,
        };
        self.0.as_deref().unwrap_or(&NONE)
    }
}

impl From<Chain> for Policies {
    fn from(chain: Chain) -> Self {
        let is_empty = chain.filters.is_empty()
            && chain.waiting.is_empty()
            && chain.bodies.is_empty()
            && chain.request_timeout.is_none()
            && chain.backend_timeout.is_none()
            && chain.retries.is_none()
            && chain.mirrors.is_empty();
        Self((!is_empty).then(|| Box::new(chain)))
    }
}

/// What the policies of one place become.
#[derive(Default)]
pub(crate) struct Chain {
    pub(crate) filters: Vec<Box<dyn Filter>>,
    /// In the order of their places.
    pub(crate) waiting: Vec<CompiledWaiting>,
    pub(crate) bodies: Vec<Box<dyn BodyFilter>>,
    pub(crate) request_timeout: Option<Duration>,
    pub(crate) backend_timeout: Option<Duration>,
    pub(crate) retries: Option<Retries>,
    pub(crate) mirrors: Vec<CompiledMirror>,
    /// Until the rule has made its sessions of it.
    pub(super) session: Option<Box<Session>>,
}

/// A filter that asks somebody before it decides.
pub(crate) struct CompiledWaiting {
    /// So many of the other filters come before it.
    pub(crate) at: usize,
    pub(crate) filter: Box<dyn WaitingFilter>,
    /// Index of the cluster that it asks.
    pub(crate) target: usize,
}

/// Who gets a copy of which part of the requests.
pub(crate) struct CompiledMirror {
    /// Index of its cluster.
    pub(crate) target: usize,
    /// So many requests of `denominator`.
    pub(crate) numerator: u32,
    pub(crate) denominator: u32,
}

impl Chain {
    /// `index` gives a backend's index.
    pub(super) fn build(
        policies: &traffic::Set,
        mut index: impl FnMut(&BackendKey) -> usize,
    ) -> Self {
        let mut chain = Self::default();
        for (_, part) in policies.chain() {
            chain.add(part, &mut index);
        }
        chain
    }

    pub(super) fn add(&mut self, part: Part, index: &mut impl FnMut(&BackendKey) -> usize) {
        match part {
            Part::Filter(filter) => self.filters.push(filter),
            Part::Waiting(filter) => self.waiting.push(CompiledWaiting {
                at: self.filters.len(),
                target: index(filter.backend()),
                filter,
            }),
            Part::Body(filter) => self.bodies.push(filter),
            Part::Session(session) => self.session = Some(session),
            Part::Settings(settings) => {
                for setting in settings {
                    self.set(setting, index);
                }
            }
        }
    }

    fn set(&mut self, setting: Setting, index: &mut impl FnMut(&BackendKey) -> usize) {
        match setting {
            Setting::Retries(retries) => self.retries = Some(retries),
            Setting::Mirrors(mirrors) => {
                self.mirrors
                    .extend(mirrors.iter().map(|mirror| CompiledMirror {
                        target: index(&mirror.backend),
                        numerator: mirror.numerator,
                        denominator: mirror.denominator,
                    }))
            }
            Setting::RequestTimeout(timeout) => self.request_timeout = timeout,
            Setting::BackendRequestTimeout(timeout) => self.backend_timeout = timeout,
        }
    }
}
