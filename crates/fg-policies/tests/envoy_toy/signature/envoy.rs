//! What Envoy is told.

use envoy_types::pb::envoy::config::common::mutation_rules::v3::{
    HeaderMutation as Change, header_mutation::Action,
};
use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::extensions::filters::http::header_mutation::v3::{
    HeaderMutation, HeaderMutationPerRoute, Mutations,
};
use fg_policies::Around;
use fg_policies::envoy::{Sink, Standing, pack};

use super::Ir;

/// Writes the policy.
pub(crate) fn map(ir: &Ir, sink: &mut Sink<'_>) {
    if let Some(why) = ir.lacks_on_envoy(Around::default()) {
        sink.refuse(why);
        return;
    }
    let append = Action::Append(HeaderValueOption {
        header: Some(HeaderValue {
            key: "x-rule".to_owned(),
            value: ir.0.clone(),
            raw_value: Vec::new(),
        }),
        ..HeaderValueOption::default()
    });
    let here = HeaderMutationPerRoute {
        mutations: Some(Mutations {
            request_mutations: vec![Change {
                action: Some(append),
            }],
            ..Mutations::default()
        }),
    };
    sink.http_filter("signature", &HeaderMutation::default(), &here);
}

/// The filter of all who use it.
pub(crate) fn standing() -> Vec<Standing> {
    vec![("signature", pack(&HeaderMutation::default()))]
}
