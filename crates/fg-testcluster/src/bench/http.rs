//! The little HTTP client of the measurements: one request at a time on a blocking connection that is kept alive.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail};

/// How long any single answer may take.
const LIMIT: Duration = Duration::from_secs(10);
/// The same for an answer that may take much work.
const LONG: Duration = Duration::from_secs(120);

/// A route's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The value of `Host`.
    pub(super) host: String,
    /// The path.
    pub(super) path: String,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    /// The status code.
    pub(super) status: u16,
    head: String,
    /// The body as text.
    pub(super) body: String,
}

impl Reply {
    /// The value of the first field of this name, in any case.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }
}

/// A connection that is opened when it is needed.
#[derive(Debug)]
pub(super) struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    limit: Duration,
}

impl Connection {
    /// One to `address`, not open yet.
    pub(super) fn to(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            limit: LIMIT,
        }
    }

    /// One to `address`, not open yet, for answers that may take much work.
    pub(super) fn patient(address: SocketAddr) -> Self {
        Self {
            limit: LONG,
            ..Self::to(address)
        }
    }

    /// Sends one GET and reads the whole answer. After an error the next call connects again.
    pub(super) fn get(&mut self, target: &Target) -> anyhow::Result<Reply> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect_timeout(&self.address, LIMIT)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(self.limit))?;
                stream.set_write_timeout(Some(LIMIT))?;
                stream
            }
        };
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n",
            target.path, target.host
        );
        stream
            .write_all(request.as_bytes())
            .context("cannot send")?;
        let reply = read(&mut stream)?;
        if reply.field("connection") != Some("close") {
            self.stream = Some(stream);
        }
        Ok(reply)
    }
}

fn read(stream: &mut TcpStream) -> anyhow::Result<Reply> {
    let mut bytes = Vec::new();
    let length = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, &mut bytes)?;
    };
    let mut body = bytes.split_off(length);
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.with_context(|| format!("no HTTP answer: {head}"))?;
    if let Some(length) = field(&head, "content-length") {
        let length: usize = length.parse()?;
        while body.len() < length {
            more(stream, &mut body)?;
        }
    } else {
        while !body.ends_with(b"\r\n0\r\n\r\n") && body != b"0\r\n\r\n" {
            more(stream, &mut body)?;
        }
        body = whole(&body).context("odd chunks")?;
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Reply { status, head, body })
}

/// A body put together from its chunks; none: they are not complete.
fn whole(mut chunks: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::with_capacity(chunks.len());
    loop {
        let end = chunks.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(chunks.get(..end)?).ok()?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let begin = end + 2;
        body.extend_from_slice(chunks.get(begin..begin + size)?);
        chunks = chunks.get(begin + size + 2..)?;
    }
}

fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> anyhow::Result<()> {
    let mut buffer = [0; 16 << 10];
    match stream.read(&mut buffer) {
        Ok(0) => bail!("the connection was closed"),
        Ok(count) => bytes.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        Err(error) if error.kind() == ErrorKind::Interrupted => {}
        Err(error) => return Err(error).context("no answer"),
    }
    Ok(())
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together() {
        let text = |chunks: &[u8]| whole(chunks).map(|body| String::from_utf8(body).unwrap());
        let chunks = b"4\r\na 0\r\r\n2;x=y\r\n\n1\r\n0\r\n\r\n";
        assert_eq!(text(chunks).as_deref(), Some("a 0\r\n1"));
        assert_eq!(text(b"4\r\na 0"), None);
    }
}
