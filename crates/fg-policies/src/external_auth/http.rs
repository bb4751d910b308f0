//! Asking by HTTP: a request like the client's, without most of its fields.

use std::borrow::Cow;

use fg_base::Text;
use fg_exchange::{Answer, Call, WaitingFilter};
use fg_model::BackendKey;

use super::native::{TIMEOUT, asked, closed, is_of_its_message, listed};
use super::{Ir, Protocol};
use crate::native::{Decision, Facts, Fault, LocalReply, Name, Request};

/// Asks a service that speaks HTTP.
#[derive(Debug)]
pub(super) struct AskByHttp {
    ir: Ir,
    path: Text,
    headers: Vec<Text>,
    reply_headers: Vec<Text>,
}

impl AskByHttp {
    pub(super) fn new(ir: &Ir) -> Self {
        let (path, headers, reply_headers) = match &ir.protocol {
            Protocol::Http {
                path,
                headers,
                reply_headers,
            } => (path.clone(), headers.clone(), reply_headers.clone()),
            Protocol::Grpc { .. } => Default::default(),
        };
        Self {
            ir: ir.clone(),
            path,
            headers,
            reply_headers,
        }
    }

    /// Whether the service sees a field of the client.
    fn is_sent(&self, id: Name, name: &str) -> bool {
        let asked = id == Name::Authorization || self.headers.iter().any(|one| **one == *name);
        asked && !is_hop(name)
    }

    /// A yes: what the service says about the client goes to the backend, in the place of what the
    /// client says about itself.
    fn allow(&self, request: &mut Request, answer: &Answer) -> Decision {
        for name in &self.reply_headers {
            // A client that names itself is not believed. Its credentials are its own.
            if !matches!(&**name, "authorization" | "cookie") {
                request.head.remove_named(name);
            }
        }
        let mut replaced: Vec<String> = Vec::new();
        for (_, name, value) in answer.reply.head.iter() {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            let is_meant = self.reply_headers.is_empty()
                || self.reply_headers.iter().any(|one| **one == *name);
            if !is_meant || is_of_its_message(&name) {
                continue;
            }
            if !replaced.contains(&name) {
                request.head.remove_named(&name);
                replaced.push(name.clone());
            }
            request.head.append(&name, value);
        }
        Decision::Continue(Vec::new())
    }
}

/// Fields that end at the next hop, whoever asks for them. Source: RFC 9110 §7.6.1.
fn is_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "content-length"
            | "expect"
            | "host"
            | "keep-alive"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// A no, as the service said it.
fn deny(answer: Answer) -> Decision {
    let fields = answer.reply.head.iter().filter_map(|(_, name, value)| {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let stays = !is_hop(&name) && !matches!(&*name, "date" | "server");
        stays.then(|| (Cow::Owned(name), value.to_vec()))
    });
    Decision::Reply(Box::new(LocalReply {
        status: answer.reply.status,
        headers: fields.collect(),
        body: answer.body,
    }))
}

impl WaitingFilter for AskByHttp {
    fn backend(&self) -> &BackendKey {
        &self.ir.backend
    }

    fn body(&self) -> usize {
        self.ir.body as usize
    }

    fn call(&self, request: &Request, body: &[u8], _: &Facts) -> Option<Call> {
        let mut head = Request::new();
        let method = head.head.keep(request.method_text());
        head.set_method(request.method(), method);
        head.set_authority(request.authority());
        let path = match request.path() {
            // `OPTIONS *` is about no path.
            b"*" => [self.path.as_bytes(), b"/"].concat(),
            path => [self.path.as_bytes(), path].concat(),
        };
        let path = head.head.keep(&path);
        let query = request.query().map(|query| head.head.keep(query));
        head.set_target(path, query);
        for (id, name, value) in request.head.iter() {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            if self.is_sent(id, &name) {
                head.head.append(&name, value);
            }
        }
        Some(Call {
            head,
            body: body.to_vec(),
            http2: false,
            timeout: TIMEOUT,
        })
    }

    fn decide(&self, request: &mut Request, answer: Result<Answer, Fault>, _: &Facts) -> Decision {
        let answer = match answer {
            Ok(answer) => answer,
            Err(fault) => return closed(fault.detail.as_deref().unwrap_or(fault.reason.text())),
        };
        match answer.reply.status {
            200 => self.allow(request, &answer),
            300..=499 => deny(answer),
            // Neither a yes nor a no: the service is broken.
            status => closed(format_args!("the service answered {status}")),
        }
    }

    fn owned_fields(&self) -> Vec<&str> {
        self.reply_headers.iter().map(|name| &**name).collect()
    }

    fn describe(&self) -> String {
        let at = match &*self.path {
            "" => String::new(),
            path => format!(" below {path}"),
        };
        format!(
            "{}{at}; it sees authorization and {}; the backend sees {} of its answer",
            asked(&self.ir, "HTTP"),
            listed(&self.headers, "no other header"),
            listed(&self.reply_headers, "all headers"),
        )
    }
}
