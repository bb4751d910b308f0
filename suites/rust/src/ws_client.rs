//! A tungstenite client: cases in, transcripts out, a line of JSON each.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{Message, WebSocket};

use crate::common::{body, latin, say, unhex};
use crate::ws::{Step, Transcript, close_frame, letters};

/// A case as it comes in, a line of JSON.
#[derive(Deserialize)]
struct Case {
    id: String,
    /// `ADDRESS:PORT` to connect to.
    address: String,
    path: String,
    headers: Vec<[String; 2]>,
    /// How many bytes go into each write; 0 leaves it to the library.
    split: usize,
    steps: Vec<Step>,
}

/// Answers every case.
pub(crate) fn run() -> anyhow::Result<()> {
    for line in std::io::stdin().lines() {
        let case: Case = serde_json::from_str(&line?)?;
        let mut transcript = Transcript {
            id: case.id.clone(),
            ..Transcript::default()
        };
        if let Err(error) = act(&case, &mut transcript) {
            transcript.events.push(format!("failed {error:#}"));
        }
        say(&transcript)?;
    }
    Ok(())
}

fn act(case: &Case, transcript: &mut Transcript) -> anyhow::Result<()> {
    let stream = TcpStream::connect(&case.address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let stream = Split { stream, size: 0 };
    let mut request = format!("ws://{}{}", case.address, case.path).into_client_request()?;
    for [name, value] in &case.headers {
        request
            .headers_mut()
            .append(http::HeaderName::try_from(name)?, value.parse()?);
    }
    let config = WebSocketConfig::default()
        .max_message_size(None)
        .max_frame_size(None);
    let (mut socket, response) =
        tungstenite::client::client_with_config(request, stream, Some(config))
            .map_err(|error| anyhow::anyhow!("handshake: {error}"))?;
    if let Some(chosen) = response.headers().get("sec-websocket-protocol") {
        transcript
            .events
            .push(format!("chosen {}", latin(chosen.as_bytes())));
    }
    // Only now: tungstenite's server takes a handshake in many pieces for an attack.
    socket.get_mut().size = case.split;
    for step in &case.steps {
        match step {
            Step::Text { size, frames } => {
                send_message(&mut socket, letters(*size).as_bytes(), true, *frames)?
            }
            Step::Binary { size, frames } => {
                send_message(&mut socket, &body(*size, 0), false, *frames)?
            }
            Step::Say { text } => socket.send(Message::text(text))?,
            Step::Ping { text } => socket.send(Message::Ping(text.clone().into()))?,
            Step::Raw { hex } => {
                let bytes = unhex(hex)?;
                socket.get_mut().write_all(&bytes)?;
                socket.get_mut().flush()?;
            }
            Step::Wait { events } => {
                for _ in 0..*events {
                    if read(&mut socket, transcript) {
                        return Ok(());
                    }
                }
            }
            Step::Close { code, reason } => {
                socket.close(close_frame(*code, reason)).context("close")?
            }
        }
    }
    while !read(&mut socket, transcript) {}
    Ok(())
}

/// Notes the next event; whether it was the last.
fn read<S: Read + Write>(socket: &mut WebSocket<S>, transcript: &mut Transcript) -> bool {
    match socket.read() {
        Ok(message) => {
            transcript.note(&message);
            false
        }
        Err(error) => {
            transcript.note_error(&error);
            true
        }
    }
}

/// Sends one message in so many frames.
pub(crate) fn send_message<S: Read + Write>(
    socket: &mut WebSocket<S>,
    data: &[u8],
    text: bool,
    frames: u64,
) -> anyhow::Result<()> {
    let Ok(frames) = usize::try_from(frames.max(1)) else {
        bail!("too many frames");
    };
    let share = data.len().div_ceil(frames).max(1);
    for number in 0..frames {
        let from = (number * share).min(data.len());
        let to = ((number + 1) * share).min(data.len());
        let kind = match (number, text) {
            (0, true) => Data::Text,
            (0, false) => Data::Binary,
            _ => Data::Continue,
        };
        let last = number + 1 == frames;
        let frame = Frame::message(data[from..to].to_vec(), OpCode::Data(kind), last);
        socket.send(Message::Frame(frame))?;
    }
    Ok(())
}

/// A connection whose writes are cut into pieces, each of which leaves on its own.
struct Split {
    stream: TcpStream,
    size: usize,
}

impl Read for Split {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        self.stream.read(to)
    }
}

impl Write for Split {
    fn write(&mut self, from: &[u8]) -> std::io::Result<usize> {
        if self.size == 0 {
            return self.stream.write(from);
        }
        let piece = &from[..self.size.min(from.len())];
        self.stream.write_all(piece)?;
        // Long enough for the other side to read the piece alone, most of the time.
        std::thread::sleep(Duration::from_micros(200));
        Ok(piece.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}
