//! TLS for tests: clients and upstreams that shake hands as a test says and remember how it went,
//! and the material of certificates for the IR.

use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use fg_base::Secret;
use fg_ir::Material;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue,
    Tls13ClientSessionValue,
};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeKind, NamedGroup,
    RootCertStore, ServerConfig, SignatureScheme, StreamOwned, SupportedProtocolVersion,
};

use crate::certificates::{Authority, Issued};
use crate::{Message, PATIENCE};

/// A key pair for the IR.
///
/// # Panics
/// When it is malformed; so do the other functions.
pub fn key_pair(issued: &Issued) -> Material {
    Material::KeyPair {
        chain: chain(issued)
            .iter()
            .map(|certificate| certificate.to_vec())
            .collect(),
        key: Secret::new(key(issued).secret_der().to_vec()),
    }
}

/// Authorities for the IR.
pub fn authorities(authorities: &[&Authority]) -> Material {
    let all = authorities.iter().flat_map(|one| certificates(&one.pem));
    Material::Authorities(all.map(|certificate| certificate.to_vec()).collect())
}

fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .expect("certificates")
}

fn chain(issued: &Issued) -> Vec<CertificateDer<'static>> {
    certificates(&issued.certificate)
}

fn key(issued: &Issued) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).expect("a key")
}

fn roots(authority: &Authority) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(&authority.pem));
    Arc::new(roots)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// How a client shakes hands. Keeps its sessions, for as long as it lives.
pub struct Handshake {
    config: ClientConfig,
}

impl Handshake {
    /// Believes everything that it is shown, offers TLS 1.2 and 1.3 and no application protocol.
    pub fn new() -> Self {
        Self::with_versions(rustls::ALL_VERSIONS)
    }

    /// Only these versions.
    pub fn with_versions(versions: &[&'static SupportedProtocolVersion]) -> Self {
        Self::make(provider(), versions, None)
    }

    /// Only these algorithms for the server's signature.
    pub fn with_schemes(schemes: &'static [SignatureScheme]) -> Self {
        Self::make_with(provider(), rustls::ALL_VERSIONS, None, Some(schemes))
    }

    /// Shows this certificate when asked.
    pub fn showing(issued: &Issued) -> Self {
        Self::make(provider(), rustls::ALL_VERSIONS, Some(issued))
    }

    /// The same with TLS 1.2.
    pub fn showing_before_1_3(issued: &Issued) -> Self {
        Self::make(provider(), &[&rustls::version::TLS12], Some(issued))
    }

    fn make(
        provider: Arc<CryptoProvider>,
        versions: &[&'static SupportedProtocolVersion],
        shown: Option<&Issued>,
    ) -> Self {
        Self::make_with(provider, versions, shown, None)
    }

    fn make_with(
        provider: Arc<CryptoProvider>,
        versions: &[&'static SupportedProtocolVersion],
        shown: Option<&Issued>,
        schemes: Option<&'static [SignatureScheme]>,
    ) -> Self {
        let verifier = Arc::new(Credulous {
            algorithms: provider.signature_verification_algorithms,
            schemes,
        });
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions that there are")
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match shown {
            None => builder.with_no_client_auth(),
            Some(issued) => builder
                .with_client_auth_cert(chain(issued), key(issued))
                .expect("a key of its certificate"),
        };
        Self { config }
    }

    /// What rustls is told.
    pub fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// Offers these application protocols.
    #[must_use]
    pub fn offering(mut self, protocols: &[&str]) -> Self {
        self.config.alpn_protocols = protocols
            .iter()
            .map(|one| one.as_bytes().to_vec())
            .collect();
        self
    }

    /// Sends no server name.
    #[must_use]
    pub fn without_name(mut self) -> Self {
        self.config.enable_sni = false;
        self
    }

    /// Connects and shakes hands, asking for `name`.
    ///
    /// # Errors
    /// When the handshake fails.
    pub fn try_connect(&self, to: SocketAddr, name: &str) -> io::Result<SecureClient> {
        let socket = TcpStream::connect_timeout(&to, PATIENCE)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let tls = ClientConnection::new(Arc::new(self.config.clone()), name)
            .expect("a configuration that works");
        let mut stream = StreamOwned::new(tls, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(SecureClient {
            reader: BufReader::new(stream),
        })
    }

    /// The same, with every record of the handshake sent byte by byte.
    pub fn connect_slowly(&self, to: SocketAddr, name: &str) -> SecureClient {
        let socket = TcpStream::connect_timeout(&to, PATIENCE).expect("the gateway accepts");
        socket.set_nodelay(true).expect("a socket option");
        socket
            .set_read_timeout(Some(PATIENCE))
            .expect("a socket option");
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let mut tls = ClientConnection::new(Arc::new(self.config.clone()), name)
            .expect("a configuration that works");
        while tls.is_handshaking() {
            let mut record = Vec::new();
            tls.write_tls(&mut record).expect("memory");
            for byte in record {
                (&socket).write_all(&[byte]).expect("it is open");
            }
            if !tls.wants_write() && tls.is_handshaking() {
                tls.read_tls(&mut &socket).expect("it is open");
                tls.process_new_packets().expect("a good answer");
            }
        }
        SecureClient {
            reader: BufReader::new(StreamOwned::new(tls, socket)),
        }
    }

    /// Offers the sessions of every server to every other one.
    #[must_use]
    pub fn mixing_sessions(mut self) -> Self {
        let store = Arc::new(OneDrawer(ClientSessionMemoryCache::new(32)));
        self.config.resumption = Resumption::store(store);
        self
    }

    /// Connects and shakes hands, which must succeed.
    pub fn connect(&self, to: SocketAddr, name: &str) -> SecureClient {
        self.try_connect(to, name).expect("a handshake")
    }
}

impl Default for Handshake {
    fn default() -> Self {
        Self::new()
    }
}

/// A client's connection over TLS.
pub struct SecureClient {
    reader: BufReader<StreamOwned<ClientConnection, TcpStream>>,
}

impl SecureClient {
    /// Sends bytes. That the other side closed already is no failure: what it said counts.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let stream = self.reader.get_mut();
        let _ = stream
            .write_all(bytes.as_ref())
            .and_then(|()| stream.flush());
    }

    /// Reads one reply.
    ///
    /// # Panics
    /// When there is none.
    pub fn reply(&mut self) -> Message {
        self.try_reply().expect("a well-formed reply")
    }

    /// Reads one reply, which may fail.
    ///
    /// # Errors
    /// See [`Message::read`].
    pub fn try_reply(&mut self) -> io::Result<Message> {
        Message::read(&mut self.reader, false)
    }

    /// Sends a GET for `/` of this host and reads the reply.
    pub fn get(&mut self, host: &str) -> Message {
        self.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        self.reply()
    }

    /// Reads exactly so many bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes).expect("so many bytes");
        bytes
    }

    /// Sends bytes past TLS.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        // The reply, or its absence, says what became of it.
        let _ = self.reader.get_mut().sock.write_all(bytes);
    }

    /// Reads to the end, which must be said by TLS itself.
    ///
    /// # Errors
    /// When the connection is cut instead.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.reader.read_to_end(&mut rest)?;
        Ok(rest)
    }

    /// Sends an end of TLS, but goes on reading.
    pub fn half_close(&mut self) {
        let stream = self.reader.get_mut();
        stream.conn.send_close_notify();
        let _ = stream.flush();
    }

    /// Cuts the socket without an end of TLS.
    pub fn cut(self) {
        let _ = self
            .reader
            .get_ref()
            .sock
            .shutdown(std::net::Shutdown::Both);
    }

    fn tls(&self) -> &ClientConnection {
        &self.reader.get_ref().conn
    }

    /// Whether an earlier session goes on.
    pub fn is_resumed(&self) -> bool {
        self.tls().handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The application protocol agreed on.
    pub fn protocol(&self) -> Option<String> {
        let protocol = self.tls().alpn_protocol()?;
        Some(String::from_utf8_lossy(protocol).into_owned())
    }

    /// Whether the server has shown this certificate.
    pub fn was_shown(&self, issued: &Issued) -> bool {
        self.tls().peer_certificates() == Some(&chain(issued)[..])
    }
}

/// Keeps the sessions of all servers as if they were one.
#[derive(Debug)]
struct OneDrawer(ClientSessionMemoryCache);

impl OneDrawer {
    fn name() -> ServerName<'static> {
        ServerName::try_from("one.test").expect("a name")
    }
}

impl ClientSessionStore for OneDrawer {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(Self::name(), group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.kx_hint(&Self::name())
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(Self::name(), value);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(&Self::name())
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.0.remove_tls12_session(&Self::name());
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.0.insert_tls13_ticket(Self::name(), value);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(&Self::name())
    }
}

/// Believes every certificate, but not a wrong signature.
#[derive(Debug)]
struct Credulous {
    algorithms: WebPkiSupportedAlgorithms,
    schemes: Option<&'static [SignatureScheme]>,
}

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        match self.schemes {
            Some(schemes) => schemes.to_vec(),
            None => self.algorithms.supported_schemes(),
        }
    }
}

/// What an upstream with TLS shows, offers and asks for.
#[derive(Clone)]
pub struct Serving {
    pub(crate) config: Arc<ServerConfig>,
}

impl Serving {
    /// Shows a certificate, speaks HTTP/1.1, asks nothing of clients.
    pub fn new(issued: &Issued) -> Self {
        Self::make(issued, None)
    }

    /// Speaks these application protocols instead.
    #[must_use]
    pub fn offering(self, protocols: &[&str]) -> Self {
        let mut config = ServerConfig::clone(&self.config);
        config.alpn_protocols = protocols
            .iter()
            .map(|one| one.as_bytes().to_vec())
            .collect();
        Self {
            config: Arc::new(config),
        }
    }

    /// What rustls is told.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    /// Demands a certificate of this authority.
    pub fn demanding(issued: &Issued, authority: &Authority) -> Self {
        Self::make(issued, Some(authority))
    }

    fn make(issued: &Issued, authority: Option<&Authority>) -> Self {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("versions that there are");
        let builder = match authority {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(roots(authority), provider());
                builder.with_client_cert_verifier(verifier.build().expect("an authority"))
            }
        };
        let mut config = builder
            .with_single_cert(chain(issued), key(issued))
            .expect("a key of its certificate");
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self {
            config: Arc::new(config),
        }
    }
}

/// How one handshake with an upstream went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeted {
    /// The name that was asked for.
    pub name: Option<String>,
    /// The application protocol agreed on.
    pub protocol: Option<String>,
    /// The client's certificate, in DER.
    pub certificate: Option<Vec<u8>>,
    /// Whether an earlier session goes on.
    pub resumed: bool,
}
