//! Backends that keep what they are asked and answer as the exchange says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fg_testkit::canonical::Request;
use fg_testkit::tls::Serving;
use fg_testkit::{Connection, Upstream, address};
use h2::server::SendResponse;
use http::{HeaderMap, Response};

use crate::manifests::Papers;
use crate::peer;
use crate::scene::{Backend, Does, Exchange, Scene};

/// A request as a backend got it.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// The Service.
    pub(crate) backend: String,
    /// Which of its endpoints.
    pub(crate) endpoint: usize,
    pub(crate) version: &'static str,
    pub(crate) request: Request,
}

/// What backends of a scene got and what they answer.
#[derive(Default)]
pub(crate) struct Record {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    arrivals: Vec<Arrival>,
    answers: Vec<String>,
    answered: usize,
    said: String,
}

const PLAIN: &str = "HTTP/1.1 200 OK\nContent-Type: text/plain\n\nanswered";

impl Record {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new exchange begins.
    pub(crate) fn begin(&self, exchange: &Exchange) {
        let said = exchange.said.clone();
        *self.lock() = State {
            answers: exchange.answer.clone(),
            said: said.unwrap_or_else(|| "HTTP/1.1 200 OK\n".to_owned()),
            ..State::default()
        };
    }

    /// What came until now, or until so many came.
    pub(crate) fn end(&self, count: Option<usize>) -> Vec<Arrival> {
        let end = Instant::now() + Duration::from_secs(2);
        let mut state = self.lock();
        while state.arrivals.len() < count.unwrap_or_default() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let mut arrivals = std::mem::take(&mut state.arrivals);
        // Copies come at any time.
        arrivals.sort_by(|a, b| a.backend.cmp(&b.backend));
        arrivals
    }

    fn note(&self, arrival: Arrival) {
        self.lock().arrivals.push(arrival);
        self.changed.notify_all();
    }

    /// The next answer.
    fn answer(&self) -> String {
        let mut state = self.lock();
        let at = state.answered.min(state.answers.len().saturating_sub(1));
        state.answered += 1;
        let answer = state.answers.get(at).cloned();
        answer.unwrap_or_else(|| PLAIN.to_owned())
    }
}

/// The backends of a scene.
pub(crate) struct Backends {
    pub(crate) record: Arc<Record>,
    /// Where they listen, by Service.
    pub(crate) addresses: BTreeMap<String, Vec<SocketAddr>>,
    _running: Vec<Upstream>,
}

impl Backends {
    pub(crate) fn start(scene: &Scene, papers: &Papers) -> Self {
        let record = Arc::new(Record::default());
        let mut addresses = BTreeMap::new();
        let mut running = Vec::new();
        for (name, backend) in &scene.backends {
            let count = match backend.does {
                Does::Nothing => 0,
                _ => backend.endpoints.unwrap_or(1),
            };
            let mut at = Vec::new();
            for endpoint in 0..count {
                let (address, upstream) = start(name, endpoint, backend, papers, &record);
                at.push(address);
                running.extend(upstream);
            }
            addresses.insert(name.clone(), at);
        }
        Self {
            record,
            addresses,
            _running: running,
        }
    }
}

fn start(
    name: &str,
    endpoint: usize,
    backend: &Backend,
    papers: &Papers,
    record: &Arc<Record>,
) -> (SocketAddr, Option<Upstream>) {
    let (record, name, does) = (record.clone(), name.to_owned(), backend.does);
    match does {
        Does::Refuse => return (address::own_address(), None),
        Does::Upgrade if backend.protocol.is_some() => {
            let record = Arc::new((record, name));
            let serving = peer::Backend::start_raw(move |request, respond| {
                tunnel(record.clone(), endpoint, request, respond)
            });
            return (serving.address, None);
        }
        Does::Http2 | Does::Grpc | Does::Permit | Does::Forbid | Does::Boast => {
            let serving = peer::Backend::start(move |received, respond| {
                let request = as_lines(received);
                record.note(Arrival {
                    backend: name.clone(),
                    endpoint,
                    version: "HTTP/2",
                    request,
                });
                let echo = match does {
                    Does::Grpc => Some(received.body.clone()),
                    // An empty message, which has the status 0.
                    Does::Permit => Some(vec![0; 5]),
                    Does::Forbid => Some(decision(false)),
                    Does::Boast => Some(decision(true)),
                    _ => None,
                };
                answer_by_http2(respond, &record.answer(), echo);
            });
            return (serving.address, None);
        }
        _ => {}
    }
    let behaviour = move |connection: &mut Connection, _: usize| {
        while let Some(request) = connection.request() {
            record.note(Arrival {
                backend: name.clone(),
                endpoint,
                version: "HTTP/1.1",
                request: request.clone(),
            });
            match does {
                Does::Close => return,
                Does::Reset => return connection.reset(),
                Does::Stall => return connection.drain(),
                Does::Upgrade if request.field("upgrade").is_some() => {
                    let protocol = request.field("upgrade").unwrap_or_default();
                    connection.send(format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\nSec-WebSocket-Accept: v\r\n\r\n"));
                    while connection.receive_at_least(1) {
                        let piece = connection.take_unread();
                        connection.send(piece);
                    }
                    return;
                }
                Does::Decide => {
                    let said = record.lock().said.clone();
                    connection.send(reply(&said, &request.method));
                }
                _ => {
                    connection.send(reply(&record.answer(), &request.method));
                }
            }
        }
    };
    let issued = |name: &String| papers.issued.get(name).expect("a certificate of the scene");
    let upstream = match (&backend.tls, &backend.demands) {
        (None, _) => Upstream::start(behaviour),
        (Some(shown), None) => Upstream::start_secure(Serving::new(issued(shown)), behaviour),
        (Some(shown), Some(by)) => {
            let authority = papers.authorities.get(by).expect("an authority");
            Upstream::start_secure(Serving::demanding(issued(shown), authority), behaviour)
        }
    };
    (upstream.address(), Some(upstream))
}

/// A tunnel by HTTP/2, which sends back what it gets.
async fn tunnel(
    to: Arc<(Arc<Record>, String)>,
    endpoint: usize,
    request: http::Request<h2::RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    let (record, name) = &*to;
    let (parts, mut body) = request.into_parts();
    let protocol = parts.extensions.get::<h2::ext::Protocol>();
    let protocol = protocol.map(|protocol| protocol.as_str().to_owned());
    let mut lines = as_lines(&peer::Received {
        head: Arc::new(http::Request::from_parts(parts, ())),
        body: Vec::new(),
        trailers: None,
        connection: 0,
    });
    let protocol = protocol.map(|protocol| ("(protocol)".to_owned(), protocol));
    lines.fields.extend(protocol);
    record.note(Arrival {
        backend: name.clone(),
        endpoint,
        version: "HTTP/2",
        request: lines,
    });
    let Ok(mut back) = respond.send_response(Response::new(()), false) else {
        return;
    };
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
        let _ = back.send_data(data, false);
    }
    let _ = back.send_data(Bytes::new(), true);
}

/// What a service of authorization says: with a header for the client that the gateway alone may
/// write. Source: Envoy's `CheckResponse`.
fn decision(is_yes: bool) -> Vec<u8> {
    let part = |number: u8, inner: &[u8]| {
        let length = u8::try_from(inner.len()).expect("it is short");
        [&[number << 3 | 2, length], inner].concat()
    };
    let named = [part(1, b"x-ferrogate-reason"), part(2, b"no_route")].concat();
    let header = part(1, &named);
    let message = if is_yes {
        part(3, &part(6, &header))
    } else {
        // The code of a no, and 401.
        let denied = [part(1, &[0x08, 0x91, 0x03]), part(2, &header)].concat();
        [part(1, &[0x08, 7]), part(2, &denied)].concat()
    };
    let length = u8::try_from(message.len()).expect("it is short");
    [&[0, 0, 0, 0, length], &*message].concat()
}

/// Head and body of an answer; `raw:` in front of it leaves it as it is.
fn reply(text: &str, method: &str) -> Vec<u8> {
    if let Some(raw) = text.strip_prefix("raw:") {
        return raw.as_bytes().to_vec();
    }
    let (head, body) = split(text);
    let lower = head.to_ascii_lowercase();
    let mut out = head.replace('\n', "\r\n");
    let line = lower.lines().next().unwrap_or_default();
    let status = line.split(' ').nth(1).unwrap_or_default();
    if line.matches(' ').count() == 1 {
        out.insert_str(line.len(), " As Shown");
    }
    let bodiless = status == "204" || status == "304";
    let framed = lower.contains("\ncontent-length:") || lower.contains("\ntransfer-encoding:");
    if !bodiless && !framed {
        out.push_str(&format!("\r\nContent-Length: {}", body.len()));
    }
    out.push_str("\r\n\r\n");
    if method != "HEAD" && !bodiless {
        out.push_str(body);
    }
    out.into_bytes()
}

/// Head and body of a text in lines.
pub(crate) fn split(text: &str) -> (&str, &str) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    (head.trim_end_matches('\n'), body)
}

fn as_lines(received: &peer::Received) -> Request {
    let head = &received.head;
    let uri = head.uri();
    let target = uri.path_and_query().map(ToString::to_string);
    Request {
        method: head.method().to_string(),
        target: target.unwrap_or_default(),
        host: uri.authority().map(ToString::to_string).unwrap_or_default(),
        fields: fields(head.headers()),
        body: received.body.clone(),
        trailers: received.trailers.as_ref().map(fields).unwrap_or_default(),
    }
}

/// Fields in lines.
pub(crate) fn fields(map: &HeaderMap) -> Vec<(String, String)> {
    let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.to_string(), value)
    };
    map.iter().map(field).collect()
}

/// Answers; with `message` as gRPC does, unless the exchange says something else.
fn answer_by_http2(mut respond: SendResponse<Bytes>, text: &str, message: Option<Vec<u8>>) {
    if let Some(message) = message.filter(|_| text == PLAIN) {
        let head = Response::builder().header("content-type", "application/grpc");
        let head = head.body(()).expect("a head");
        let Ok(mut stream) = respond.send_response(head, false) else {
            return;
        };
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().expect("a value"));
        let _ = stream.send_data(message.into(), false);
        let _ = stream.send_trailers(trailers);
        return;
    }
    let (head, body) = split(text);
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let mut response = Response::builder().status(status.unwrap_or("200"));
    for line in lines {
        let (name, value) = line.split_once(": ").expect("`name: value`");
        response = response.header(name, value);
    }
    let head = response.body(()).expect("a head");
    if let Ok(mut stream) = respond.send_response(head, body.is_empty())
        && !body.is_empty()
    {
        let _ = stream.send_data(Bytes::copy_from_slice(body.as_bytes()), true);
    }
}
