//! Reads field lines, in one pass: names eight bytes at a time, which also gives the well-known
//! one, and values thirty-two at a time. Source: RFC 9112 §5, read strictly: every line ends in
//! CRLF, nothing stands between a name and its colon, and no line goes on in the next one.

#![expect(
    clippy::as_conversions,
    reason = "places in a word, which are below 64"
)]

use fg_exchange::{Field, Head, Name, OddNames, Span, WORDS, is_forwarded_name, is_token};

/// Why field lines are no field lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// What is wrong, in words.
    Malformed(&'static str),
    /// More fields than are allowed.
    TooMany,
}

/// A byte in every place of a word.
const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The bits that flags of a byte stand in.
const FLAGS: u64 = all(0x80);

/// Adds the field lines that stand in `bytes` from `at` on to the index of a head, up to the empty
/// line; gives where that ends, or `None` when it is not there yet. `bytes` are the start of
/// what the head received.
///
/// # Errors
/// What is wrong first, reading from the start.
pub(super) fn read(
    head: &mut Head,
    bytes: &[u8],
    mut at: usize,
    most: usize,
) -> Result<Option<usize>, Wrong> {
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        if !matches!(rest.first(), Some(byte) if *byte > b'\r') {
            return end(rest).map(|length| length.map(|length| at + length));
        }
        if head.indexed() == most {
            return Err(Wrong::TooMany);
        }
        let Some(name) = name(rest)? else {
            return Ok(None);
        };
        let Some(value) = value(rest.get(name.length + 1..).unwrap_or_default())? else {
            return Ok(None);
        };
        let value_at = at + name.length + 1 + value.start;
        let field = Field::received(
            Span::received(at, name.length),
            Span::received(value_at, value.length),
            name.id,
            value.is_usual,
        );
        head.push_checked(field, name.odd);
        at += name.length + 1 + value.line;
    }
}

/// The length of the empty line that ends a head; `None` when it is not there yet.
fn end(line: &[u8]) -> Result<Option<usize>, Wrong> {
    match line {
        [] | [b'\r'] => Ok(None),
        [b'\r', b'\n', ..] => Ok(Some(2)),
        [b'\r' | b'\n', ..] => Err(Wrong::Malformed("line that does not end in CRLF")),
        _ => Err(Wrong::Malformed("invalid field name")),
    }
}

/// The name of a line.
struct FieldName {
    length: usize,
    id: Name,
    odd: OddNames,
}

/// Reads a name up to its colon; `None` when that is not there yet.
#[inline]
fn name(line: &[u8]) -> Result<Option<FieldName>, Wrong> {
    let mut padded = [0; 8 * WORDS];
    let start: &[u8; 8 * WORDS] = match line.first_chunk() {
        Some(start) => start,
        None => {
            padded
                .iter_mut()
                .zip(line)
                .for_each(|(to, from)| *to = *from);
            &padded
        }
    };
    let mut words = [0; WORDS];
    let mut unusual = 0;
    let mut length = 0;
    for (lower, bytes) in words.iter_mut().zip(start.as_chunks::<8>().0) {
        let word = u64::from_le_bytes(*bytes);
        // Zero bytes of this are colons; of the flags the lowest one is right.
        let no_colon = word ^ all(b':');
        let colons = no_colon.wrapping_sub(all(1)) & !no_colon & FLAGS;
        // The bytes before the first colon, or all.
        let bits = colons.trailing_zeros() & !7;
        let mask = 1_u64.checked_shl(bits).map_or(u64::MAX, |bit| bit - 1);
        *lower = (word | all(0x20)) & mask;
        unusual |= unusual_bytes(word) & mask;
        length += bits as usize / 8;
        if colons != 0 {
            break;
        }
    }
    // A longer name, or a line that ends here, is seen as one without a colon.
    if unusual != 0 || length == 0 || line.get(length) != Some(&b':') {
        return unusual_name(line);
    }
    let id = Name::of_words(&words);
    const PREFIX: (u64, u64) = (
        u64::from_le_bytes(*b"x-forwar"),
        u64::from_le_bytes(*b"ded-\0\0\0\0"),
    );
    let forwarded =
        id == Name::Other && words[0] == PREFIX.0 && words[1] & u64::from(u32::MAX) == PREFIX.1;
    Ok(Some(FieldName {
        length,
        id,
        odd: OddNames {
            underscore: false,
            forwarded,
        },
    }))
}

/// Flags the bytes that are no letter or dash.
#[inline]
const fn unusual_bytes(word: u64) -> u64 {
    // Seven bits a byte, so that no sum below touches the next byte.
    let low = word & !FLAGS;
    let lower = low | all(0x20);
    let letters = (lower + all(0x80 - b'a')) & !(lower + all(0x7f - b'z'));
    let no_dash = (low ^ all(b'-')) + all(0x7f);
    (!letters & no_dash | word) & FLAGS
}

/// A name that is long, holds a token's other characters, or is not whole or no name at all.
#[inline(never)]
fn unusual_name(line: &[u8]) -> Result<Option<FieldName>, Wrong> {
    let is_name_byte = |byte: &u8| is_token(std::slice::from_ref(byte));
    let length = line.iter().take_while(|byte| is_name_byte(byte)).count();
    let (name, after) = line.split_at(length);
    match after.first() {
        None => Ok(None),
        Some(b':') if length > 0 => {
            let id = Name::resolve(name);
            let odd = OddNames {
                underscore: id == Name::Other && name.contains(&b'_'),
                forwarded: id == Name::Other && is_forwarded_name(name),
            };
            Ok(Some(FieldName { length, id, odd }))
        }
        Some(_) => Err(Wrong::Malformed("invalid field name")),
    }
}

/// The value of a line; lengths count from behind the colon.
struct Value {
    start: usize,
    length: usize,
    /// Up to and with the line's end.
    line: usize,
    /// One blank before it, none behind.
    is_usual: bool,
}

/// Reads what follows a colon, up to the end of the line; `None` when that is not there yet.
#[inline]
fn value(after: &[u8]) -> Result<Option<Value>, Wrong> {
    let mut end = run::<b' '>(after);
    // Tabs are rare, and no end.
    while after.get(end) == Some(&b'\t') {
        end += 1 + run::<b' '>(after.get(end + 1..).unwrap_or_default());
    }
    match after.get(end..).unwrap_or_default() {
        [] | [b'\r'] => return Ok(None),
        [b'\r', b'\n', ..] => {}
        [b'\r' | b'\n', ..] => {
            return Err(Wrong::Malformed("header line that does not end in CRLF"));
        }
        _ => return Err(Wrong::Malformed("invalid field value")),
    }
    let line = end + 2;
    let text = after.get(..end).unwrap_or_default();
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if let [b' ', value @ ..] = text
        && !blank(value.first())
        && !blank(value.last())
    {
        return Ok(Some(Value {
            start: 1,
            length: value.len(),
            line,
            is_usual: true,
        }));
    }
    let start = text
        .iter()
        .take_while(|&&byte| byte == b' ' || byte == b'\t')
        .count();
    Ok(Some(Value {
        start,
        length: text.get(start..).unwrap_or_default().trim_ascii_end().len(),
        line,
        is_usual: false,
    }))
}

/// How many bytes from the start on are `FIRST` (at most 128) or above and not DEL: with a blank,
/// what may stand in a value, but for tabs.
#[inline]
pub(super) fn run<const FIRST: u8>(bytes: &[u8]) -> usize {
    let mut at = 0;
    // Written so that it becomes a few instructions on many bytes.
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        let stops = block.iter().fold(false, |stops, &byte| {
            stops | (byte < FIRST) | (byte == 0x7f)
        });
        if stops {
            break;
        }
        at += block.len();
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let (words, last) = rest.as_chunks::<8>();
    for bytes in words {
        let word = u64::from_le_bytes(*bytes);
        let delete = word ^ all(0x7f);
        // Of the flags the lowest one is right.
        let stops =
            (word.wrapping_sub(all(FIRST)) & !word | delete.wrapping_sub(all(1)) & !delete) & FLAGS;
        if stops != 0 {
            return at + stops.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + last
        .iter()
        .take_while(|&&byte| byte >= FIRST && byte != 0x7f)
        .count()
}

#[cfg(test)]
mod tests;
