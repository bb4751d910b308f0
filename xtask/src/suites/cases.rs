//! The requests of the pairwise suite.

use serde::Serialize;

/// A request, as every client reads it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Case {
    /// Its name; the same with and without the gateway.
    pub(crate) id: String,
    /// Where to.
    pub(crate) url: String,
    /// Its method.
    pub(crate) method: &'static str,
    /// Fields besides those that the client itself writes.
    pub(crate) headers: Vec<[String; 2]>,
    /// Length of the body, in bytes; `None` is no body.
    pub(crate) body: Option<u64>,
    /// Whether the length is not told before.
    pub(crate) chunked: bool,
    /// `h1`, `h2` or `h2c` (HTTP/2 in clear, by prior knowledge).
    pub(crate) protocol: &'static str,
    /// The file with the authority of the server's certificate; empty without TLS.
    pub(crate) ca: String,
}

/// What is asked, wherever it goes.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Its name.
    pub(crate) name: String,
    method: &'static str,
    path: String,
    body: Option<u64>,
    chunked: bool,
}

/// Lengths of bodies: around the sizes of buffers and frames, up to a megabyte.
const LENGTHS: [u64; 9] = [
    0, 1, 1000, 16_384, 16_385, 65_535, 65_536, 300_000, 1_048_576,
];

/// The length of the large bodies.
pub(crate) const LARGE: u64 = 100_000_000;

/// Every request but the large ones.
pub(crate) fn requests() -> Vec<Request> {
    let mut all = Vec::new();
    for length in LENGTHS {
        all.push(get(format!("/bytes/{length}")));
        all.push(get(format!("/chunked/{length}")));
        for path in ["/report", "/echo"] {
            all.push(post(path, length, false));
            all.push(post(path, length, true));
        }
    }
    for method in ["PUT", "PATCH", "DELETE"] {
        all.push(Request {
            name: format!("{method} /report 1000"),
            method,
            ..post("/report", 1000, false)
        });
    }
    for method in ["DELETE", "OPTIONS"] {
        all.push(Request {
            name: format!("{method} /report"),
            method,
            ..get("/report".to_owned())
        });
    }
    for path in ["/bytes/1000", "/bytes/0"] {
        all.push(Request {
            name: format!("HEAD {path}"),
            method: "HEAD",
            ..get(path.to_owned())
        });
    }
    for code in [201, 204, 304, 400, 404, 418, 429, 500, 503] {
        all.push(get(format!("/status/{code}")));
    }
    all.push(get("/fields".to_owned()));
    // Octets that only stay as they are where nobody decodes and encodes again.
    for path in [
        "/report/a%20b;v=1?up=%2F..",
        "/report?q=%20+%26&&x",
        "/report/~!$&'()*+,=:@",
        "/report/%C3%A4?%e2%82%ac",
    ] {
        all.push(get(path.to_owned()));
    }
    all
}

/// The large bodies, one in each direction. The large answer is the last of a connection: see `suites/node/http_server.js`.
pub(crate) fn large() -> Vec<Request> {
    vec![
        post("/report", LARGE, false),
        get(format!("/bytes/{LARGE}")),
    ]
}

fn get(path: String) -> Request {
    Request {
        name: format!("GET {path}"),
        method: "GET",
        path,
        body: None,
        chunked: false,
    }
}

fn post(path: &str, length: u64, chunked: bool) -> Request {
    let how = if chunked {
        "without length"
    } else {
        "with length"
    };
    Request {
        name: format!("POST {path} {length} {how}"),
        method: "POST",
        path: path.to_owned(),
        body: Some(length),
        chunked,
    }
}

impl Request {
    /// The case that sends this to `origin`.
    pub(crate) fn to(&self, origin: &str, protocol: &'static str, ca: &str) -> Case {
        let fields = [
            // A client's own may tell the version that it speaks.
            ("user-agent", "suites"),
            ("accept", "*/*"),
            ("x-multi", "one"),
            ("x-multi", "two, three"),
            ("x-empty", ""),
            ("cookie", "a=1; b=\"2\"; c="),
            ("authorization", "Basic c3VpdGVzOnN1aXRlcw=="),
        ];
        Case {
            id: self.name.clone(),
            url: format!("{origin}{}", self.path),
            method: self.method,
            headers: fields
                .map(|(name, value)| [name.to_owned(), value.to_owned()])
                .to_vec(),
            body: self.body,
            chunked: self.chunked,
            protocol,
            ca: ca.to_owned(),
        }
    }
}
