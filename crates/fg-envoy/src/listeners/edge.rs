//! What is done to every request before and after everything else: what a client may not say is
//! dropped, what Envoy says to itself does not leave, and ambiguous hosts and paths are refused.

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
    Permission, Policy, Principal, Rbac as Rules,
    permission::{Rule, Set},
    principal::Identifier,
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
use fg_exchange::Name;
use fg_policies::envoy::pack;

use crate::values::flag;

/// The name of the rule in [`path`]; stands in the details of the answer.
pub(super) const BAD_PATH: &str = "bad_path";
/// The name of the rule in [`host`].
pub(super) const BAD_HOST: &str = "bad_host";
/// The name of the rule in [`expectation`].
pub(super) const EXPECTATION_FAILED: &str = "expectation_failed";

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
    "(?s)\\*|/(?:[!-\"$&->@-\\[\\]-~]",
    "|%(?:0[1-9A-Fa-f]|2[0-9A-Ea-e]|5[0-9ABDEFabdef]|[1346-9A-Fa-f][0-9A-Fa-f]))*",
    "(?:\\?.*)?",
);

/// A name, an IPv4 address or one of IPv6 in brackets, and perhaps a port. Source:
/// `fg_http::is_valid_authority`. Several fields `Host` are one with a comma by now.
const GOOD_HOST: &str = concat!(
    "(?:[A-Za-z0-9_~-]+(?:\\.[A-Za-z0-9_~-]+)*\\.?|\\[[0-9A-Fa-f:.]+\\])",
    "(?::(?:[0-9]{1,4}|[0-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?",
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

/// Drops what Envoy wrote for itself, and what a backend says behind a body of why the gateway
/// answered: in heads routes drop that.
pub(super) fn leaving() -> Any {
    let own = OWN.map(|name| Action::Remove(name.to_owned()));
    let reason = Action::Remove(Name::XFerrogateReason.text().to_owned());
    pack(&Filter {
        mutations: Some(Mutations {
            request_mutations: mutations(own),
            response_trailers_mutations: mutations([reason]),
            ..Default::default()
        }),
        ..Default::default()
    })
}

/// Refuses paths that two readers could read in two ways.
pub(super) fn path() -> Any {
    refusing(BAD_PATH, vec![lacking(":path", GOOD_PATH)])
}

/// Refuses hosts that are none.
pub(super) fn host() -> Any {
    refusing(BAD_HOST, vec![lacking(":authority", GOOD_HOST)])
}

/// Refuses what nobody knows how to meet.
pub(super) fn expectation() -> Any {
    let there = HeaderMatcher {
        name: "expect".to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::PresentMatch(true)),
        ..Default::default()
    };
    let there = Permission {
        rule: Some(Rule::Header(there)),
    };
    let all = vec![there, lacking("expect", "(?i)100-continue")];
    refusing(EXPECTATION_FAILED, all)
}

/// A field that is not in this form.
fn lacking(name: &str, form: &str) -> Permission {
    let good = HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(StringMatcher {
            match_pattern: Some(MatchPattern::SafeRegex(RegexMatcher {
                regex: form.to_owned(),
                ..Default::default()
            })),
            ..Default::default()
        })),
        ..Default::default()
    };
    let good = Permission {
        rule: Some(Rule::Header(good)),
    };
    Permission {
        rule: Some(Rule::NotRule(Box::new(good))),
    }
}

/// Refuses requests of which all of this is true. One rule a filter: several would be a map, which
/// is written in any order.
fn refusing(name: &str, all: Vec<Permission>) -> Any {
    let bad = Policy {
        permissions: vec![Permission {
            rule: Some(Rule::AndRules(Set { rules: all })),
        }],
        principals: vec![Principal {
            identifier: Some(Identifier::Any(true)),
        }],
        ..Default::default()
    };
    pack(&Rbac {
        rules: Some(Rules {
            action: Then::Deny as i32,
            policies: HashMap::from([(name.to_owned(), bad)]),
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
