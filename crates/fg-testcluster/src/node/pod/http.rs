//! One HTTP request for a probe or a hook.

use std::{fmt::Write as _, net::SocketAddr, sync::Arc};

use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// Asks for a path and gives the status; the body is not read.
///
/// # Errors
/// Words about why there is no status.
pub(super) async fn get(
    address: SocketAddr,
    tls: bool,
    path: &str,
    headers: &[(String, String)],
) -> Result<u16, String> {
    let mut request = format!("GET /{} HTTP/1.1\r\n", path.trim_start_matches('/'));
    for (name, value) in headers {
        write!(request, "{name}: {value}\r\n").ok();
    }
    request.push_str("Accept: */*\r\nConnection: close\r\n\r\n");
    let socket = TcpStream::connect(address)
        .await
        .map_err(|why| format!("connecting to {address}: {why}"))?;
    if !tls {
        return exchange(socket, &request).await;
    }
    let connector = TlsConnector::from(Arc::new(anything()));
    let name = ServerName::from(address.ip());
    let stream = connector
        .connect(name, socket)
        .await
        .map_err(|why| format!("TLS with {address}: {why}"))?;
    exchange(stream, &request).await
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
) -> Result<u16, String> {
    stream
        .write_all(request.as_bytes())
        .await
        .map_err(|why| why.to_string())?;
    let mut head = Vec::new();
    while head.len() < 16 && !head.contains(&b'\n') {
        let read = stream
            .read_buf(&mut head)
            .await
            .map_err(|why| why.to_string())?;
        if read == 0 {
            break;
        }
    }
    let text = String::from_utf8_lossy(&head);
    let status = text
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.get(2..5))
        .and_then(|code| code.parse().ok());
    status.ok_or_else(|| {
        format!(
            "no HTTP answer: {:?}",
            text.chars().take(40).collect::<String>()
        )
    })
}

fn anything() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Arc::new(Anything(Arc::clone(&provider)));
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider's own suites fit the default versions");
    builder
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth()
}

/// Believes every certificate: a kubelet's probes do.
#[derive(Debug)]
struct Anything(Arc<CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_status_is_read_and_other_protocols_are_told_apart() {
        let (mut server, client) = tokio::io::duplex(1024);
        server
            .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .await
            .unwrap();
        assert_eq!(exchange(client, "GET / HTTP/1.1\r\n\r\n").await, Ok(204));
        let (mut server, client) = tokio::io::duplex(1024);
        server.write_all(b"SSH-2.0-something\r\n").await.unwrap();
        assert!(exchange(client, "x").await.unwrap_err().contains("SSH-2.0"));
    }
}
