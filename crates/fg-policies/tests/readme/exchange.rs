//! One exchange through the chains of a rule, from lines to lines.

use fg_exchange::{Facts, Filter, Head, LocalReply, Method, Reply, Request, Scheme, Verdict};

use crate::rule::Compiled;

/// What becomes of a request.
pub(crate) struct Outcome {
    /// What the backend receives; `None` when a filter answers.
    pub(crate) backend: Option<Vec<String>>,
    /// What the client receives.
    pub(crate) reply: Vec<String>,
}

/// Sends a request through. `answer` is what the backend says; empty is a bare 200.
pub(crate) fn run(rule: &Compiled, request: &[String], answer: &[String]) -> Outcome {
    let (mut request, mut facts) = parse_request(request);
    let path = String::from_utf8(request.path().to_vec()).expect("text");
    facts.matched_prefix = rule.matched_prefix(&path);
    let mut passed: Vec<&dyn Filter> = Vec::new();
    for filter in rule.filters.iter().chain(&rule.backend_filters) {
        passed.push(&**filter);
        if let Verdict::Reply(local) = filter.request(&mut request, &facts) {
            let reply = back(&passed, local_reply(*local), &request, &facts);
            return Outcome {
                backend: None,
                reply,
            };
        }
    }
    Outcome {
        backend: Some(request_lines(&request)),
        reply: back(&passed, parse_reply(answer), &request, &facts),
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
        reply.head.append(name, &value);
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
