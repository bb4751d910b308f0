//! HTTP/2, RFC 9113, by the `h2` crate: its fields are written into our heads on arrival, and a
//! header map is built only when sending. No type of `h2` or `http` leaves this folder.
//!
//! A [`Stream`] is one request and its reply. It reads and writes like a socket, so that whoever
//! moves bodies needs to know little about it: what is read is DATA, what is written becomes DATA,
//! and both directions end with END_STREAM, after trailers if there are any.

mod client;
mod fields;
mod request;
mod server;
mod settings;
mod stream;

pub use client::{Client, Driver, Pings, Response, Sending};
pub use fields::Trailers;
pub use server::{Arrival, Broken, Server};
pub use settings::{PREFACE, Settings};
pub use stream::{Cut, Stream};

use std::io;

/// An error of `h2` as one of sockets. [`io::ErrorKind::ConnectionRefused`] says that the other
/// side certainly did nothing with the request, so that it may be sent again (RFC 9113 §8.7).
fn io_error(error: h2::Error) -> io::Error {
    let untouched = error.reason() == Some(h2::Reason::REFUSED_STREAM)
        || (error.is_go_away()
            && error.is_remote()
            && error.reason() == Some(h2::Reason::NO_ERROR));
    if untouched {
        return io::Error::new(io::ErrorKind::ConnectionRefused, error);
    }
    if error.is_io() {
        return error
            .into_io()
            .unwrap_or_else(|| io::ErrorKind::ConnectionReset.into());
    }
    io::Error::new(io::ErrorKind::ConnectionReset, error)
}
