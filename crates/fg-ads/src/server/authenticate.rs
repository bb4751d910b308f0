//! Who may see what.

use std::net::SocketAddr;
use std::time::Duration;

use tonic::Status;

use super::Protocol;
use crate::message::Node;

/// What a client may see, and for how long that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The one scope that it gets.
    pub scope: String,
    /// Until its token expires: then the stream is closed, and the client comes back with a fresh one.
    /// Default: for ever.
    pub valid_for: Option<Duration>,
}

/// Decides who a client is.
#[tonic::async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// Whether this token is anybody's at all. Asked before the first message is read, which may be
    /// large: who has no good token cannot make the server hold one. Who lets a client in is
    /// [`Self::identify`], which is asked in any case. Default: everybody may go on.
    ///
    /// # Errors
    /// As those of [`Self::identify`].
    ///
    /// Cancel: as [`Self::identify`].
    async fn admit(&self, token: Option<&str>, peer: Option<SocketAddr>) -> Result<(), Status> {
        let _ = (token, peer);
        Ok(())
    }

    /// Who has this token and says that it is this node. `token` is what stands behind `Bearer ` in
    /// the request's `authorization`. The protocol is the one it speaks: what one gets may be cut
    /// otherwise for the other.
    ///
    /// # Errors
    /// What the client is told: `unauthenticated` if the token is no good, `permission_denied` if it
    /// is somebody else's, `unavailable` if nobody could be asked.
    ///
    /// Cancel: safe; it is dropped when it takes longer than the server's first deadline.
    async fn identify(
        &self,
        token: Option<&str>,
        node: &Node,
        peer: Option<SocketAddr>,
        protocol: Protocol,
    ) -> Result<Identity, Status>;
}
