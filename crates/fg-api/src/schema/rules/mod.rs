//! The rules that the schema holds as CEL expressions, written as functions.
//!
//! The generated schema keeps the text of each rule. [`TABLE`] maps texts to functions, so that a
//! new release of the Gateway API with a new or changed rule fails a test instead of passing in
//! silence. A text may hold `{}` for a word that several rules differ in; a very long text stands
//! as its digest.

mod backend_tls_policy;
mod gateway;
mod grpc_route;
mod http_route;
pub(super) mod shared;

#[cfg(test)]
mod tests;

use serde_json::Value;

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The field, relative to the node that has the rule; empty for the node itself.
    pub(crate) at: String,
    /// What is wrong.
    pub(crate) text: String,
    /// What to do.
    pub(crate) hint: Option<String>,
}

impl Broken {
    /// A rule broken at a field.
    pub(crate) fn new(at: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            text: text.into(),
            hint: None,
        }
    }

    /// The same with a word on what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Checks a value; gets the words that stood for `{}` in the text of the rule.
pub(crate) type Check = fn(&[String], &Value) -> Vec<Broken>;

/// A rule of one node.
#[derive(Debug)]
pub(crate) struct BoundRule {
    words: Vec<String>,
    check: Check,
}

impl BoundRule {
    /// What is broken; nothing when all is well.
    pub(crate) fn check(&self, value: &Value) -> Vec<Broken> {
        (self.check)(&self.words, value)
    }
}

/// Rules that are not checked, each with the reason.
#[cfg(test)]
const LEFT_OUT: &[(&str, &str)] = &[
    (
        "self == oldSelf",
        "an edit of a file counts as deleting and creating anew: there is no old object to differ from",
    ),
    (
        "self.type in ['Exact','PathPrefix'] || self.type == 'RegularExpression'",
        "the field's enum says the same",
    ),
];

/// Text of a rule, or `#` and its digest, and the function that checks it.
const TABLE: &[(&str, Check)] = &[
    // -- any object: one field decides about another ------------------------------------------------
    (
        "!(has(self.{}) && self.type != '{}')",
        shared::field_needs_type,
    ),
    (
        "!(!has(self.{}) && self.type == '{}')",
        shared::type_needs_field,
    ),
    (
        "!has(self.{}) || self.type == '{}'",
        shared::field_needs_type,
    ),
    (
        "self.type != '{}' || has(self.{})",
        shared::type_demands_field,
    ),
    (
        "self.type == '{}' ? has(self.{}) : true",
        shared::type_demands_field,
    ),
    (
        "has(self.{}) ? self.type == '{}' : true",
        shared::field_needs_type,
    ),
    (
        "self.protocol == '{}' ? has(self.{}) : true",
        shared::protocol_demands_field,
    ),
    (
        "has(self.{}) ? self.protocol == '{}' : true",
        shared::field_needs_protocol,
    ),
    (
        "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
        shared::service_needs_port,
    ),
    (
        "(self.group == 'gateway.networking.x-k8s.io' && self.kind == 'XBackend') ? !has(self.port) : true",
        shared::xbackend_has_no_port,
    ),
    // -- Gateway ------------------------------------------------------------------------------------
    (
        "self.all(a1, a1.type == '{}' && has(a1.value) ? self.exists_one(a2, a2.type == a1.type && has(a2.value) && a2.value == a1.value) : true )",
        gateway::distinct_addresses,
    ),
    // The same with two blanks.
    (
        "self.all(a1, a1.type == '{}'  && has(a1.value) ? self.exists_one(a2, a2.type == a1.type && has(a2.value) && a2.value == a1.value) : true )",
        gateway::distinct_addresses,
    ),
    ("#dc9aed16d2bf7acb", gateway::address_is_ip),
    ("#807bab06555fe0cf", gateway::address_is_hostname),
    ("#205a0d8cee79247c", gateway::routability),
    (
        r#"self.all(key, key.matches(r"""^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$"""))"#,
        gateway::label_keys,
    ),
    (
        r#"self.all(key, key.split("/")[0].size() < 253)"#,
        gateway::label_key_prefixes,
    ),
    (
        "self.all(l, l.protocol in ['HTTP', 'TCP', 'UDP'] ? !has(l.tls) : true)",
        gateway::no_tls_without_tls,
    ),
    (
        "self.all(l, (l.protocol == 'HTTPS' && has(l.tls)) ? (l.tls.mode == '' || l.tls.mode == 'Terminate') : true)",
        gateway::https_terminates,
    ),
    (
        "self.all(l, (l.protocol == 'TLS' ? has(l.tls) && has(l.tls.mode) && l.tls.mode != '' : true))",
        gateway::tls_has_mode,
    ),
    (
        "self.all(l, l.protocol in ['TCP', 'UDP']  ? (!has(l.hostname) || l.hostname == '') : true)",
        gateway::no_hostname_without_hosts,
    ),
    (
        "self.all(l1, self.exists_one(l2, l1.name == l2.name))",
        gateway::distinct_names,
    ),
    ("#5cbaab3901d454dd", gateway::distinct_listeners),
    ("#de8598ffdcc2eded", gateway::distinct_listeners),
    (
        "!has(self.filters) || self.protocol in ['HTTP', 'HTTPS']",
        gateway::filters_need_http,
    ),
    (
        "self.mode == 'Terminate' ? size(self.certificateRefs) > 0 || size(self.options) > 0 : true",
        gateway::terminate_needs_certificate,
    ),
    (
        "self.all(r, !(r.group == 'certificates.k8s.io' && r.kind == 'ClusterTrustBundle' && has(r.namespace)))",
        gateway::trust_bundle_has_no_namespace,
    ),
    (
        "self.all(t1, self.exists_one(t2, t1.port == t2.port))",
        gateway::distinct_ports,
    ),
    // -- BackendTLSPolicy ---------------------------------------------------------------------------
    (
        "#92c3ae32b1205e05",
        backend_tls_policy::sections_where_shared,
    ),
    ("#4a8ebb14164e1580", backend_tls_policy::distinct_targets),
    (
        "!(self.type == \"{}\" && (!has(self.{}) || self.{} == \"\"))",
        backend_tls_policy::name_has_field,
    ),
    (
        "!(self.type != \"{}\" && has(self.{}) && self.{} != \"\")",
        backend_tls_policy::name_has_no_other_field,
    ),
    (
        "(has(self.caCertificateRefs)?1:0)+(has(self.wellKnownCACertificates)?1:0) == 1",
        backend_tls_policy::one_source_of_authorities,
    ),
    // -- HTTPRoute ----------------------------------------------------------------------------------
    ("#56c185b58dae3fba", http_route::parents_told_apart),
    ("#841bb32eaa72f760", http_route::distinct_parents),
    (
        "self.all(l1, !has(l1.name) || self.exists_one(l2, has(l2.name) && l1.name == l2.name))",
        http_route::distinct_rule_names,
    ),
    ("#2534091be7b39932", http_route::number_of_matches),
    (
        "(has(self.backendRefs) && size(self.backendRefs) > 0) ? (!has(self.filters) || self.filters.all(f, !has(f.requestRedirect))): true",
        http_route::redirect_has_no_backends,
    ),
    ("#2ce9e34559718071", http_route::redirect_prefix),
    ("#ee7d2cf5cbc37697", http_route::rewrite_prefix),
    ("#9dee6e276087abb5", http_route::redirect_prefix_of_backends),
    ("#4fda199b96844c67", http_route::rewrite_prefix_of_backends),
    (
        "!(self.exists(f, f.type == 'RequestRedirect') && self.exists(f, f.type == 'URLRewrite'))",
        http_route::redirect_or_rewrite,
    ),
    (
        "self.filter(f, f.type == '{}').size() <= 1",
        http_route::filter_once,
    ),
    ("!('*' in self && self.size() > 1)", http_route::star_alone),
    (
        "!(has(self.percent) && has(self.fraction))",
        http_route::percent_or_fraction,
    ),
    (
        "self.numerator <= self.denominator",
        http_route::fraction_up_to_one,
    ),
    (
        "(self.type in ['Exact','PathPrefix']) ? self.value.startsWith('/') : true",
        http_route::path_is_absolute,
    ),
    (
        "(self.type in ['Exact','PathPrefix']) ? !self.value.contains('{}') : true",
        http_route::path_without,
    ),
    (
        "(self.type in ['Exact','PathPrefix']) ? !self.value.endsWith('{}') : true",
        http_route::path_does_not_end,
    ),
    (
        r#"(self.type in ['Exact','PathPrefix']) ? self.value.matches(r"""^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$""") : true"#,
        http_route::path_characters,
    ),
    (
        "!has(self.cookie) || !has(self.cookie.lifetimeType) || self.cookie.lifetimeType != 'Permanent' || has(self.absoluteTimeout)",
        http_route::permanent_cookie_ends,
    ),
    (
        "!(has(self.request) && has(self.backendRequest) && duration(self.request) != duration('0s') && duration(self.backendRequest) > duration(self.request))",
        http_route::backend_timeout_fits,
    ),
    // -- GRPCRoute ----------------------------------------------------------------------------------
    ("#1c29c322a7bd1784", http_route::number_of_matches),
    (
        "has(self.type) ? has(self.service) || has(self.method) : true",
        grpc_route::service_or_method,
    ),
    ("#3205a917243833e8", grpc_route::service_characters),
    ("#cc7ce3920beaf37b", grpc_route::method_characters),
];

/// The function for the text of a rule; `None` for one that is left out (or, which a test rules
/// out, unknown).
pub(crate) fn bind(text: &str) -> Option<BoundRule> {
    if let Some(check) = super::core_rules::find(text) {
        return Some(BoundRule {
            words: Vec::new(),
            check,
        });
    }
    let digest = format!("#{:016x}", digest(text));
    TABLE.iter().find_map(|(pattern, check)| {
        let words = match pattern.starts_with('#') {
            true => (*pattern == digest).then(Vec::new),
            false => words(pattern, text),
        }?;
        Some(BoundRule {
            words,
            check: *check,
        })
    })
}

/// The words that stand for `{}`, if the text fits the pattern.
fn words(pattern: &str, text: &str) -> Option<Vec<String>> {
    if pattern == text {
        return Some(Vec::new());
    }
    let mut parts = pattern.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut words = Vec::new();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let end = match parts.peek() {
            Some(_) => rest.find(part)?,
            None => rest
                .len()
                .checked_sub(part.len())
                .filter(|end| rest.is_char_boundary(*end))?,
        };
        let (word, more) = rest.split_at(end);
        rest = more.strip_prefix(part)?;
        if word.is_empty() || word.contains([' ', '\'']) {
            return None;
        }
        words.push(word.to_owned());
    }
    (!words.is_empty() && rest.is_empty()).then_some(words)
}

/// FNV-1a, 64 bits: the digest of a long text in [`TABLE`]. Source: RFC 9923.
fn digest(text: &str) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}
