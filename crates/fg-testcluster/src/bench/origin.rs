//! The server behind all routes but those of the pods: it answers on every address of a range, so that ten thousand
//! endpoints are there without ten thousand processes.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::cluster::{Cluster, runtime};

/// The addresses it answers on: the kernel takes all of them as its own.
const RANGE: &str = "10.250.0.0/15";
/// Its port.
pub(super) const PORT: u16 = 3000;
/// How many endpoints there are names for.
const MOST: usize = 60_000;

/// The address of an endpoint, by number; numbers start again at 60,000.
pub(super) fn address(number: usize) -> Ipv4Addr {
    let number = number % MOST;
    let part = |value: usize| u8::try_from(value).unwrap_or(u8::MAX);
    Ipv4Addr::new(10, 251, part(number / 250), part(number % 250 + 1))
}

/// Starts it on a thread that ends with the process. Called inside the cluster's namespace.
/// Errors: the range cannot be had, or the port.
pub(super) fn start(cluster: &Cluster) -> anyhow::Result<()> {
    let route = cluster
        .enter("ip")
        .args(["route", "add", "local", RANGE, "dev", "lo"])
        .status()
        .context("cannot run ip")?;
    ensure!(route.success(), "the kernel does not take {RANGE}");
    let listener = std::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)))?;
    listener.set_nonblocking(true)?;
    let runtime = runtime()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let Ok(listener) = TcpListener::from_std(listener) else {
                return;
            };
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream));
            }
        });
    });
    Ok(())
}

/// Answers one request after the other, none of which has a body.
async fn answer(mut stream: TcpStream) {
    // Without it answers are only slower.
    stream.set_nodelay(true).ok();
    let mut bytes = Vec::new();
    loop {
        while let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            bytes.drain(..at + 4);
            let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n";
            if stream.write_all(reply).await.is_err() {
                return;
            }
        }
        match stream.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}
