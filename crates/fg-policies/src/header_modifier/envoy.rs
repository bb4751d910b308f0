//! What Envoy is told.

use envoy_types::pb::envoy::config::common::mutation_rules::v3::HeaderMutation as Change;
use envoy_types::pb::envoy::extensions::filters::http::header_mutation::v3::{
    HeaderMutation, HeaderMutationPerRoute, Mutations,
};

use super::{Changes, Ir};
use crate::envoy::{Append, Sink, clear, header, mutation, percent_escaped};

/// Writes the policy.
///
/// By a filter, since what a route says itself of headers is not done to replies that Envoy makes.
/// A filter for each direction: to requests the backend's changes are made after the rule's, to
/// replies before them.
pub fn map(ir: &Ir, sink: &mut Sink<'_>) {
    if !ir.request.is_empty() {
        let filter = HeaderMutation {
            most_specific_header_mutations_wins: true,
            ..HeaderMutation::default()
        };
        let here = Mutations {
            request_mutations: changes(&ir.request),
            ..Mutations::default()
        };
        sink.http_filter("header_modifier/request", &filter, &per_route(here));
    }
    if !ir.response.is_empty() {
        let here = Mutations {
            response_mutations: changes(&ir.response),
            ..Mutations::default()
        };
        let filter = HeaderMutation::default();
        sink.http_filter("header_modifier/response", &filter, &per_route(here));
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
