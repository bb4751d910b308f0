//! A tungstenite server that sends every message back, does what messages with `!` ask for, and prints what it saw.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::anyhow;
use tungstenite::handshake::server::{Request, Response};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket};

use crate::common::{say, unhex};
use crate::ws::{Transcript, close_frame, letters};
use crate::ws_client::send_message;

/// Serves until it is ended.
pub(crate) fn run(address: &str) -> anyhow::Result<()> {
    for stream in TcpListener::bind(address)?.incoming() {
        let stream = stream?;
        thread::spawn(move || {
            if let Err(error) = serve(stream) {
                eprintln!("connection: {error:#}");
            }
        });
    }
    Ok(())
}

fn serve(stream: TcpStream) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let opened = Mutex::new(Transcript::default());
    let config = WebSocketConfig::default()
        .max_message_size(None)
        .max_frame_size(None);
    let callback = |request: &Request, mut response: Response| {
        let Ok(mut transcript) = opened.lock() else {
            return Ok(response);
        };
        transcript.id = request.uri().path().trim_start_matches('/').to_owned();
        // The first of what is offered.
        if let Some(offered) = request.headers().get("sec-websocket-protocol") {
            let text = offered.to_str().unwrap_or_default();
            transcript.events.push(format!("offered {text}"));
            let first = text.split(',').next().unwrap_or_default().trim();
            if let Ok(value) = first.parse() {
                response
                    .headers_mut()
                    .insert("sec-websocket-protocol", value);
            }
        }
        Ok(response)
    };
    let mut socket = tungstenite::accept_hdr_with_config(stream, callback, Some(config))
        .map_err(|error| anyhow!("handshake: {error}"))?;
    let mut transcript = opened.into_inner().unwrap_or_else(PoisonError::into_inner);
    loop {
        match socket.read() {
            Ok(message) => {
                let closes = transcript.note(&message);
                if closes {
                    continue;
                }
                match message {
                    Message::Text(text) if text.starts_with('!') => obey(&mut socket, &text)?,
                    Message::Text(_) | Message::Binary(_) => socket.send(message)?,
                    _ => {}
                }
            }
            Err(error) => {
                transcript.note_error(&error);
                // As the RFC has it: a broken frame is answered by a close with the code of its kind.
                if matches!(error, tungstenite::Error::Protocol(_)) {
                    let _ = socket.close(close_frame(1002, ""));
                    let _ = socket.flush();
                    drain(socket.get_mut());
                }
                break;
            }
        }
    }
    say(&transcript)
}

/// Reads until the client closes: a connection that is closed with bytes unread takes back what was sent.
fn drain(stream: &mut TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let mut block = [0; 64 * 1024];
    while matches!(stream.read(&mut block), Ok(1..)) {}
}

/// Does what a message asks for: `!close CODE REASON`, `!ping TEXT`, `!text SIZE FRAMES`, `!raw HEX`.
fn obey<S: Read + Write>(socket: &mut WebSocket<S>, words: &str) -> anyhow::Result<()> {
    let mut words = words.splitn(3, ' ');
    let verb = words.next().unwrap_or_default();
    let first = words.next().unwrap_or_default();
    let second = words.next().unwrap_or_default();
    match verb {
        "!close" => socket.close(close_frame(first.parse()?, second))?,
        "!ping" => socket.send(Message::Ping(first.to_owned().into()))?,
        "!text" => send_message(
            socket,
            letters(first.parse()?).as_bytes(),
            true,
            second.parse()?,
        )?,
        "!raw" => {
            let bytes = unhex(first)?;
            socket.get_mut().write_all(&bytes)?;
            socket.get_mut().flush()?;
        }
        _ => socket.send(Message::text("what?"))?,
    }
    Ok(())
}
