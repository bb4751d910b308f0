//! What Envoy is told.

use envoy_types::pb::envoy::config::common::mutation_rules::v3::HeaderMutation as Change;
use envoy_types::pb::envoy::extensions::filters::http::header_mutation::v3::{
    HeaderMutation, HeaderMutationPerRoute, Mutations,
};

use super::{Changes, Ir};
use crate::envoy::{Append, Sink, Standing, clear, header, mutation, pack, percent_escaped};

const REQUEST: &str = "header_modifier/request";
const RESPONSE: &str = "header_modifier/response";

/// Writes the policy.
///
/// By a filter, since what a route says itself of headers is not done to replies that Envoy makes.
/// A filter for each direction: to requests the backend's changes are made after the rule's, to
/// replies before them.
pub fn map(ir: &Ir, sink: &mut Sink<'_>) {
    if !ir.request.is_empty() {
        let here = Mutations {
            request_mutations: changes(&ir.request),
            ..Mutations::default()
        };
        sink.http_filter(REQUEST, &of_requests(), &per_route(here));
    }
    if !ir.response.is_empty() {
        let here = Mutations {
            response_mutations: changes(&ir.response),
            ..Mutations::default()
        };
        sink.http_filter(RESPONSE, &HeaderMutation::default(), &per_route(here));
    }
}

/// The filters of all who use them.
pub fn standing() -> Vec<Standing> {
    vec![
        (REQUEST, pack(&of_requests())),
        (RESPONSE, pack(&HeaderMutation::default())),
    ]
}

fn of_requests() -> HeaderMutation {
    HeaderMutation {
        most_specific_header_mutations_wins: true,
        ..HeaderMutation::default()
    }
}

fn per_route(mutations: Mutations) -> HeaderMutationPerRoute {
    HeaderMutationPerRoute {
        mutations: Some(mutations),
    }
}

fn changes(changes: &Changes) -> Vec<Change> {
    let remove = changes.remove.iter().map(|name| clear(name));
    let write = |append: Append| {
        move |(name, value): &(fg_base::Text, fg_base::Text)| {
            mutation(header(name, percent_escaped(value), append))
        }
    };
    let set = changes.set.iter().map(write(Append::Replace));
    let add = changes.add.iter().map(write(Append::Add));
    remove.chain(set).chain(add).collect()
}
