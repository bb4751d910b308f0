//! Random sequences of requests, cut at random places: what comes before the first bad one reaches
//! the backend one for one, and nothing else does.

use fg_testkit::{Upstream, upstream};

use crate::gateway::Gateway;

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// A request, and what the backend should see of it: nothing when it is bad.
fn request(number: usize, dice: &mut Dice) -> (String, Option<(String, String)>) {
    // Bodies that look like the start of other things.
    let bodies = [
        "",
        "0\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: x\r\n\r\n",
        "\r\n",
        "abc",
        "HTTP/1.1 200 OK\r\n\r\n",
    ];
    let body = bodies[dice.below(bodies.len())];
    let host = "Host: a\r\n";
    let line = |method: &str| format!("{method} a /{number}");
    match dice.below(16) {
        0..=3 => {
            let head = format!("GET /{number} HTTP/1.1\r\n{host}\r\n");
            (head, Some((line("GET"), String::new())))
        }
        4..=6 => {
            let head = format!(
                "POST /{number} HTTP/1.1\r\n{host}Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            (head, Some((line("POST"), body.to_owned())))
        }
        7..=9 => {
            let mut text =
                format!("PUT /{number} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n{host}\r\n");
            let mut rest = body;
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(1 + dice.below(rest.len()));
                text.push_str(&format!("{:X};e\r\n{piece}\r\n", piece.len()));
                rest = after;
            }
            text.push_str("0\r\nX-Sum: 1\r\n\r\n");
            (text, Some((line("PUT"), body.to_owned())))
        }
        10 => {
            let head = format!("\r\nGET http://a/./{number} HTTP/1.1\r\nHost: other\r\n\r\n");
            (head, Some((line("GET"), String::new())))
        }
        11 => {
            let head = format!("HEAD /{number} HTTP/1.1\r\n{host}\r\n");
            (head, Some((line("HEAD"), String::new())))
        }
        12..=14 => {
            let head = format!(
                "DELETE /{number} HTTP/1.1\r\n{host}Expect:100-continue\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            (head, Some((line("DELETE"), body.to_owned())))
        }
        _ => {
            let bad = [
                format!(
                    "POST /{number} HTTP/1.1\r\n{host}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
                ),
                format!("GET /{number} HTTP/1.1\r\n{host}X : y\r\n\r\n"),
                format!(
                    "POST /{number} HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n-1\r\n{body}"
                ),
                format!("GET /{number}\r\n\r\n"),
                format!("GET /{number} HTTP/1.1\n{host}\n"),
            ];
            (bad[dice.below(bad.len())].clone(), None)
        }
    }
}

#[test]
fn one_request_in_is_at_most_one_request_out() {
    for seed in 0..150 {
        let mut dice = Dice(seed);
        let upstream = Upstream::start(|connection, _| {
            while let Some(request) = connection.request() {
                let length = request.target.len();
                let body = if request.method == "HEAD" {
                    ""
                } else {
                    &request.target
                };
                connection.send(format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
                ));
            }
        });
        let gateway = Gateway::to(&[&upstream]);
        let mut client = gateway.connect();
        let requests: Vec<_> = (0..1 + dice.below(12))
            .map(|number| request(number, &mut dice))
            .collect();
        let bytes: String = requests.iter().map(|(bytes, _)| bytes.as_str()).collect();
        let mut rest = bytes.as_bytes();
        for _ in 0..dice.below(4) {
            let (piece, after) = rest.split_at(dice.below(rest.len() + 1));
            client.send_cut(piece, piece.len());
            rest = after;
        }
        client.send(rest);
        let good: Vec<_> = requests
            .iter()
            .map_while(|(_, seen)| seen.clone())
            .collect();
        for (number, (line, _)) in good.iter().enumerate() {
            let reply = if line.starts_with("HEAD") {
                client.reply_to_head()
            } else {
                client.reply()
            };
            assert_eq!(
                reply.status, 200,
                "seed {seed}, request {number}: {reply:?}"
            );
            let target = format!("/{number}");
            assert_eq!(
                reply.field("content-length"),
                Some(&*target.len().to_string())
            );
            assert!(
                line.starts_with("HEAD") || reply.text() == target,
                "seed {seed}, request {number}"
            );
        }
        if good.len() < requests.len() {
            let reply = client.reply();
            assert_eq!(reply.status, 400, "seed {seed}");
            assert!(client.is_ended(), "seed {seed}");
        } else {
            assert!(client.is_quiet(), "seed {seed}");
        }
        let seen: Vec<_> = upstream
            .requests()
            .iter()
            .map(|request| {
                (
                    request.line(),
                    String::from_utf8_lossy(&request.body).into_owned(),
                )
            })
            .collect();
        assert_eq!(seen, good, "seed {seed}");
    }
}

#[test]
fn many_requests_behind_a_slow_one_all_get_their_answer() {
    let upstream = Upstream::start(|connection, _| {
        while let Some(request) = connection.request() {
            if request.target == "/0" {
                connection.mark();
                connection.stall(1);
            }
            connection.send(upstream::ok(request.target));
        }
    });
    let gateway = Gateway::to(&[&upstream]);
    let mut client = gateway.connect();
    let all: String = (0..3000)
        .map(|number| format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n"))
        .collect();
    client.send(all);
    upstream.wait_for_marks(1);
    upstream.release();
    for number in 0..3000 {
        assert_eq!(client.reply().text(), format!("/{number}"));
    }
    assert!(client.is_quiet());
}
