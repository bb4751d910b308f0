//! What both WebSocket sides share: the steps of a case, and what a side saw, as text that compares.

use serde::{Deserialize, Serialize};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message};

use crate::common::{hex, sha256};

/// A step that a client takes, in order.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub(crate) enum Step {
    /// A text message of the letter pattern, in so many frames.
    Text { size: u64, frames: u64 },
    /// A binary message of the byte pattern, in so many frames.
    Binary { size: u64, frames: u64 },
    /// A text message with these words: what the server is to do.
    Say { text: String },
    /// A ping with this payload.
    Ping { text: String },
    /// Bytes onto the connection as they are, in hexadecimal.
    Raw { hex: String },
    /// Waits for so many events.
    Wait { events: usize },
    /// Closes; code 0 is a close without one.
    Close { code: u16, reason: String },
}

/// What a side saw.
#[derive(Default, Serialize)]
pub(crate) struct Transcript {
    /// The case.
    pub(crate) id: String,
    /// Events in order.
    pub(crate) events: Vec<String>,
}

impl Transcript {
    /// Notes a message; whether it was the close.
    pub(crate) fn note(&mut self, message: &Message) -> bool {
        let event = match message {
            Message::Text(text) => format!("text {} {}", text.len(), sha256(text.as_bytes())),
            Message::Binary(data) => format!("binary {} {}", data.len(), sha256(data)),
            Message::Ping(data) => format!("ping {}", hex(data)),
            Message::Pong(data) => format!("pong {}", hex(data)),
            Message::Close(None) => "close".to_owned(),
            Message::Close(Some(frame)) => {
                format!("close {} {}", u16::from(frame.code), frame.reason)
            }
            Message::Frame(_) => "frame".to_owned(),
        };
        self.events.push(event);
        message.is_close()
    }

    /// Notes an error, but for the end after a close.
    pub(crate) fn note_error(&mut self, error: &Error) {
        match error {
            Error::ConnectionClosed | Error::AlreadyClosed => self.events.push("closed".to_owned()),
            Error::Io(error) => self.events.push(format!("io {:?}", error.kind())),
            other => self.events.push(format!("error {other}")),
        }
    }
}

/// A close frame; code 0 is none.
pub(crate) fn close_frame(code: u16, reason: &str) -> Option<tungstenite::protocol::CloseFrame> {
    (code != 0).then(|| tungstenite::protocol::CloseFrame {
        code: CloseCode::from(code),
        reason: reason.to_owned().into(),
    })
}

/// `size` letters, the text that all peers use.
pub(crate) fn letters(size: u64) -> String {
    (0..size)
        .map(|number| char::from(b'a' + (number % 26) as u8))
        .collect()
}
