//! Which rule answers a CORS preflight.
//!
//! A preflight is an `OPTIONS` request that asks on behalf of another one, so the rule of that one
//! knows the answer. Yet it is a request of its own too, and a route may say where such go. So:
//!
//! 1. the rule that gets the preflight as it came answers, if it has a CORS policy, or if its match
//!    names the method `OPTIONS`;
//! 2. else the rule that gets a request of the method asked about, if that has a CORS policy;
//! 3. else the rule of 1, which sends it to its backend as any request.

use std::ops::ControlFlow;

use fg_exchange::{Method, Request};
use fg_model::Match;

use crate::table::{ListenerTable, found};
use crate::trace::Found;

impl<R> ListenerTable<R> {
    /// As [`Self::find`], for a preflight whose method is `asked` about. `answers` says whether a
    /// rule has a CORS policy. The request is left as it was.
    pub fn find_preflight<'a>(
        &'a self,
        request: &mut Request,
        asked: &[u8],
        answers: impl Fn(&R) -> bool,
    ) -> Option<Found<'a, R>> {
        let own = self.find_match(request);
        if let Some((found, matched)) = own
            && (matched.method.is_some() || answers(found.rule))
        {
            return Some(found);
        }
        let text = request.head.keep(asked);
        request.set_method(Method::resolve(asked), text);
        let other = self.find_match(request);
        request.set_method(Method::Options, text);
        other
            .filter(|(found, _)| answers(found.rule))
            .or(own)
            .map(|(found, _)| found)
    }

    fn find_match<'a>(&'a self, request: &Request) -> Option<(Found<'a, R>, &'a Match)> {
        let found = self.visit(request, |hostname, candidate, prefix| {
            match candidate.lost(request) {
                None => {
                    let found = found(hostname, candidate, prefix);
                    ControlFlow::Break((found, &candidate.source().1))
                }
                Some(_) => ControlFlow::Continue(()),
            }
        });
        match found {
            ControlFlow::Break(found) => Some(found),
            ControlFlow::Continue(()) => None,
        }
    }
}
