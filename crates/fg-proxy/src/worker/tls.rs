//! A socket with TLS on it.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

/// TLS on a socket, after the handshake.
#[derive(Debug)]
pub(crate) enum TlsStream {}

impl TlsStream {
    pub(crate) fn poll_recv(
        &mut self,
        _: &mut Context<'_>,
        _: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        match *self {}
    }

    pub(crate) fn poll_send(
        &mut self,
        _: &mut Context<'_>,
        _: &[u8],
        _: &[u8],
    ) -> Poll<io::Result<usize>> {
        match *self {}
    }

    pub(crate) fn poll_flush(&mut self, _: &mut Context<'_>, _: impl Fn()) -> Poll<io::Result<()>> {
        match *self {}
    }

    pub(crate) fn poll_read_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }

    pub(crate) fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }

    pub(crate) fn is_quiet(&mut self) -> bool {
        match *self {}
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match *self {}
    }
}
