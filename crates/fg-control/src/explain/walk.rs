//! The way of a request, step by step, as the proxy goes it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use fg_exchange::{
    Facts, Filter, LocalReply, Method, Part, Reason, Request, Setting, Verdict, grpc,
};
use fg_ir::{
    Action, BackendKey, BackendKind, BackendProtocol, Ir, RouteKind, Rule, RuleBackend, Target,
};
use fg_model::secret::{REDACTED, is_secret, shown};
use fg_model::{HostPattern, Match, Origin, Plane};
use fg_policies::traffic;
use fg_router::ListenerTable;

use super::owner::{self, Owned};
use super::words::of_match;
use super::{
    Answer, BackendStep, Explanation, Hint, PolicyStep, Question, RuleStep, Source, choose, envoy,
    misses, name_of, rivals, tls,
};

/// The most other matches, near misses and findings that an explanation lists.
pub(super) const LISTED: usize = 10;

/// Explains what happens to a request under a configuration.
///
/// Cost: compiles the tables of the whole configuration.
pub fn explain(ir: &Ir, question: &Question<'_>) -> Explanation {
    let mut explanation = walk(ir, question);
    if grpc::is_call(&(question.request)()) {
        let of_backends = explanation.backends.iter_mut();
        let answers = of_backends.flat_map(|step| &mut step.answer);
        for answer in answers.chain(&mut explanation.answer) {
            answer.grpc = code(answer);
        }
    }
    explanation
}

/// What a caller of a gRPC method gets; `None` when it is no error.
fn code(answer: &Answer) -> Option<String> {
    let mut reasons = Reason::ALL.iter();
    let reason = reasons.find(|reason| reason.text() == answer.reason);
    let code = match reason {
        Some(reason) => grpc::code_of(*reason),
        None if answer.status >= 400 => grpc::code_of_status(answer.status),
        None => return None,
    };
    Some(format!("{} {}", code.digits(), code.text()))
}

fn walk(ir: &Ir, question: &Question<'_>) -> Explanation {
    let request = (question.request)();
    let mut explanation = Explanation {
        method: lossy(request.method_text()),
        host: lossy(request.authority()),
        path: target(&request),
        ..Explanation::default()
    };
    let router = choose::router(ir);
    let table = match choose::listener(&router, question, &request, &mut explanation) {
        Ok(table) => table,
        Err(answer) => {
            explanation.answer = Some(answer);
            misses::suspects(ir, None, question, &request, &mut explanation);
            return explanation;
        }
    };
    let listener = choose::step(table.listener(), question);
    let plane = listener.plane;
    explanation.listener = Some(listener);
    let routed = as_routed(&table, question, &mut explanation);
    let Some(owned) = owner::find(&table, plane, question, &routed, &mut explanation) else {
        explanation.answer = Some(refused(Reason::NoRoute, Reason::NoRoute.words()));
        misses::near(&table, question, &request, &mut explanation);
        misses::suspects(
            ir,
            Some(table.listener()),
            question,
            &request,
            &mut explanation,
        );
        return explanation;
    };
    let Owned {
        rule,
        facts,
        closed,
        ..
    } = &owned;
    let chain = Chain::new(&rule.policies, &rule.origin, question);
    explanation.policies.clone_from(&chain.steps);
    misses::of_rule(rule, question, &mut explanation);
    let host = lossy(request.host());
    rivals::tell(
        ir,
        table.listener(),
        &owned,
        &host,
        question,
        &mut explanation,
    );
    misses::of_plane(table.listener(), rule, question, &mut explanation);
    if plane == Plane::Envoy
        && let Some(answer) = envoy::of_rule(rule, *closed)
    {
        explanation.answer = Some(answer);
        return explanation;
    }
    let mut passed = announced(question);
    if let Some(answer) = chain.run(&mut passed, facts) {
        explanation.answer = Some(answer);
        return explanation;
    }
    match &rule.action {
        Action::Refuse(refusal) => {
            explanation.answer = Some(refused(fg_router::reason(refusal.kind), &refusal.text));
            explanation.hints.push(Hint {
                text: refusal.text.to_string(),
                source: Some(question.source(&rule.origin)),
            });
        }
        Action::Forward(backends) => {
            let total: u64 = backends.iter().map(|b| u64::from(b.weight)).sum();
            for backend in backends {
                let closed = (plane == Plane::Envoy)
                    .then(|| envoy::of_backend(rule, backend))
                    .flatten();
                let way = Way {
                    kind: rule.kind,
                    chain: &chain,
                    facts,
                    closed,
                    total,
                };
                let step = backend_step(ir, question, way, backend);
                if let Some(answer) = step.answer.as_ref().filter(|_| backend.weight > 0) {
                    explanation.hints.push(Hint {
                        text: answer.why.clone(),
                        source: Some(step.source.clone()),
                    });
                }
                explanation.backends.push(step);
            }
            if let [only] = explanation.backends.as_slice() {
                explanation.answer.clone_from(&only.answer);
            }
        }
    }
    explanation
}

/// The request as it is routed: as it came, unless it is a preflight that the rule of the method
/// asked about answers.
fn as_routed(
    table: &ListenerTable<Arc<Rule>>,
    question: &Question<'_>,
    explanation: &mut Explanation,
) -> Request {
    let mut request = (question.request)();
    let Some(asked) = request.preflight_method().map(<[u8]>::to_vec) else {
        return request;
    };
    let own = table.find(&request).map(|found| &found.rule.key);
    let found = table.find_preflight(&mut request, &asked, |rule| rule.policies.cors.is_some());
    if found.map(|found| &found.rule.key) != own {
        explanation.notes.push(format!(
            "a CORS preflight: the rule of the method that it asks about, {}, answers",
            lossy(&asked)
        ));
        let text = request.head.keep(&asked);
        request.set_method(Method::resolve(&asked), text);
    }
    request
}

/// The request as the rule's policies get it.
fn announced(question: &Question<'_>) -> Request {
    let mut request = (question.request)();
    (question.announce)(&mut request);
    request
}

pub(super) fn rule_step(
    question: &Question<'_>,
    rule: &Rule,
    match_index: u32,
    matched: &Match,
    hostname: &HostPattern,
) -> RuleStep {
    RuleStep {
        kind: rule.key.route.kind.to_string(),
        route: name_of(&rule.key.route),
        rule: rule.key.rule,
        name: rule.name.as_deref().map(str::to_owned),
        match_index,
        matches: of_match(matched),
        hostname: hostname.to_string(),
        source: question.source(&rule.origin),
    }
}

/// The parts of one place's policies, and what they do in words.
struct Chain {
    steps: Vec<PolicyStep>,
    filters: Vec<(&'static str, Box<dyn Filter>)>,
}

impl Chain {
    fn new(policies: &traffic::Set, origin: &Origin, question: &Question<'_>) -> Self {
        let mut chain = Self {
            steps: Vec::new(),
            filters: Vec::new(),
        };
        for (meta, part) in policies.chain() {
            let does = match &part {
                Part::Filter(filter) => filter.describe(),
                Part::Waiting(filter) => filter.describe(),
                Part::Body(filter) => filter.describe(),
                Part::Session(session) => format!("keeps a client at one endpoint {session}"),
                Part::Settings(settings) => {
                    let words: Vec<_> = settings.iter().filter_map(setting).collect();
                    words.join(", ")
                }
            };
            chain.steps.push(PolicyStep {
                policy: meta.name.to_owned(),
                does,
                sources: sources(policies, meta.name, origin, question),
            });
            if let Part::Filter(filter) = part {
                chain.filters.push((meta.name, filter));
            }
        }
        chain
    }

    /// Leads a request through; gives the answer of the filter that answers.
    fn run(&self, request: &mut Request, facts: &Facts) -> Option<Answer> {
        for (name, filter) in &self.filters {
            if let Verdict::Reply(reply) = filter.request(request, facts) {
                return Some(replied(name, &reply));
            }
        }
        None
    }
}

/// Where a policy is written; of one that nobody noted, the place as a whole.
fn sources(
    policies: &traffic::Set,
    name: &str,
    place: &Origin,
    question: &Question<'_>,
) -> Vec<Source> {
    let written = policies.origins_of(name);
    let mut sources: Vec<_> = written.map(|origin| question.source(origin)).collect();
    if sources.is_empty() {
        sources.push(question.source(place));
    }
    sources
}

fn setting(setting: &Setting) -> Option<String> {
    let (what, limit) = match setting {
        Setting::RequestTimeout(limit) => ("the whole exchange", limit),
        Setting::BackendRequestTimeout(limit) => ("one try", limit),
        Setting::Retries(retries) => return Some(format!("retries: {retries}")),
        Setting::Mirrors(mirrors) => {
            let words: Vec<_> = mirrors.iter().map(ToString::to_string).collect();
            return Some(format!("copies {}", words.join("; ")));
        }
    };
    let limit: Duration = (*limit)?;
    Some(format!("at most {limit:?} for {what}"))
}

/// What a request has behind it when a backend is drawn.
struct Way<'a> {
    kind: RouteKind,
    /// The rule's policies.
    chain: &'a Chain,
    facts: &'a Facts,
    /// What is answered instead of sending it to the backend, as far as the data plane is concerned.
    closed: Option<Answer>,
    /// The weights of all backends.
    total: u64,
}

fn backend_step(
    ir: &Ir,
    question: &Question<'_>,
    way: Way<'_>,
    backend: &RuleBackend,
) -> BackendStep {
    let share = u64::from(backend.weight) * 10_000 / way.total.max(1);
    let chain = Chain::new(&backend.policies, &backend.origin, question);
    let mut step = BackendStep {
        backend: String::new(),
        weight: backend.weight,
        share: u32::try_from(share).unwrap_or(10_000),
        endpoints: Vec::new(),
        tls: None,
        policies: chain.steps.clone(),
        answer: None,
        sent: Vec::new(),
        source: question.source(&backend.origin),
    };
    match &backend.target {
        Target::Broken(refusal) => {
            step.answer = Some(refused(fg_router::reason(refusal.kind), &refusal.text));
        }
        Target::Backend(key) => {
            step.backend = key.to_string();
            step.endpoints = endpoints(ir, key);
            let tls = ir.backends.get(key).map(|found| tls::step(found, question));
            let closed = match tls {
                Some(Ok(tls)) => {
                    step.tls = tls;
                    None
                }
                Some(Err(refusal)) => Some(refused(fg_router::reason(refusal.kind), &refusal.text)),
                None => None,
            };
            let mut request = announced(question);
            step.answer = way
                .chain
                .run(&mut request, way.facts)
                .or(way.closed)
                .or_else(|| chain.run(&mut request, way.facts))
                .or(closed);
            if step.answer.is_none() && step.endpoints.is_empty() {
                let why = format!("{key} has no ready endpoint");
                step.answer = Some(refused(Reason::NoEndpoints, &why));
            }
            if step.answer.is_none() {
                let version = version(ir, key, way.kind);
                step.sent = lines(&request, &(question.request)(), version);
            }
        }
    }
    step
}

fn endpoints(ir: &Ir, key: &BackendKey) -> Vec<String> {
    match ir.backends.get(key).map(|backend| &backend.kind) {
        Some(BackendKind::Static(hosts)) => hosts
            .iter()
            .map(|host| format!("{}:{}", host.host, host.port))
            .collect(),
        Some(BackendKind::Endpoints) => ir
            .endpoints
            .get(key)
            .map(|endpoints| {
                endpoints
                    .addresses
                    .iter()
                    .map(ToString::to_string)
                    .collect()
            })
            .unwrap_or_default(),
        None => Vec::new(),
    }
}

/// The version by which a backend is called, as far as it is known before TLS has agreed on one.
fn version(ir: &Ir, key: &BackendKey, kind: RouteKind) -> &'static str {
    match (ir.backends.get(key).map(|backend| backend.protocol), kind) {
        (Some(BackendProtocol::Http2), _) | (Some(BackendProtocol::Auto), RouteKind::Grpc) => {
            "HTTP/2"
        }
        _ => "HTTP/1.1",
    }
}

/// The request as it is written to a backend, line by line. Credentials are shown only where they
/// are those of the question itself, not where a policy put them in.
fn lines(request: &Request, asked: &Request, version: &str) -> Vec<String> {
    let mut fields = Vec::new();
    request.head.write_fields(&mut fields);
    let first = format!(
        "{} {} {version}",
        lossy(request.method_text()),
        target(request)
    );
    let host = format!("Host: {}", lossy(request.authority()));
    let fields = lossy(&fields);
    let fields = fields.lines().map(|line| match line.split_once(": ") {
        Some((name, value)) if is_secret(name) => {
            let known = asked.head.get_all_named(name);
            let known = known.map(lossy).any(|known| known == value);
            format!("{name}: {}", if known { value } else { REDACTED })
        }
        _ => line.to_owned(),
    });
    [first, host].into_iter().chain(fields).collect()
}

/// Path and query.
fn target(request: &Request) -> String {
    let path = lossy(request.path());
    match request.query() {
        Some(query) => format!("{path}?{}", lossy(query)),
        None => path,
    }
}

pub(super) fn refused(reason: Reason, why: &str) -> Answer {
    Answer {
        status: reason.status(),
        reason: reason.text().to_owned(),
        grpc: None,
        why: why.to_owned(),
        headers: Vec::new(),
    }
}

fn replied(policy: &str, reply: &LocalReply) -> Answer {
    let header =
        |(name, value): &(Cow<'_, str>, Vec<u8>)| format!("{name}: {}", shown(name, &lossy(value)));
    Answer {
        status: reply.status,
        reason: String::new(),
        grpc: None,
        why: format!("{policy} answers"),
        headers: reply.headers.iter().map(header).collect(),
    }
}

pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
