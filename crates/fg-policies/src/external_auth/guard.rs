//! On Envoy nothing passes that was not asked about.
//!
//! The filter that asks is put into chains on demand, and Envoy passes over what a route says to a
//! filter that its chain lacks: while an edit is under way, on connections that are about to end,
//! and where only one of the two was refused. So two more filters stand behind it, and a route
//! switches all three on:
//!
//! - one that comes and goes with the asking one, in the same version of a chain: it notes that a
//!   request came past it, which only those do that were allowed;
//! - one that is in every chain, and refuses what has no such note.
//!
//! The note is metadata of the request in Envoy; neither clients nor services can write it.

use std::collections::HashMap;

use envoy_types::pb::envoy::config::rbac::v3::{
    MetadataSource, Permission, Policy, Principal, Rbac as Rules, SourcedMetadata,
    permission::Rule, principal::Identifier, rbac::Action,
};
use envoy_types::pb::envoy::config::route::v3::FilterConfig;
use envoy_types::pb::envoy::extensions::filters::http::rbac::v3::{Rbac, RbacPerRoute};
use envoy_types::pb::envoy::extensions::filters::http::set_metadata::v3::{Config, Metadata};
use envoy_types::pb::envoy::r#type::matcher::v3::{
    MetadataMatcher, ValueMatcher,
    metadata_matcher::{PathSegment, path_segment::Segment},
    value_matcher::MatchPattern,
};
use envoy_types::pb::google::protobuf::{Any, Struct, Value, value::Kind};

use crate::envoy::{GUARD, Sink};

/// Sorts behind the filters that ask, and those that note it.
pub(super) const NAME: &str = "external_auth/guard";
/// What it says of a request that it refuses: the reason that the gateway has for it.
const REFUSED: &str = "auth_unavailable";
/// The note.
const ALLOWED: &str = "allowed";

/// Lets nothing of a route pass but what the filter with this hash allowed.
pub(super) fn demand(hash: u64, sink: &mut Sink<'_>) {
    let name = format!("{GUARD}{hash:016x}");
    let note = Config {
        metadata: vec![Metadata {
            metadata_namespace: name.clone(),
            value: Some(Struct {
                fields: HashMap::from([(
                    ALLOWED.to_owned(),
                    Value {
                        kind: Some(Kind::BoolValue(true)),
                    },
                )]),
            }),
            ..Metadata::default()
        }],
        ..Config::default()
    };
    // It has nothing to say for a route; this switches it on.
    let on = FilterConfig {
        config: Some(Any::default()),
        ..FilterConfig::default()
    };
    let guard = RbacPerRoute {
        rbac: Some(denying(unless_noted(&name))),
    };
    sink.http_filter(name, &note, &on);
    sink.http_filter(NAME, &nobody(), &guard);
}

/// The filter as it stands in chains: where it is on and nobody says what it asks for, nothing
/// passes.
pub(super) fn nobody() -> Rbac {
    denying(Rule::Any(true))
}

/// A request without the note.
fn unless_noted(name: &str) -> Rule {
    let noted = MetadataMatcher {
        filter: name.to_owned(),
        path: vec![PathSegment {
            segment: Some(Segment::Key(ALLOWED.to_owned())),
        }],
        value: Some(ValueMatcher {
            match_pattern: Some(MatchPattern::BoolMatch(true)),
        }),
        ..MetadataMatcher::default()
    };
    let noted = Permission {
        rule: Some(Rule::SourcedMetadata(SourcedMetadata {
            metadata_matcher: Some(noted),
            metadata_source: MetadataSource::Dynamic.into(),
        })),
    };
    Rule::NotRule(Box::new(noted))
}

/// Refuses these requests. The name of the policy stands in the details of the answer.
fn denying(requests: Rule) -> Rbac {
    let policy = Policy {
        permissions: vec![Permission {
            rule: Some(requests),
        }],
        principals: vec![Principal {
            identifier: Some(Identifier::Any(true)),
        }],
        ..Policy::default()
    };
    Rbac {
        rules: Some(Rules {
            action: Action::Deny.into(),
            policies: HashMap::from([(REFUSED.to_owned(), policy)]),
            ..Rules::default()
        }),
        ..Rbac::default()
    }
}
