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

/// Starts nghttpd as an upstream that sends every gRPC message back, with the trailer of success.
pub(crate) fn start_grpc(address: SocketAddr, folder: &Path) -> anyhow::Result<Process> {
    // A GET, which is how the harness asks whether somebody serves, gets a file.
    let files = folder.join("files");
    std::fs::create_dir_all(files.join("shop.Orders"))?;
    std::fs::write(files.join("shop.Orders/Get"), "here")?;
    let program = super::tools::find("nghttpd", "nghttp2-server")?;
    let mut command: Vec<OsString> = vec![program.into()];
    command.extend(
        [
            "--no-tls",
            "--echo-upload",
            "--trailer=grpc-status: 0",
            "-n1",
            "-m1024",
        ]
        .map(OsString::from),
    );
    command.extend([
        "-a".into(),
        address.ip().to_string().into(),
        "-d".into(),
        files.into(),
    ]);
    command.push(address.port().to_string().into());
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
