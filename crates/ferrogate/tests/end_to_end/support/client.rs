//! A plain HTTP/1.1 client that keeps its connection.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::PATIENCE;

/// A reply.
#[derive(Clone, Debug, Default)]
pub(crate) struct Response {
    /// Status.
    pub(crate) status: u16,
    /// Header fields, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// Body.
    pub(crate) body: String,
}

impl Response {
    /// A header field, by lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.headers.iter();
        fields.find(|field| field.0 == name).map(|field| &*field.1)
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The name of the echo server that answered.
    pub(crate) fn echo(&self) -> Option<String> {
        let echo: Value = serde_json::from_str(&self.body).ok()?;
        Some(echo["name"].as_str()?.to_owned())
    }
}

/// One kept-alive connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// A request without a body, and its reply. `fields` are whole lines without line ends.
    pub(crate) fn request(
        &mut self,
        method: &str,
        target: &str,
        host: &str,
        fields: &[&str],
    ) -> io::Result<Response> {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
        for field in fields {
            head.push_str(field);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        self.send(head.as_bytes())?;
        self.response(method == "HEAD")
    }

    /// Reads a reply.
    pub(crate) fn response(&mut self, headless: bool) -> io::Result<Response> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut response = Response {
            status: status.ok_or_else(|| odd(format!("no status line: {first:?}")))?,
            ..Response::default()
        };
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| odd(line.clone()))?;
            let field = (name.to_ascii_lowercase(), value.trim().to_owned());
            response.headers.push(field);
        }
        if !headless && response.status != 204 && response.status != 304 {
            response.body = self.body(&response)?;
        }
        Ok(response)
    }

    fn body(&mut self, response: &Response) -> io::Result<String> {
        let mut body = Vec::new();
        if let Some(length) = response.header("content-length") {
            let length: usize = length.parse().map_err(|_| odd("bad length"))?;
            body.resize(length, 0);
            self.stream.read_exact(&mut body)?;
        } else if response.header("transfer-encoding").is_some() {
            loop {
                let size = self.line()?;
                let size = usize::from_str_radix(&size, 16).map_err(|_| odd(size.clone()))?;
                let start = body.len();
                body.resize(start + size, 0);
                self.stream.read_exact(&mut body[start..])?;
                self.line()?;
                if size == 0 {
                    break;
                }
            }
        } else {
            self.stream.read_to_end(&mut body)?;
        }
        String::from_utf8(body).map_err(odd)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

/// One GET on a connection of its own, with `localhost` as its host.
pub(crate) fn get(address: SocketAddr, target: &str) -> io::Result<Response> {
    Client::connect(address)?.request("GET", target, "localhost", &["Connection: close"])
}

fn odd(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
