//! The child's admin pages, on a socket that only this user reaches.

use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

/// For the connection, and for each read.
const PATIENCE: Duration = Duration::from_secs(5);

/// A page larger than this is no page. Units: bytes.
const PAGE: u64 = 64 << 20;

/// The way to them.
#[derive(Clone, Debug)]
pub(crate) struct Admin(PathBuf);

impl Admin {
    /// Behind a socket.
    pub(super) fn new(socket: PathBuf) -> Self {
        Self(socket)
    }

    /// A page.
    ///
    /// # Errors
    /// When there is no child, or it does not answer 200.
    pub(crate) fn get(&self, page: &str) -> io::Result<String> {
        self.ask("GET", page)
    }

    /// Tells it to do something.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) fn post(&self, page: &str) -> io::Result<String> {
        self.ask("POST", page)
    }

    #[cfg(unix)]
    fn ask(&self, method: &str, page: &str) -> io::Result<String> {
        let mut stream = std::os::unix::net::UnixStream::connect(&self.0)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "{method} {page} HTTP/1.1\r\nHost: envoy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )?;
        let mut reply = Vec::new();
        stream.take(PAGE).read_to_end(&mut reply)?;
        body(&String::from_utf8_lossy(&reply))
    }

    #[cfg(not(unix))]
    fn ask(&self, _method: &str, _page: &str) -> io::Result<String> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The body of a complete reply of 200.
fn body(reply: &str) -> io::Result<String> {
    let odd = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let (head, body) = reply
        .split_once("\r\n\r\n")
        .ok_or_else(|| odd("no answer"))?;
    let status = head.lines().next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 200 ") {
        return Err(odd(&format!("{status}: {}", body.trim())));
    }
    let is_chunked = head
        .to_ascii_lowercase()
        .contains("\r\ntransfer-encoding: chunked");
    if !is_chunked {
        return Ok(body.to_owned());
    }
    let mut whole = String::with_capacity(body.len());
    let mut rest = body;
    loop {
        let (size, after) = rest.split_once("\r\n").ok_or_else(|| odd("cut off"))?;
        let size = usize::from_str_radix(size, 16).map_err(|_| odd("no size of a chunk"))?;
        if size == 0 {
            return Ok(whole);
        }
        let chunk = after.get(..size).ok_or_else(|| odd("cut off"))?;
        whole.push_str(chunk);
        rest = after.get(size + 2..).ok_or_else(|| odd("cut off"))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_whole_or_not_at_all() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let page = |rest: &str| body(&format!("{chunked}{rest}")).ok();
        assert_eq!(
            page("3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n").as_deref(),
            Some("abcd")
        );
        for cut in ["", "3\r\nab", "3\r\nabc\r\n", "x\r\n"] {
            assert_eq!(page(cut), None, "{cut}");
        }
        let plain = body("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        assert_eq!(plain.expect("complete"), "ok");
        assert!(body("HTTP/1.1 503 Service Unavailable\r\n\r\nno").is_err());
    }
}
