//! Edges that the examples of the README do not show.

use std::collections::HashMap;

use envoy_types::pb::envoy::config::common::mutation_rules::v3::{
    HeaderMutation, header_mutation::Action,
};
use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::route::v3::route_action::ClusterSpecifier;
use envoy_types::pb::envoy::extensions::filters::http::header_mutation::v3::{
    HeaderMutation as FilterConfig, HeaderMutationPerRoute, Mutations,
};
use envoy_types::pb::google::protobuf::Any;
use fg_api::http_route::{HttpHeader, HttpHeaderFilter};
use fg_base::Text;

use super::{Changes, Ir, translate};
use crate::envoy::testing::{SITE, accepted, forward, route, said, set, shared, written_alone};
use prost::Message as _;

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn filter(set: Pairs<'_>, add: Pairs<'_>, remove: &[&str]) -> HttpHeaderFilter {
    let headers = |pairs: Pairs<'_>| {
        let header = |(name, value): &(&str, &str)| HttpHeader {
            name: (*name).into(),
            value: (*value).into(),
        };
        pairs.iter().map(header).collect()
    };
    HttpHeaderFilter {
        set: headers(set),
        add: headers(add),
        remove: remove.iter().map(|&name| name.into()).collect(),
    }
}

fn changes(set: Pairs<'_>, add: Pairs<'_>, remove: &[&str]) -> Changes {
    let pairs = |pairs: Pairs<'_>| {
        let pair = |(name, value): &(&str, &str)| (Text::from(*name), Text::from(*value));
        pairs.iter().map(pair).collect()
    };
    Changes {
        set: pairs(set),
        add: pairs(add),
        remove: remove.iter().map(|&name| name.into()).collect(),
    }
}

#[test]
fn the_first_of_two_equal_names_counts_whatever_its_case() {
    let written = filter(
        &[("X-A", "1"), ("x-a", "2"), ("X-B", "3")],
        &[("X-A", "4"), ("X-a", "5")],
        &["X-C", "x-c"],
    );
    let mut findings = Vec::new();
    let ir = translate(Some(&written), None, &mut findings).expect("changes");
    assert_eq!(
        ir.request,
        changes(&[("x-a", "1"), ("x-b", "3")], &[("x-a", "4")], &["x-c"])
    );
    assert!(findings.is_empty(), "{findings:?}");
}

#[test]
fn blanks_around_a_value_are_no_part_of_it() {
    let written = filter(&[("a", " \tb c\t ")], &[("d", "é"), ("e", "")], &[]);
    let ir = translate(None, Some(&written), &mut Vec::new()).expect("changes");
    assert_eq!(
        ir.response,
        changes(&[("a", "b c")], &[("d", "é"), ("e", "")], &[])
    );
}

#[test]
fn what_cannot_be_sent_is_reported_and_left_out() {
    let written = filter(
        &[
            ("a b", "1"),
            ("ok", "1"),
            ("bad", "1\r\nevil: 2"),
            ("", "1"),
        ],
        &[("Host", "x"), ("Content-Length", "0"), ("nul", "\0")],
        &["transfer-encoding", "é", "gone"],
    );
    let mut findings = Vec::new();
    let ir = translate(Some(&written), None, &mut findings);
    let expected = Ir {
        request: changes(&[("ok", "1")], &[], &["gone"]),
        response: Changes::default(),
    };
    assert_eq!(ir, Some(expected));
    let places: Vec<&str> = findings.iter().map(|(place, ..)| place.as_str()).collect();
    let fields = [
        "set[0].name",
        "set[2].value",
        "set[3].name",
        "add[0].name",
        "add[1].name",
        "add[2].value",
        "remove[0]",
        "remove[1]",
    ];
    assert_eq!(
        places,
        fields.map(|field| format!("requestHeaderModifier.{field}"))
    );
}

#[test]
fn nothing_left_is_no_policy() {
    let written = filter(&[("host", "x")], &[], &[]);
    assert_eq!(translate(Some(&written), None, &mut Vec::new()), None);
    assert_eq!(translate(None, None, &mut Vec::new()), None);
}

fn with_credentials() -> Ir {
    Ir {
        request: changes(
            &[("authorization", "Bearer hunter2"), ("x-team", "blue")],
            &[("x-api-key", "hunter2")],
            &["cookie"],
        ),
        response: changes(&[("set-cookie", "id=hunter2")], &[], &[]),
    }
}

#[test]
fn serialized_it_keeps_credentials_to_itself() {
    let text = serde_saphyr::to_string(&with_credentials()).expect("it serializes");
    assert!(!text.contains("hunter2"), "{text}");
    for kept in ["authorization", "x-api-key", "set-cookie", "blue"] {
        assert!(text.contains(kept), "{text}");
    }
    assert_eq!(text.matches("[redacted]").count(), 3, "{text}");
}

#[cfg(feature = "native")]
#[test]
fn described_it_keeps_credentials_to_itself_and_sends_them() {
    use fg_exchange::{Facts, Part, Request, Scheme};

    let parts = super::native::build(&with_credentials());
    let Some(Part::Filter(filter)) = parts.first() else {
        panic!("header changes are a filter");
    };
    assert_eq!(
        filter.describe(),
        "request headers: remove cookie, set authorization: [redacted], set x-team: blue, \
         add x-api-key: [redacted]; response headers: set set-cookie: [redacted]"
    );
    let mut request = Request::new();
    let facts = Facts {
        client: [127, 0, 0, 1].into(),
        scheme: Scheme::Http,
        listener_port: 80,
        matched_prefix: None,
    };
    filter.request(&mut request, &facts);
    let sent = request.head.get_named("authorization");
    assert_eq!(sent, Some(&b"Bearer hunter2"[..]));
}

/// `-name`, `name=value` (replaces) and `name+value`, in the order in which Envoy does it.
fn words(changes: &[HeaderMutation]) -> Vec<String> {
    let word = |change: &HeaderMutation| match change.action.as_ref().expect("an action") {
        Action::Remove(name) => format!("-{name}"),
        Action::Append(option) => {
            assert!(option.keep_empty_value);
            let header = option.header.as_ref().expect("a header");
            let sign = match option.append_action() {
                HeaderAppendAction::OverwriteIfExistsOrAdd => '=',
                HeaderAppendAction::AppendIfExistsOrAdd => '+',
                other => panic!("{other:?}"),
            };
            format!("{}{sign}{}", header.key, header.value)
        }
        Action::RemoveOnMatch(_) => panic!("nothing asks for that"),
    };
    changes.iter().map(word).collect()
}

fn mutations(filters: &HashMap<String, Any>, name: &str) -> Mutations {
    let here: HeaderMutationPerRoute = said(filters, name).expect("changes");
    here.mutations.expect("changes")
}

#[test]
fn envoy_makes_the_same_changes_in_the_same_order() {
    let yaml = "
filters:
- type: RequestHeaderModifier
  requestHeaderModifier:
    add: [{name: X-Team, value: green}, {name: X-Empty, value: ''}]
    set: [{name: X-Team, value: '100% blue %REQ(a)%'}]
    remove: [X-Team]
- type: ResponseHeaderModifier
  responseHeaderModifier: {remove: [server]}
";
    let written = accepted(yaml, SITE);
    let filters = &written.route.typed_per_filter_config;
    let request = mutations(filters, "header_modifier/request").request_mutations;
    assert_eq!(
        words(&request),
        [
            "-x-team",
            "x-team=100%% blue %%REQ(a)%%",
            "x-team+green",
            "x-empty+"
        ]
    );
    let reply = mutations(filters, "header_modifier/response").response_mutations;
    assert_eq!(words(&reply), ["-server"]);
    // Requests: the backend's changes last; replies: first.
    let filters = written.notes.filters.iter();
    let order = filters.map(|filter| {
        let config = FilterConfig::decode(filter.config.value.as_slice()).expect("its message");
        (&*filter.name, config.most_specific_header_mutations_wins)
    });
    let expected = [
        ("header_modifier/request", true),
        ("header_modifier/response", false),
    ];
    assert_eq!(order.collect::<Vec<_>>(), expected);
}

#[test]
fn a_backends_changes_stand_in_its_share_on_envoy() {
    let changes =
        set("filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [x-a]}}]");
    let (share, outcome) = shared(&changes);
    assert!(!outcome.wants_own, "a share can say that");
    let request = mutations(&share.typed_per_filter_config, "header_modifier/request");
    assert_eq!(words(&request.request_mutations), ["-x-a"]);
    let own = written_alone(&changes, route());
    assert_eq!(
        own.route.typed_per_filter_config.len(),
        0,
        "beside the rule's, not in its place"
    );
    let Some(ClusterSpecifier::WeightedClusters(weighted)) = &forward(&own.route).cluster_specifier
    else {
        panic!("{:?}", own.route);
    };
    assert_eq!(weighted.clusters[0].typed_per_filter_config.len(), 1);
}
