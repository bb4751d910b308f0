//! The body that every peer makes, lines of JSON, and hashes.

use std::io::Write as _;

use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The period of the pattern that all peers use: byte number i is i modulo it.
const PERIOD: u64 = 251;

/// The size of the blocks that bodies are sent in.
pub(crate) const BLOCK: u64 = 64 * 1024;

/// `length` bytes of the pattern, from number `start` on.
pub(crate) fn body(length: u64, start: u64) -> Bytes {
    (start..start + length)
        .map(|number| (number % PERIOD) as u8)
        .collect::<Vec<u8>>()
        .into()
}

/// The pattern in blocks.
pub(crate) fn blocks(length: u64) -> impl Iterator<Item = Bytes> + Send + Sync {
    (0..length.div_ceil(BLOCK))
        .map(move |block| body(BLOCK.min(length - block * BLOCK), block * BLOCK))
}

/// The hash of some bytes, in hexadecimal.
pub(crate) fn sha256(data: &[u8]) -> String {
    hex(&Sha256::digest(data))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(data: &[u8]) -> String {
    data.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes from hexadecimal.
pub(crate) fn unhex(text: &str) -> anyhow::Result<Vec<u8>> {
    (0..text.len() / 2)
        .map(|at| Ok(u8::from_str_radix(&text[2 * at..2 * at + 2], 16)?))
        .collect()
}

/// Gives one result, as a line.
pub(crate) fn say(result: &impl Serialize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, result)?;
    writeln!(out)?;
    Ok(out.flush()?)
}

/// Runs a future on a runtime of one thread.
pub(crate) fn on_runtime(run: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(run)
}

/// Field values as text, one character a byte.
pub(crate) fn latin(value: &[u8]) -> String {
    value.iter().map(|byte| char::from(*byte)).collect()
}
