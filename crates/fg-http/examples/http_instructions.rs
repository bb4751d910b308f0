//! Does one piece of the head path many times, for instruction counts (see `xtask/src/instructions.rs`).
//!
//! Without words it prints the names of the cases; with `CASE N` it does that case N times.

use std::hint::black_box;

use fg_exchange::{Method, Reply, Request};
use fg_http::Limits;
use fg_http::h1::chunk::{Decoder, Event};
use fg_http::h1::{
    HeadScan, ReplyConnection, parse_reply, parse_request, write_reply_head, write_request_head,
};

/// A GET with nine fields, as browsers send them.
const REQUEST: &[u8] = b"GET /shop/cart/items?page=2 HTTP/1.1\r\n\
    Host: shop.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0)\r\n\
    Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-GB,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br\r\n\
    Referer: http://shop.example.com/\r\n\
    Cookie: session=0123456789abcdef\r\n\
    Connection: keep-alive\r\n\
    Priority: u=0, i\r\n\r\n";

/// The same with a path that is not canonical.
const ODD_PATH: &[u8] =
    b"GET /shop/../shop/%63art/./items?page=2 HTTP/1.1\r\nHost: shop.example.com\r\n\r\n";

/// What a small backend answers.
const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Server: shop\r\n\
    Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
    Content-Type: application/json\r\n\
    Content-Length: 128\r\n\
    Connection: keep-alive\r\n\r\n";

/// What the cases work with: buffers that are reused from message to message, as a worker does.
#[derive(Default)]
struct Buffers {
    request: Request,
    reply: Reply,
    out: Vec<u8>,
    limits: Limits,
}

impl Buffers {
    /// Reads a request head, as it came in one piece; writes it for a backend if asked to.
    fn request(&mut self, bytes: &[u8], forward: bool) {
        self.request.clear();
        self.request.head.bytes_mut().extend_from_slice(bytes);
        assert!(HeadScan::default().may_be_complete(self.request.head.bytes()));
        let parsed = parse_request(&mut self.request, &self.limits);
        let parsed = parsed.expect("a good head").expect("a whole head");
        if forward {
            self.out.clear();
            write_request_head(
                &self.request,
                parsed.body,
                parsed.hop.upgrade,
                &mut self.out,
            );
            black_box(&self.out);
        }
    }

    /// Reads a reply head, as it came in one piece, and writes it for a client.
    fn reply(&mut self) {
        self.reply.clear();
        self.reply.head.bytes_mut().extend_from_slice(REPLY);
        assert!(HeadScan::default().may_be_complete(self.reply.head.bytes()));
        let parsed = parse_reply(&mut self.reply, Method::Get, &self.limits);
        let parsed = parsed.expect("a good head").expect("a whole head");
        self.out.clear();
        let connection = ReplyConnection::Implied;
        write_reply_head(
            &self.reply,
            Some(parsed.body),
            connection,
            b"",
            &mut self.out,
        );
        black_box(&self.out);
    }

    /// Decodes a body of sixteen chunks.
    fn chunks(&mut self, body: &[u8]) {
        let mut decoder = Decoder::new(&self.limits);
        let mut rest = body;
        loop {
            match decoder.next(rest).expect("a good body") {
                Event::Data { bytes, consumed } => {
                    black_box(bytes);
                    rest = &rest[consumed..];
                }
                Event::NeedMore => unreachable!("the body is whole"),
                Event::End { .. } => return,
            }
        }
    }
}

/// A body of sixteen chunks of 1 KiB.
fn body() -> Vec<u8> {
    let chunk = [b"400\r\n".as_slice(), &[b'x'; 1024], b"\r\n"].concat();
    [chunk.repeat(16).as_slice(), b"0\r\n\r\n"].concat()
}

/// A name, and what is done once.
type Case = (&'static str, fn(&mut Buffers, &[u8]));

const CASES: &[Case] = &[
    ("read-request", |buffers, _| {
        buffers.request(black_box(REQUEST), false)
    }),
    ("forward-request", |buffers, _| {
        buffers.request(black_box(REQUEST), true)
    }),
    ("forward-request-odd-path", |buffers, _| {
        buffers.request(black_box(ODD_PATH), true)
    }),
    ("forward-reply", |buffers, _| buffers.reply()),
    ("decode-16-chunks", |buffers, body| {
        buffers.chunks(black_box(body))
    }),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, count] = &words[..] else {
        for (name, _) in CASES {
            println!("{name}");
        }
        return;
    };
    let count: u64 = count.parse().expect("the second word is a number");
    let case = CASES.iter().find(|(each, _)| each == name);
    let (_, once) = case.expect("the first word is a case");
    let mut buffers = Buffers::default();
    let body = body();
    for _ in 0..count {
        once(&mut buffers, &body);
    }
}
