//! A bridge from an HTTP/1.1 WebSocket client to a server that is spoken to by extended CONNECT (RFC 8441): it ends the
//! opening handshake on its own side, opens a stream with the same path and fields, and copies bytes from there on.
//! And a tunnel that only adds TLS, for clients that speak HTTP/1.1.

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use h2::client::SendRequest;
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use http::{Method, Request, Response, Uri};
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::tls;

/// What a server appends to the key of the handshake (RFC 6455 §1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The window that is granted for a stream and for a connection.
const WINDOW: u32 = 1 << 20;

/// Listens at `listen` and goes on to `to` over TLS, with the bytes as they are.
pub(crate) async fn tunnel(listen: &str, to: &str, ca: &str) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (mut client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        let connector = tls::client(ca, &[b"http/1.1"])?;
        let to = to.to_owned();
        tokio::spawn(async move {
            let server = TcpStream::connect(&to).await?;
            server.set_nodelay(true)?;
            let host = to.split(':').next().unwrap_or_default().to_owned();
            let mut server = connector.connect(host.try_into()?, server).await?;
            tokio::io::copy_bidirectional(&mut client, &mut server).await?;
            anyhow::Ok(())
        });
    }
}

/// Listens at `listen` and goes on to `to`: over TLS where `ca` is a file, else in clear by prior knowledge.
pub(crate) async fn run(listen: &str, to: &str, ca: &str) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        let (to, ca) = (to.to_owned(), ca.to_owned());
        tokio::spawn(async move {
            if let Err(error) = serve(client, &to, &ca).await {
                eprintln!("connection: {error:#}");
            }
        });
    }
}

async fn serve(client: TcpStream, to: &str, ca: &str) -> anyhow::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (head, rest) = read_head(&mut from_client).await?;
    let mut lines = head.lines();
    let path = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .context("no path")?;
    let fields: Vec<(&str, &str)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name, value.trim()))
        .collect();
    let server = TcpStream::connect(to).await?;
    server.set_nodelay(true)?;
    let stream = if ca.is_empty() {
        open(server, to, path, &fields, "http").await
    } else {
        let connector = tls::client(ca, &[b"h2"])?;
        let host = to.split(':').next().unwrap_or_default().to_owned();
        let server = connector.connect(host.try_into()?, server).await?;
        ensure!(server.get_ref().1.alpn_protocol() == Some(b"h2"), "no h2");
        open(server, to, path, &fields, "https").await
    };
    let (response, sender) = match stream {
        Ok(both) => both,
        Err(error) => {
            let text = format!(
                "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nx-reason: {error:#}\r\n\r\n"
            );
            to_client.write_all(text.as_bytes()).await?;
            return Err(error);
        }
    };
    let accepted = answer(&response, &fields);
    to_client.write_all(accepted.as_bytes()).await?;
    ensure!(response.status() == 200, "status {}", response.status());
    let up = copy_up(from_client, rest, sender);
    let down = copy_down(response.into_body(), to_client);
    let (up, down) = tokio::join!(up, down);
    up.and(down)
}

/// Reads up to the empty line; gives the head and what came behind it.
async fn read_head(from: &mut OwnedReadHalf) -> anyhow::Result<(String, Bytes)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(at + 4);
            return Ok((String::from_utf8(bytes)?, rest.into()));
        }
        ensure!(from.read_buf(&mut bytes).await? > 0, "ended in its head");
    }
}

/// Opens the stream, once the server has said that it knows extended CONNECT.
async fn open(
    server: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    authority: &str,
    path: &str,
    fields: &[(&str, &str)],
    scheme: &str,
) -> anyhow::Result<(Response<RecvStream>, SendStream<Bytes>)> {
    let mut builder = h2::client::Builder::new();
    builder
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW);
    let (sender, connection) = builder.handshake(server).await?;
    tokio::spawn(connection);
    let mut sender: SendRequest<Bytes> = sender.ready().await?;
    for _ in 0..500 {
        if sender.is_extended_connect_protocol_enabled() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    ensure!(
        sender.is_extended_connect_protocol_enabled(),
        "the server announces no extended CONNECT"
    );
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(authority)
        .path_and_query(path)
        .build()?;
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(uri)
        .extension(Protocol::from_static("websocket"));
    let dropped = ["host", "connection", "upgrade", "sec-websocket-key"];
    for (name, value) in fields {
        if !dropped.contains(&name.to_ascii_lowercase().as_str()) {
            request = request.header(*name, *value);
        }
    }
    let (response, stream) = sender.send_request(request.body(())?, false)?;
    Ok((response.await?, stream))
}

/// The answer that an HTTP/1.1 client expects.
fn answer(response: &Response<RecvStream>, fields: &[(&str, &str)]) -> String {
    let status = response.status();
    let mut text = if status == 200 {
        let key = fields
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
        let mut digest = Sha1::new();
        digest.update(key.map(|(_, value)| *value).unwrap_or_default());
        digest.update(GUID);
        let accept = BASE64_STANDARD.encode(digest.finalize());
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {accept}\r\n"
        )
    } else {
        format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n")
    };
    for (name, value) in response.headers() {
        if name.as_str().starts_with("sec-websocket-") && name != "sec-websocket-accept" {
            text.push_str(&format!(
                "{name}: {}\r\n",
                String::from_utf8_lossy(value.as_bytes())
            ));
        }
    }
    text + "\r\n"
}

async fn copy_up(
    mut from: OwnedReadHalf,
    first: Bytes,
    mut to: SendStream<Bytes>,
) -> anyhow::Result<()> {
    let mut next = first;
    loop {
        while !next.is_empty() {
            to.reserve_capacity(next.len());
            let granted = std::future::poll_fn(|context| to.poll_capacity(context)).await;
            let granted = granted.context("the stream is over")??;
            to.send_data(next.split_to(granted.min(next.len())), false)?;
        }
        let mut block = vec![0; 64 * 1024];
        let count = from.read(&mut block).await?;
        if count == 0 {
            return Ok(to.send_data(Bytes::new(), true)?);
        }
        block.truncate(count);
        next = block.into();
    }
}

async fn copy_down(mut from: RecvStream, mut to: OwnedWriteHalf) -> anyhow::Result<()> {
    while let Some(data) = from.data().await {
        let data = data?;
        to.write_all(&data).await?;
        from.flow_control().release_capacity(data.len())?;
    }
    Ok(to.shutdown().await?)
}
