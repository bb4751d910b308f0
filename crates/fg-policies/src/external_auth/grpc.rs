//! Asking by gRPC: Envoy's `Check`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use fg_base::Text;
use fg_exchange::{Answer, Call, Method, WaitingFilter, is_token, is_value};
use fg_model::BackendKey;
use prost::Message as _;

use super::Ir;
use super::messages::{
    Address, AttributeContext, CheckRequest, CheckResponse, CheckedRequest, DeniedHttpResponse,
    HeaderValueOption, HttpRequest, OkHttpResponse, Peer, SocketAddress,
};
use super::native::{TIMEOUT, asked, closed, is_of_its_message, listed};
use crate::native::{Decision, Facts, Fault, LocalReply, Name, Request};

/// The path of the call. Source: "gRPC over HTTP2", Path.
const PATH: &[u8] = b"/envoy.service.auth.v3.Authorization/Check";
/// A message that is not compressed, and its length. Source: "gRPC over HTTP2", Length-Prefixed-Message.
const PREFIX: usize = 5;

/// Asks a service that speaks `envoy.service.auth.v3.Authorization`.
#[derive(Debug)]
pub(super) struct AskByGrpc {
    ir: Ir,
    headers: Vec<Text>,
    authority: String,
}

impl AskByGrpc {
    pub(super) fn new(ir: &Ir, headers: &[Text]) -> Self {
        let object = &ir.backend.object;
        Self {
            authority: format!("{}.{}", object.name, object.namespace),
            headers: headers.to_vec(),
            ir: ir.clone(),
        }
    }

    /// The client's headers that the service may see; several of a name are one value.
    fn headers(&self, request: &Request) -> BTreeMap<String, String> {
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (id, name, value) in request.head.iter() {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            if !self.headers.is_empty() && !self.headers.iter().any(|one| **one == *name) {
                continue;
            }
            let value = String::from_utf8_lossy(value);
            let between = if id == Name::Cookie { "; " } else { "," };
            headers
                .entry(name)
                .and_modify(|all| {
                    all.push_str(between);
                    all.push_str(&value);
                })
                .or_insert_with(|| value.clone().into_owned());
        }
        headers
    }

    fn message(&self, request: &Request, body: &[u8], facts: &Facts) -> CheckRequest {
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let path = match request.query() {
            Some(query) => format!("{}?{}", lossy(request.path()), lossy(query)),
            None => lossy(request.path()),
        };
        let (text, raw) = match str::from_utf8(body) {
            Ok(text) => (text.to_owned(), Vec::new()),
            Err(_) => (String::new(), body.to_vec()),
        };
        let length = request.head.get(Name::ContentLength);
        let length = length.and_then(|length| str::from_utf8(length).ok()?.parse().ok());
        let known = i64::try_from(body.len()).ok().filter(|known| *known > 0);
        let http = HttpRequest {
            id: lossy(request.head.get(Name::XRequestId).unwrap_or_default()),
            method: lossy(request.method_text()),
            headers: self.headers(request),
            path,
            host: lossy(request.authority()),
            scheme: facts.scheme.text().to_owned(),
            // -1 is "not known".
            size: known.or(length).unwrap_or(-1),
            protocol: request.version().text().to_owned(),
            body: text,
            raw_body: raw,
        };
        let source = SocketAddress {
            address: facts.client.to_string(),
        };
        CheckRequest {
            attributes: Some(AttributeContext {
                source: Some(Peer {
                    address: Some(Address {
                        socket_address: Some(source),
                    }),
                }),
                request: Some(CheckedRequest { http: Some(http) }),
            }),
        }
    }
}

impl WaitingFilter for AskByGrpc {
    fn backend(&self) -> &BackendKey {
        &self.ir.backend
    }

    fn body(&self) -> usize {
        self.ir.body as usize
    }

    fn call(&self, request: &Request, body: &[u8], facts: &Facts) -> Option<Call> {
        let message = self.message(request, body, facts).encode_to_vec();
        let mut framed = vec![0];
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        framed.extend_from_slice(&length.to_be_bytes());
        framed.extend_from_slice(&message);
        let mut head = Request::new();
        let method = head.head.keep(b"POST");
        head.set_method(Method::Post, method);
        head.set_authority(self.authority.as_bytes());
        let path = head.head.keep(PATH);
        head.set_target(path, None);
        head.head.append("content-type", b"application/grpc");
        head.head.append(
            "grpc-timeout",
            format!("{}m", TIMEOUT.as_millis()).as_bytes(),
        );
        Some(Call {
            head,
            body: framed,
            http2: true,
            timeout: TIMEOUT,
        })
    }

    fn decide(&self, request: &mut Request, answer: Result<Answer, Fault>, _: &Facts) -> Decision {
        let answer = match answer {
            Ok(answer) => answer,
            Err(fault) => return closed(fault.detail.as_deref().unwrap_or(fault.reason.text())),
        };
        let response = match read(&answer) {
            Ok(response) => response,
            Err(why) => return closed(why),
        };
        let code = response.status.map_or(0, |status| status.code);
        match (code, response.ok_response, response.denied_response) {
            (0, ok, None) => allow(request, &ok.unwrap_or_default()),
            (_, _, denied) => deny(denied.unwrap_or_default()),
        }
    }

    fn describe(&self) -> String {
        format!(
            "{}; it sees {}",
            asked(&self.ir, "gRPC"),
            listed(&self.headers, "all headers")
        )
    }
}

/// The message of an answer.
fn read(answer: &Answer) -> Result<CheckResponse, String> {
    let status = answer.reply.status;
    if status != 200 {
        return Err(format!("the service answered {status}"));
    }
    // In the trailers, or in the head if that is all there is. An answer without one was cut off.
    let in_head = answer.reply.head.get_named("grpc-status");
    let codes = in_head
        .into_iter()
        .chain(answer.trailers_named("grpc-status"));
    let mut is_ok = false;
    for code in codes {
        if code != b"0" {
            let code = String::from_utf8_lossy(code);
            return Err(format!("the service answered with gRPC status {code}"));
        }
        is_ok = true;
    }
    if !is_ok {
        return Err("the service answered without a gRPC status".to_owned());
    }
    let (prefix, message) = answer
        .body
        .split_at_checked(PREFIX)
        .ok_or("the service answered without a message")?;
    let length = prefix
        .split_first()
        .filter(|(compressed, _)| **compressed == 0)
        .and_then(|(_, length)| length.try_into().ok())
        .map(u32::from_be_bytes);
    if length.map(|length| length as usize) != Some(message.len()) {
        return Err("the service's message is malformed".to_owned());
    }
    CheckResponse::decode(message).map_err(|error| format!("the service's message: {error}"))
}

/// Name and value of a header that may be written.
fn field(option: &HeaderValueOption) -> Option<(String, Vec<u8>)> {
    let header = option.header.as_ref()?;
    let name = header.key.to_ascii_lowercase();
    let value = if header.raw_value.is_empty() {
        header.value.as_bytes()
    } else {
        &header.raw_value
    };
    let fits = is_token(name.as_bytes()) && is_value(value) && !is_of_its_message(&name);
    fits.then(|| (name, value.to_vec()))
}

/// A yes, with the changes that the service wants.
fn allow(request: &mut Request, ok: &OkHttpResponse) -> Decision {
    for name in &ok.headers_to_remove {
        if !is_of_its_message(&name.to_ascii_lowercase()) {
            request.head.remove_named(name);
        }
    }
    for option in &ok.headers {
        let Some((name, value)) = field(option) else {
            continue;
        };
        let is_there = request.head.get_named(&name).is_some();
        let appends = option.append.as_ref().is_some_and(|append| append.value);
        match (appends, option.append_action) {
            (true, _) => request.head.append(&name, &value),
            (false, 1) if is_there => {}
            (false, 3) if !is_there => {}
            (false, _) => request.head.set(&name, &value),
        }
    }
    let for_client = ok.response_headers_to_add.iter().filter_map(field);
    // Why it answered the gateway alone says.
    let for_client = for_client.filter(|(name, _)| name != Name::XFerrogateReason.text());
    Decision::Continue(
        for_client
            .map(|(name, value)| (Cow::Owned(name), value))
            .collect(),
    )
}

/// A no; 403 when it does not say how.
fn deny(denied: DeniedHttpResponse) -> Decision {
    let status = denied.status.map_or(0, |status| status.code);
    let status = u16::try_from(status).unwrap_or(0);
    // What is no failure cannot be told from a reply of the backend.
    let status = if (300..600).contains(&status) {
        status
    } else {
        403
    };
    let headers = denied.headers.iter().filter_map(|option| {
        let (name, value) = match field(option) {
            Some(field) => field,
            // The answer is its own message: what describes its body may stay.
            None => {
                let header = option.header.as_ref()?;
                let is_type = header.key.eq_ignore_ascii_case("content-type");
                (is_type && is_value(header.value.as_bytes()))
                    .then(|| ("content-type".to_owned(), header.value.clone().into_bytes()))?
            }
        };
        Some((Cow::Owned(name), value))
    });
    Decision::Reply(Box::new(LocalReply {
        status,
        headers: headers.collect(),
        body: denied.body.into_bytes(),
    }))
}
