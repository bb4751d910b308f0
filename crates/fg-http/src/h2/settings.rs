//! Bounds on HTTP/2 connections.

/// What a client sends first. Source: RFC 9113 §3.4.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bounds on one HTTP/2 connection, client's or backend's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Streams that a client may have open at a time. Default 128. More are refused
    /// (`REFUSED_STREAM`).
    pub streams: u32,
    /// How much of one body is received ahead of the other side. Units: bytes. Default 256 KiB.
    pub stream_window: u32,
    /// How much of all bodies of a connection is received ahead. Units: bytes. Default 1 MiB.
    pub connection_window: u32,
    /// How much of one body is kept for sending. Units: bytes. Default 64 KiB.
    pub send_buffer: usize,
    /// Streams that the client opened and reset before we looked at them (rapid reset). Default 20.
    /// More end the connection with `ENHANCE_YOUR_CALM`.
    pub early_resets: usize,
    /// Streams that we had to reset because the client broke the protocol on them (made you reset).
    /// Default 100. More end the connection.
    pub forced_resets: usize,
    /// Dynamic table of the header compression. Units: bytes. Default 4 KiB.
    pub header_table: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            streams: 128,
            stream_window: 256 * 1024,
            connection_window: 1024 * 1024,
            send_buffer: 64 * 1024,
            early_resets: 20,
            forced_resets: 100,
            header_table: 4096,
        }
    }
}
