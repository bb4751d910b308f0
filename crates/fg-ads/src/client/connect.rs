//! From a name to a channel, with the newest authorities and token.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint, Uri};

use super::Options;
use crate::tls;

/// A connection that has come about, to be taken once by the channel.
struct Once(Option<TokioIo<Box<dyn Socket>>>);

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

type Taken = Pin<Box<dyn Future<Output = io::Result<TokioIo<Box<dyn Socket>>>> + Send>>;

impl tonic::codegen::Service<Uri> for Once {
    type Response = TokioIo<Box<dyn Socket>>;
    type Error = io::Error;
    type Future = Taken;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Taken {
        // A channel would connect again by itself; coming back is the runner's affair.
        let taken = self.0.take();
        let taken = taken.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected));
        Box::pin(std::future::ready(taken))
    }
}

/// A channel to the server, new.
///
/// # Errors
/// In words for the operator.
pub(super) async fn channel(options: &Options) -> Result<Channel, String> {
    let server = &options.server;
    let socket = TcpStream::connect(server)
        .await
        .map_err(|error| format!("cannot connect to {server}: {error}"))?;
    let _ = socket.set_nodelay(true);
    let socket: Box<dyn Socket> = match &options.ca_file {
        Some(file) => Box::new(handshake(socket, server, file).await?),
        None => Box::new(socket),
    };
    // The scheme is that of what goes through the socket, which is encrypted already or never.
    let endpoint = Endpoint::from_shared(format!("http://{server}"))
        .map_err(|error| format!("{server} is not HOST:PORT: {error}"))?
        .http2_keep_alive_interval(options.ping_every)
        .keep_alive_timeout(options.ping_deadline)
        .keep_alive_while_idle(true);
    endpoint
        .connect_with_connector(Once(Some(TokioIo::new(socket))))
        .await
        .map_err(|error| format!("no HTTP/2 with {server}: {}", in_words(&error)))
}

async fn handshake(
    socket: TcpStream,
    server: &str,
    ca_file: &Path,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, String> {
    let shown = ca_file.display();
    let authorities = std::fs::read(ca_file)
        .map_err(|error| format!("cannot read the authorities in {shown}: {error}"))?;
    let config = tls::client_config(&authorities).map_err(|flaw| format!("{shown}: {flaw}"))?;
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let name = ServerName::try_from(host)
        .map_err(|error| format!("{server} cannot have a certificate: {error}"))?;
    TlsConnector::from(config)
        .connect(name, socket)
        .await
        .map_err(|error| format!("the TLS handshake with {server} failed: {error}"))
}

/// The `authorization` that proves who this is; none if there is no token file.
///
/// # Errors
/// In words for the operator.
pub(super) fn authorization(options: &Options) -> Result<Option<MetadataValue<Ascii>>, String> {
    let Some(file) = &options.token_file else {
        return Ok(None);
    };
    let shown = file.display();
    let token = std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read the token in {shown}: {error}"))?;
    let value = MetadataValue::try_from(format!("Bearer {}", token.trim()));
    let mut value = value.map_err(|_| format!("{shown} holds no token"))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// An error with its causes.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}
