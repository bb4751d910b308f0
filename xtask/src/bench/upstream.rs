//! The backend of the benchmark: one thread, a fixed answer to every request, and nothing else.
//!
//! It shares a core with the load generator, so it must cost as little as it can: a request is one `recv`, one
//! `send` and a share of an `epoll_wait`. It relies on what holds here and nowhere else: requests have no body, and a
//! proxy sends the next one only after the answer, so bytes that end in an empty line are exactly one request.

use std::ffi::OsString;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use super::http;
use super::process::Process;
use super::site::Way;

/// The core that load and upstream share.
pub(crate) const LOAD_CORE: u32 = 1;

/// Starts this program again as an upstream on `address` that answers with `body_length` bytes.
pub(crate) fn start(
    address: SocketAddr,
    body_length: usize,
    folder: &Path,
) -> anyhow::Result<Process> {
    // By this link and not by its path: the file may be rebuilt while the benchmark runs.
    let own = format!("/proc/{}/exe", std::process::id());
    let command = [
        &own,
        "bench",
        "upstream",
        &address.to_string(),
        &body_length.to_string(),
    ]
    .map(OsString::from);
    let mut process = Process::start(
        "upstream",
        Some(LOAD_CORE),
        &command,
        &folder.join("upstream.log"),
    )?;
    process.wait_until_ok(address, "upstream", "/")?;
    let reply = http::get_once(address, "upstream", "/")?;
    anyhow::ensure!(
        reply.body_length == body_length,
        "the upstream answers with {} bytes",
        reply.body_length
    );
    Ok(process)
}

/// Starts nginx as an upstream that answers every gRPC call with an empty message and the trailer of success.
pub(crate) fn start_grpc(address: SocketAddr, folder: &Path) -> anyhow::Result<Process> {
    let file = folder.join("grpc-upstream.conf");
    let place = folder.display();
    // An empty message: five bytes of nothing, which a configuration cannot hold; the length of a text does as well
    // for a proxy, which does not read it.
    let text = format!(
        "daemon off;
pid {place}/grpc-upstream.pid;
error_log {place}/grpc-upstream.log error;
worker_processes 1;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {place}/body;
  proxy_temp_path {place}/proxy;
  fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi;
  scgi_temp_path {place}/scgi;
  keepalive_timeout 3600s;
  keepalive_requests 1000000000;
  http2_max_concurrent_streams 1024;
  server {{
    listen {address} http2;
    location / {{
      default_type application/grpc;
      add_trailer grpc-status 0;
      return 200 \"a message of five words\";
    }}
  }}
}}
"
    );
    std::fs::write(&file, text)?;
    let nginx = super::tools::find("nginx", "nginx-light")?;
    let command = [
        nginx.into(),
        OsString::from("-e"),
        folder.join("grpc-upstream.log").into(),
        "-c".into(),
        file.into(),
    ];
    let mut process = Process::start(
        "upstream",
        Some(LOAD_CORE),
        &command,
        &folder.join("upstream.log"),
    )?;
    process.wait_until(|| super::h2load::probe(address, &Way::Grpc))?;
    Ok(process)
}

/// Serves until it is killed. `words` are the address and the length of the body in bytes.
pub(crate) fn serve(words: &[String]) -> anyhow::Result<()> {
    let [address, body_length] = words else {
        anyhow::bail!("wants an address and a length");
    };
    let answer = answer(body_length.parse()?);
    let mut listener = TcpListener::bind(address.parse()?).context("cannot listen")?;
    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, Token(0), Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut block = [0; 8 * 1024];
    // Token n + 1 is slot n.
    let mut slots: Vec<Option<Client>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    loop {
        if let Err(error) = poll.poll(&mut events, None) {
            if error.kind() == ErrorKind::Interrupted {
                continue;
            }
            return Err(error.into());
        }
        for event in &events {
            if event.token() == Token(0) {
                accept(&mut listener, &poll, &mut slots, &mut free)?;
                continue;
            }
            let slot = event.token().0 - 1;
            if let Some(client) = slots[slot].as_mut()
                && client.serve(&answer, &mut block).is_err()
            {
                slots[slot] = None;
                free.push(slot);
            }
        }
    }
}

fn accept(
    listener: &mut TcpListener,
    poll: &Poll,
    slots: &mut Vec<Option<Client>>,
    free: &mut Vec<usize>,
) -> anyhow::Result<()> {
    while let Ok((mut stream, _)) = listener.accept() {
        stream.set_nodelay(true)?;
        let slot = free.pop().unwrap_or_else(|| {
            slots.push(None);
            slots.len() - 1
        });
        poll.registry().register(
            &mut stream,
            Token(slot + 1),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        slots[slot] = Some(Client {
            stream,
            last: [0; 4],
            sent: None,
        });
    }
    Ok(())
}

/// One connection of a proxy.
struct Client {
    stream: TcpStream,
    /// The last four bytes received of a request that is not whole yet.
    last: [u8; 4],
    /// How much of the answer has left, while it is on its way.
    sent: Option<usize>,
}

impl Client {
    /// Goes on as far as the socket lets it. An error means that the connection is over.
    fn serve(&mut self, answer: &[u8], block: &mut [u8]) -> std::io::Result<()> {
        let mut is_empty = false;
        while self.flush(answer)? && !is_empty {
            match self.stream.read(block) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    // A short read emptied the socket: what comes later is a new event.
                    is_empty = count < block.len();
                    if self.ends_request(&block[..count]) {
                        self.last = [0; 4];
                        self.sent = Some(0);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends what is still to be sent; false if the socket takes no more for now.
    fn flush(&mut self, answer: &[u8]) -> std::io::Result<bool> {
        while let Some(sent) = self.sent {
            match self.stream.write(&answer[sent..]) {
                Ok(count) => self.sent = (sent + count < answer.len()).then_some(sent + count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn ends_request(&mut self, bytes: &[u8]) -> bool {
        match bytes.last_chunk::<4>() {
            Some(end) => self.last = *end,
            None => {
                for byte in bytes {
                    self.last.rotate_left(1);
                    self.last[3] = *byte;
                }
            }
        }
        self.last == *b"\r\n\r\n"
    }
}

/// The fixed answer, head and body.
fn answer(body_length: usize) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/json\r\n\
         Cache-Control: private, max-age=0\r\nContent-Length: {body_length}\r\n\r\n"
    )
    .into_bytes();
    answer.resize(answer.len() + body_length, b'x');
    answer
}
