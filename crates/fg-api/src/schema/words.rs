//! Each pattern of the schema in words, so that a finding says what is right instead of showing a
//! regular expression.

/// Pattern → what a value must be. A test holds this to be complete.
const WORDS: &[(&str, &str)] = &[
    (
        r"(^\*$)|(^(http(s)?):\/\/(((\*\.)?([a-zA-Z0-9\-]+\.)*[a-zA-Z0-9-]+|\*)(:([0-9]{1,5}))?)$)",
        "an origin such as `https://shop.example.com`, `https://*.example.com:8443`, or `*`",
    ),
    (
        r"^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        "an API group such as `gateway.networking.k8s.io`, or empty for the core group",
    ),
    (
        r"^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$",
        "a path of letters, digits, `-._~!$&'()*+,;=:@/`, and `%` with two hexadecimal digits",
    ),
    (
        r"^([0-9]{1,5}(h|m|s|ms)){1,4}$",
        "a duration of whole numbers with units, such as `10s`, `1m30s`, or `500ms`",
    ),
    (
        r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        "a DNS name in lower-case letters, digits and `-`, with `*` only as the whole first label",
    ),
    (
        r"^Hostname|IPAddress|NamedAddress|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+$",
        "`IPAddress`, `Hostname`, or an own type such as `example.com/pool`",
    ),
    (
        r"^[!-~]+([\t ]?[!-~]+)*$",
        "visible ASCII characters, with single blanks only between them",
    ),
    (
        r"^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$",
        "a name of letters, digits and `!#$%&'*+-.^_|~`, without blanks or colons",
    ),
    (
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "a DNS label: lower-case letters, digits and `-`, with a letter or digit at both ends",
    ),
    (
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        "a DNS name: labels of lower-case letters, digits and `-`, joined by dots",
    ),
    (
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+$",
        "a domain and a path, such as `ferrogate.dev/gateway`",
    ),
    (
        r"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9]+$",
        "a protocol such as `HTTP`, `HTTPS`, `TLS`, `TCP`, `UDP`, or an own one such as `example.com/quic`",
    ),
    (
        r"^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$",
        "a kind such as `Service`: letters, digits and `-`, starting with a letter",
    ),
    (
        r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$",
        "a label value: letters, digits and `-_.`, with a letter or digit at both ends",
    ),
    (r"^[-._a-zA-Z0-9]+$", "a key of letters, digits and `-._`"),
    (
        r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$",
        "a name of up to 63 characters with an optional domain before it, such as `kubernetes.io/h2c`",
    ),
    (
        r"^(([^:/?#]+):)(//([^/?#]*))([^?#]*)(\?([^#]*))?(#(.*))?",
        "a URI with a scheme and a host, such as `spiffe://cluster.example/ns/shop/sa/cart`",
    ),
    (
        r"^(System|([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]))$",
        "`System`, or an own name such as `example.com/authorities`",
    ),
];

/// What a value must be to fit the pattern.
pub(crate) fn words(pattern: &str) -> Option<&'static str> {
    let found = WORDS.iter().find(|(source, _)| *source == pattern);
    found.map(|(_, words)| *words)
}

#[cfg(test)]
mod tests {
    use super::super::catalog::catalog;
    use super::super::node::Node;
    use super::*;

    fn patterns<'a>(node: &'a Node, found: &mut Vec<&'a str>) {
        found.extend(node.pattern.as_ref().map(|pattern| pattern.source.as_str()));
        node.properties
            .values()
            .for_each(|below| patterns(below, found));
        node.items
            .iter()
            .chain(&node.values)
            .for_each(|below| patterns(below, found));
    }

    #[test]
    fn every_pattern_has_words() {
        let mut found = Vec::new();
        for kind in catalog().kinds() {
            patterns(&kind.schema, &mut found);
        }
        assert!(found.len() > 50);
        for pattern in found {
            assert!(words(pattern).is_some(), "no words for {pattern}");
        }
    }
}
