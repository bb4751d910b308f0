//! A little HTTP client on blocking sockets, which knows whether its connection stayed open, and a load made of it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

/// How long one answer may take before it counts as none.
const LIMIT: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Reply {
    /// A field's value.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A connection that is kept alive.
pub(crate) struct Connection {
    stream: TcpStream,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, LIMIT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        Ok(Self { stream })
    }

    /// One GET, with its whole answer.
    pub(crate) fn get(&mut self, host: &str, path: &str) -> anyhow::Result<Reply> {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))?;
        self.reply()
    }

    /// Sends a piece of a request.
    pub(crate) fn send(&mut self, text: &str) -> anyhow::Result<()> {
        self.stream.write_all(text.as_bytes()).context("sending")
    }

    /// Reads an answer whose length is told.
    pub(crate) fn reply(&mut self) -> anyhow::Result<Reply> {
        let mut bytes = Vec::new();
        let length = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.more(&mut bytes)?;
        };
        let mut body = bytes.split_off(length);
        let head = String::from_utf8_lossy(&bytes).into_owned();
        let status = head.split(' ').nth(1).context("no status")?.parse()?;
        let mut reply = Reply {
            status,
            head,
            body: String::new(),
        };
        match reply.field("content-length") {
            Some(length) => {
                let length: usize = length.parse()?;
                while body.len() < length {
                    self.more(&mut body)?;
                }
            }
            // Read to its end, not put together.
            None => {
                while !body.ends_with(b"0\r\n\r\n") {
                    self.more(&mut body)?;
                }
            }
        }
        reply.body = String::from_utf8_lossy(&body).into_owned();
        Ok(reply)
    }

    /// Waits until the other side ends it, however.
    pub(crate) fn is_cut(&mut self, patience: Duration) -> anyhow::Result<()> {
        self.stream.set_read_timeout(Some(patience))?;
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Ok(()),
                Err(error) => return Err(error).context("the connection stays open"),
            }
        }
    }

    fn more(&mut self, bytes: &mut Vec<u8>) -> anyhow::Result<()> {
        let mut buffer = [0; 16 << 10];
        match self.stream.read(&mut buffer).context("reading")? {
            0 => bail!("the connection was closed"),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
        Ok(())
    }
}

/// One GET on a connection of its own.
pub(crate) fn get(address: SocketAddr, host: &str, path: &str) -> anyhow::Result<Reply> {
    Connection::open(address)?.get(host, path)
}

/// Clients that ask again and again, each on one connection that has to stay open for all of its requests.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<JoinHandle<anyhow::Result<()>>>,
}

impl Load {
    /// Starts a client for each host. To be called inside of the cluster's namespace.
    pub(crate) fn start(address: SocketAddr, hosts: &[String]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicU64::new(0));
        let clients = hosts.iter().map(|host| {
            let (stop, answered, host) = (stop.clone(), answered.clone(), host.clone());
            std::thread::spawn(move || {
                let mut connection = Connection::open(address)?;
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    let reply = connection.get(&host, "/");
                    let reply = reply.with_context(|| format!("request {count} for {host}"))?;
                    ensure!(reply.status == 200, "request {count} for {host}: {reply:?}");
                    count += 1;
                    answered.fetch_add(1, Ordering::Relaxed);
                    // Enough to hit every moment, and not to be in the way of what is looked at.
                    std::thread::sleep(Duration::from_millis(5));
                }
                Ok(())
            })
        });
        Self {
            clients: clients.collect(),
            stop,
            answered,
        }
    }

    /// How many answers came so far.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Ends it. Errors: the first request that failed.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            client.join().expect("a client does not panic")?;
        }
        Ok(())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
