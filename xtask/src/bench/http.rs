//! The little HTTP client of the harness: one request at a time on a blocking connection.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail};

/// How long any single answer may take.
const LIMIT: Duration = Duration::from_secs(5);

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The status code.
    pub(crate) status: u16,
    /// The head as text, status line and fields.
    head: String,
    /// Length of the body, in bytes.
    pub(crate) body_length: usize,
}

impl Reply {
    /// The value of the first field of this name, in any case.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }
}

/// A kept-alive connection to a proxy.
#[derive(Debug)]
pub(crate) struct Connection(TcpStream);

impl Connection {
    /// Connects, with a limit on every wait.
    pub(crate) fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, LIMIT).context("cannot connect")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        Ok(Self(stream))
    }

    /// Sends one GET and reads the whole answer. After an error the connection is of no more use.
    pub(crate) fn get(&mut self, host: &str, path: &str) -> anyhow::Result<Reply> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
        );
        self.0
            .write_all(request.as_bytes())
            .context("cannot send")?;
        let mut bytes = Vec::new();
        let head_length = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_into(&mut bytes)?;
        };
        let head = String::from_utf8_lossy(&bytes[..head_length]).into_owned();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|word| word.parse().ok())
            .context("no status")?;
        if head.starts_with("HTTP/1.1 100") || field(&head, "transfer-encoding").is_some() {
            bail!("an answer that the benchmark does not expect: {head}");
        }
        let body_length: usize = field(&head, "content-length").unwrap_or("0").parse()?;
        while bytes.len() < head_length + body_length {
            self.read_into(&mut bytes)?;
        }
        Ok(Reply {
            status,
            head,
            body_length,
        })
    }

    fn read_into(&mut self, bytes: &mut Vec<u8>) -> anyhow::Result<()> {
        let mut block = [0; 16 * 1024];
        let count = self.0.read(&mut block).context("cannot read")?;
        if count == 0 {
            bail!("the connection was closed");
        }
        bytes.extend_from_slice(&block[..count]);
        Ok(())
    }
}

/// One GET on a connection of its own.
pub(crate) fn get_once(address: SocketAddr, host: &str, path: &str) -> anyhow::Result<Reply> {
    Connection::open(address)?.get(host, path)
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}
