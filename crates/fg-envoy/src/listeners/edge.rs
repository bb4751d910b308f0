//! What is done to every request before and after everything else: what a client may not say is
//! dropped, what Envoy says to itself does not leave, and ambiguous paths are refused.

use std::collections::HashMap;

use envoy_types::pb::envoy::config::common::mutation_rules::v3::{
    HeaderMutation,
    header_mutation::{Action, RemoveOnMatch},
};
use envoy_types::pb::envoy::config::core::v3::{
    DataSource, HeaderValue, HeaderValueOption, data_source::Specifier,
    header_value_option::HeaderAppendAction,
};
use envoy_types::pb::envoy::config::rbac::v3::{
    Permission, Policy, Principal, Rbac as Rules, permission::Rule, principal::Identifier,
    rbac::Action as Then,
};
use envoy_types::pb::envoy::config::route::v3::{
    HeaderMatcher, header_matcher::HeaderMatchSpecifier,
};
use envoy_types::pb::envoy::extensions::filters::http::header_mutation::v3::{
    HeaderMutation as Filter, Mutations,
};
use envoy_types::pb::envoy::extensions::filters::http::lua::v3::Lua;
use envoy_types::pb::envoy::extensions::filters::http::rbac::v3::Rbac;
use envoy_types::pb::envoy::r#type::matcher::v3::{
    RegexMatcher, StringMatcher, string_matcher::MatchPattern,
};
use envoy_types::pb::google::protobuf::Any;
use fg_policies::envoy::pack;

use crate::values::flag;

/// The name of the rule in [`path`]; stands in the details of the answer.
pub(super) const BAD_PATH: &str = "bad_path";

/// Fields by which a client could claim another address, host, scheme or path, besides
/// `X-Forwarded-…`. Those of `fg_proxy`'s `serve/trust.rs`.
const CLAIMS: [&str; 8] = [
    "forwarded",
    "true-client-ip",
    "x-client-ip",
    "x-original-host",
    "x-original-url",
    "x-real-ip",
    "x-request-id",
    "x-rewrite-url",
];

/// Fields that Envoy writes into requests.
const OWN: [&str; 2] = ["x-envoy-external-address", "x-envoy-internal"];

/// A path that can be read in one way only, and any query. Source: `fg_model::path`. Envoy has made
/// it canonical before; what it made of `\` is no longer seen: `/`.
const GOOD_PATH: &str = concat!(
    "(?s)/(?:[!-\"$&->@-\\[\\]-~]",
    "|%(?:0[1-9A-Fa-f]|2[0-9A-Ea-e]|5[0-9ABDEFabdef]|[1346-9A-Fa-f][0-9A-Fa-f]))*",
    "(?:\\?.*)?",
);

/// What is done to the head of a request before Envoy looks at it.
pub(super) fn arriving() -> Vec<HeaderMutation> {
    let claims = CLAIMS.map(|name| Action::Remove(name.to_owned()));
    let forwarded = Action::RemoveOnMatch(RemoveOnMatch {
        key_matcher: Some(StringMatcher {
            match_pattern: Some(MatchPattern::Prefix("x-forwarded-".to_owned())),
            ..Default::default()
        }),
    });
    let told = [
        ("x-forwarded-host", "%REQ(:authority)%"),
        // Envoy would write its own address for a client on the same machine.
        (
            "x-forwarded-for",
            "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
        ),
    ];
    let told = told.map(|(name, value)| Action::Append(set(name, value)));
    mutations(claims.into_iter().chain([forwarded]).chain(told))
}

/// Drops what Envoy wrote for itself.
pub(super) fn leaving() -> Any {
    let own = OWN.map(|name| Action::Remove(name.to_owned()));
    pack(&Filter {
        mutations: Some(Mutations {
            request_mutations: mutations(own),
            ..Default::default()
        }),
        ..Default::default()
    })
}

/// Refuses paths that two readers could read in two ways.
pub(super) fn path() -> Any {
    let good = HeaderMatcher {
        name: ":path".to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(StringMatcher {
            match_pattern: Some(MatchPattern::SafeRegex(RegexMatcher {
                regex: GOOD_PATH.to_owned(),
                ..Default::default()
            })),
            ..Default::default()
        })),
        ..Default::default()
    };
    let good = Permission {
        rule: Some(Rule::Header(good)),
    };
    let bad = Policy {
        permissions: vec![Permission {
            rule: Some(Rule::NotRule(Box::new(good))),
        }],
        principals: vec![Principal {
            identifier: Some(Identifier::Any(true)),
        }],
        ..Default::default()
    };
    pack(&Rbac {
        rules: Some(Rules {
            action: Then::Deny as i32,
            policies: HashMap::from([(BAD_PATH.to_owned(), bad)]),
            ..Default::default()
        }),
        ..Default::default()
    })
}

/// Where clients are let in whose certificates do not hold, backends are told nothing of these.
pub(super) fn unknown_clients() -> Any {
    let code = "function envoy_on_request(handle)\n\
        \x20 local tls = handle:connection():ssl()\n\
        \x20 if tls == nil or not tls:peerCertificateValidated() then\n\
        \x20   handle:headers():remove(\"x-forwarded-client-cert\")\n\
        \x20 end\n\
        end\n";
    pack(&Lua {
        default_source_code: Some(DataSource {
            specifier: Some(Specifier::InlineString(code.to_owned())),
            ..Default::default()
        }),
        clear_route_cache: flag(false),
        ..Default::default()
    })
}

fn mutations(actions: impl IntoIterator<Item = Action>) -> Vec<HeaderMutation> {
    let actions = actions.into_iter();
    actions
        .map(|action| HeaderMutation {
            action: Some(action),
        })
        .collect()
}

/// Writes a field, over what is there.
pub(super) fn set(name: &str, value: &str) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue {
            key: name.to_owned(),
            value: value.to_owned(),
            ..Default::default()
        }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd as i32,
        ..Default::default()
    }
}
