//! Replies as a client sees them, read byte by byte without mercy.

use std::io::{self, BufRead};

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The status.
    pub status: u16,
    /// Names in lower case, values as they came, in order.
    pub fields: Vec<(String, String)>,
    /// The body, without its framing.
    pub body: Vec<u8>,
    /// Trailers of a body in chunks.
    pub trailers: Vec<(String, String)>,
}

impl Message {
    /// The value of a field; `None` when there is none.
    ///
    /// # Panics
    /// When there are several.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(field, _)| field == name);
        let first = values.next();
        assert!(values.next().is_none(), "several {name} in {self:?}");
        first.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of text")
    }

    /// The gateway's own reason, if it made this reply.
    pub fn reason(&self) -> Option<&str> {
        self.field("x-ferrogate-reason")
    }

    /// Reads one reply. `bodiless` says that it answers HEAD.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the connection ends before or in it,
    /// [`io::ErrorKind::InvalidData`] when it is not well-formed, others of the socket.
    pub fn read(from: &mut impl BufRead, bodiless: bool) -> io::Result<Self> {
        let line = read_line(from)?;
        let status = line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| invalid(format!("status line {line:?}")))?;
        let fields = read_fields(from)?;
        let mut message = Self {
            status,
            fields,
            body: Vec::new(),
            trailers: Vec::new(),
        };
        if bodiless || status < 200 || status == 204 || status == 304 {
            return Ok(message);
        }
        match (
            message.field("content-length"),
            message.field("transfer-encoding"),
        ) {
            (Some(length), None) => {
                let length = length
                    .parse()
                    .map_err(|_| invalid(format!("length {length:?}")))?;
                message.body = vec![0; length];
                from.read_exact(&mut message.body)?;
            }
            (None, Some("chunked")) => {
                (message.body, message.trailers) = read_chunks(from)?;
            }
            (None, None) => {
                from.read_to_end(&mut message.body)?;
            }
            odd => return Err(invalid(format!("framing {odd:?}"))),
        }
        Ok(message)
    }
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A line without its CRLF.
fn read_line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let text = line.strip_suffix(b"\r\n").ok_or_else(|| {
        invalid(format!(
            "line without CRLF {:?}",
            line.escape_ascii().to_string()
        ))
    })?;
    if text.contains(&b'\r') {
        return Err(invalid(format!(
            "bare CR in {:?}",
            line.escape_ascii().to_string()
        )));
    }
    Ok(String::from_utf8_lossy(text).into_owned())
}

/// Fields up to the empty line.
pub(crate) fn read_fields(from: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut fields = Vec::new();
    loop {
        let line = read_line(from)?;
        if line.is_empty() {
            return Ok(fields);
        }
        let (name, value) = line
            .split_once(": ")
            .ok_or_else(|| invalid(format!("field {line:?}")))?;
        fields.push((name.to_ascii_lowercase(), value.to_owned()));
    }
}

/// Data and trailers.
type Chunks = (Vec<u8>, Vec<(String, String)>);

/// A body in chunks as the gateway writes them: no extensions, lower-case sizes without leading
/// zeros.
pub(crate) fn read_chunks(from: &mut impl BufRead) -> io::Result<Chunks> {
    let mut body = Vec::new();
    loop {
        let line = read_line(from)?;
        let size = usize::from_str_radix(&line, 16)
            .ok()
            .filter(|size| format!("{size:x}") == line)
            .ok_or_else(|| invalid(format!("chunk size {line:?}")))?;
        if size == 0 {
            return Ok((body, read_fields(from)?));
        }
        let start = body.len();
        body.resize(start + size, 0);
        from.read_exact(&mut body[start..])?;
        let mut end = [0; 2];
        from.read_exact(&mut end)?;
        if &end != b"\r\n" {
            return Err(invalid(format!("chunk ends in {end:?}")));
        }
    }
}
