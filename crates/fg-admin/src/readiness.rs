//! `/ready`: whether this process should get traffic.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use crate::site::{Answer, Ask, Site};

/// Whether the process is ready, and why not. Shared by who sets it and who is asked.
///
/// Guards one short text, for the time of copying it.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Mutex<Option<Cow<'static, str>>>>);

impl Readiness {
    /// Not ready, for a reason such as `starting`.
    pub fn not_yet(why: &'static str) -> Self {
        Self(Arc::new(Mutex::new(Some(why.into()))))
    }

    /// Ready: a complete configuration serves.
    pub fn ready(&self) {
        self.set(None);
    }

    /// Not ready any more, for a reason such as `draining`.
    pub fn not_ready(&self, why: impl Into<Cow<'static, str>>) {
        self.set(Some(why.into()));
    }

    fn set(&self, why: Option<Cow<'static, str>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Why it is not ready; `None` when it is.
    pub fn why_not(&self) -> Option<Cow<'static, str>> {
        let why_not = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        why_not.clone()
    }
}

/// Answers `/ready` (and `/readyz`, as control planes call it) with 200 or 503, and `/healthz` with
/// 200.
#[derive(Debug)]
pub struct ReadinessSite(pub Readiness);

impl Site for ReadinessSite {
    fn answer(&self, ask: &Ask) -> Answer {
        if ask.path == "/healthz" {
            return Answer::text(200, "alive\n");
        }
        if ask.path != "/ready" && ask.path != "/readyz" {
            return Answer::text(404, "no such page; /ready and /healthz are here\n");
        }
        if ask.method != "GET" && ask.method != "HEAD" {
            return Answer::method_not_allowed("GET");
        }
        match self.0.why_not() {
            None => Answer::text(200, "ready\n"),
            Some(why) => Answer::text(503, format!("not ready: {why}\n")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_what_was_set_last() {
        let readiness = Readiness::not_yet("starting");
        let site = ReadinessSite(readiness.clone());
        let ask = Ask {
            method: "GET".to_owned(),
            path: "/ready".to_owned(),
            ..Ask::default()
        };
        assert_eq!(
            site.answer(&ask),
            Answer::text(503, "not ready: starting\n")
        );
        readiness.ready();
        assert_eq!(site.answer(&ask).status, 200);
        readiness.not_ready("draining");
        assert_eq!(site.answer(&ask).status, 503);
    }
}
