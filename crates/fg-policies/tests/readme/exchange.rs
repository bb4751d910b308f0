//! One exchange through the chains of a rule, from lines to lines.

use std::borrow::Cow;

use fg_exchange::{
    Answer, Decision, Facts, Filter, Head, LocalReply, Method, Reply, Request, Scheme, Verdict,
    WaitingFilter,
};

use crate::markdown::Exchange;
use crate::rule::Compiled;

/// Names and values.
type Fields = Vec<(Cow<'static, str>, Vec<u8>)>;

/// What becomes of a request.
#[derive(Default)]
pub(crate) struct Outcome {
    /// What somebody is asked first; `None` when nobody is.
    pub(crate) call: Option<Vec<String>>,
    /// What the backend receives; `None` when a filter answers.
    pub(crate) backend: Option<Vec<String>>,
    /// What the client receives.
    pub(crate) reply: Vec<String>,
}

/// Sends an exchange's request through. Its `answer` is what the backend says, its `said` what
/// somebody says who is asked first; empty is a bare 200.
pub(crate) fn run(rule: &Compiled, exchange: &Exchange) -> Outcome {
    let (mut request, mut facts) = parse_request(&exchange.request);
    let path = String::from_utf8(request.path().to_vec()).expect("text");
    facts.matched_prefix = rule.matched_prefix(&path);
    let mut outcome = Outcome::default();
    let mut passed: Vec<&dyn Filter> = Vec::new();
    let mut more = Vec::new();
    let mut waiting = rule.waiting.iter().peekable();
    for (at, filter) in rule.filters.iter().chain(&rule.backend_filters).enumerate() {
        while let Some((_, filter)) = waiting.next_if(|(before, _)| *before == at) {
            match ask(&**filter, exchange, &mut request, &facts, &mut outcome) {
                Ok(fields) => more.extend(fields),
                Err(reply) => {
                    outcome.reply = back(&passed, reply, &request, &facts);
                    return outcome;
                }
            }
        }
        passed.push(&**filter);
        if let Verdict::Reply(local) = filter.request(&mut request, &facts) {
            outcome.reply = back(&passed, local_reply(*local), &request, &facts);
            return outcome;
        }
    }
    for (_, filter) in waiting {
        match ask(&**filter, exchange, &mut request, &facts, &mut outcome) {
            Ok(fields) => more.extend(fields),
            Err(reply) => {
                outcome.reply = back(&passed, reply, &request, &facts);
                return outcome;
            }
        }
    }
    outcome.backend = Some(request_lines(&request));
    let mut reply = parse_reply(&exchange.answer);
    for (name, value) in more {
        reply.head.append(&name, &value);
    }
    outcome.reply = back(&passed, reply, &request, &facts);
    outcome
}

/// Asks somebody first: fields for the reply, or the reply.
fn ask(
    filter: &dyn WaitingFilter,
    exchange: &Exchange,
    request: &mut Request,
    facts: &Facts,
    outcome: &mut Outcome,
) -> Result<Fields, Reply> {
    let Some(call) = filter.call(request, b"", facts) else {
        return Ok(Vec::new());
    };
    outcome.call = Some(request_lines(&call.head));
    let answer = Answer {
        reply: parse_reply(&exchange.said),
        body: Vec::new(),
        trailers: Vec::new(),
    };
    match filter.decide(request, Ok(answer), facts) {
        Decision::Continue(fields) => Ok(fields),
        Decision::Reply(local) => Err(local_reply(*local)),
        Decision::Fault(fault) => Err(local_reply(LocalReply {
            status: fault.reason.status(),
            ..LocalReply::default()
        })),
    }
}

/// Leads a reply back through the filters that the request passed.
fn back(passed: &[&dyn Filter], mut reply: Reply, request: &Request, facts: &Facts) -> Vec<String> {
    for filter in passed.iter().rev() {
        filter.reply(&mut reply, request, facts);
    }
    let mut lines = vec![format!("HTTP/1.1 {}", reply.status)];
    lines.extend(field_lines(&reply.head));
    lines
}

/// Reads `GET /path?query HTTP/1.1`, or with an absolute target, and the fields below. The scheme
/// is that of an absolute target; the listener's port that of the authority, or the scheme's.
fn parse_request(lines: &[String]) -> (Request, Facts) {
    let (first, fields) = lines.split_first().expect("a request has a first line");
    let mut words = first.split(' ');
    let mut word = || words.next().expect("method, target and version");
    let (method, target) = (word(), word());
    assert_eq!(word(), "HTTP/1.1");
    let mut request = Request::new();
    let text = request.head.keep(method.as_bytes());
    request.set_method(Method::resolve(method.as_bytes()), text);
    let (scheme, rest) = match target.split_once("://") {
        Some(("https", rest)) => (Scheme::Https, Some(rest)),
        Some(("http", rest)) => (Scheme::Http, Some(rest)),
        Some((other, _)) => panic!("no scheme: {other}"),
        None => (Scheme::Http, None),
    };
    let (mut authority, target) = match rest {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", target),
    };
    for field in fields {
        let (name, value) = field.split_once(": ").expect("`name: value`");
        if name.eq_ignore_ascii_case("host") {
            authority = value;
        } else {
            request.head.append(name, value.as_bytes());
        }
    }
    request.set_authority(authority.as_bytes());
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let query = query.map(|query| request.head.keep(query.as_bytes()));
    let path = request.head.keep(path.as_bytes());
    request.set_target(path, query);
    let port = authority
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse().ok());
    let facts = Facts {
        client: [127, 0, 0, 1].into(),
        scheme,
        listener_port: port.unwrap_or(scheme.default_port()),
        matched_prefix: None,
    };
    (request, facts)
}

fn parse_reply(lines: &[String]) -> Reply {
    let mut reply = Reply::new();
    reply.status = 200;
    let Some((first, fields)) = lines.split_first() else {
        return reply;
    };
    let status = first.strip_prefix("HTTP/1.1 ").expect("a status line");
    reply.status = status.parse().expect("a status");
    for field in fields {
        let (name, value) = field.split_once(": ").expect("`name: value`");
        reply.head.append(name, value.as_bytes());
    }
    reply
}

fn local_reply(local: LocalReply) -> Reply {
    let mut reply = Reply::new();
    reply.status = local.status;
    for (name, value) in local.headers {
        reply.head.append(&name, &value);
    }
    reply
}

fn request_lines(request: &Request) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let query = request.query().map(|query| format!("?{}", text(query)));
    let mut lines = vec![
        format!(
            "{} {}{} HTTP/1.1",
            text(request.method_text()),
            text(request.path()),
            query.unwrap_or_default()
        ),
        format!("Host: {}", text(request.authority())),
    ];
    lines.extend(field_lines(&request.head));
    lines
}

fn field_lines(head: &Head) -> Vec<String> {
    let mut bytes = Vec::new();
    head.write_fields(&mut bytes);
    let text = String::from_utf8(bytes).expect("text");
    text.lines().map(str::to_owned).collect()
}
