//! A head: the bytes as they came, an index of their fields, and the edits so far.
//!
//! One type for every protocol. HTTP/1 receives into [`Head::bytes`] and indexes them; HTTP/2 and 3
//! write their fields there in the same form. An edit drops an entry of the index or adds one; the
//! bytes received are never moved, so that sending is one copy of the runs that are kept.

use crate::field::{Field, Span};
use crate::name::Name;

/// The header fields of a request or reply.
///
/// Shape: fields in the order of arrival, added ones last. Reused from message to message: the
/// buffers keep their capacity.
#[derive(Clone, Debug, Default)]
pub struct Head {
    bytes: Vec<u8>,
    added: Vec<u8>,
    fields: Vec<Field>,
    /// A bit for each well-known name that was ever in the index, so that asking for an absent
    /// one, the common case, costs nothing.
    present: u64,
    odd: OddNames,
}

/// Kinds of unusual names that a head holds, noted when it arrives so that nobody has to look
/// through all names for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OddNames {
    /// Some name holds an underscore.
    pub underscore: bool,
    /// Some name that is not well-known begins with `x-forwarded-`.
    pub forwarded: bool,
}

impl Head {
    /// An empty head that owns no memory yet.
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            added: Vec::new(),
            fields: Vec::new(),
            present: 0,
            odd: OddNames {
                underscore: false,
                forwarded: false,
            },
        }
    }

    /// Forgets everything but the capacity of the buffers.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.added.clear();
        self.fields.clear();
        self.present = 0;
        self.odd = OddNames::default();
    }

    /// The bytes received; may go on past the head (body or next request).
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The buffer to receive into. Bytes that the index points to must not be changed.
    pub fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Adds a received field with this name to the index.
    pub fn push_received(&mut self, field: Field, name: &[u8]) {
        self.present |= field.id.bit();
        if field.id == Name::Other {
            self.odd.underscore |= name.contains(&b'_');
            self.odd.forwarded |= is_forwarded_name(name);
        }
        self.fields.push(field);
    }

    /// Adds a received field to the index. The caller says what is odd about its name; nothing is
    /// about a well-known one.
    #[inline]
    pub fn push_checked(&mut self, field: Field, odd: OddNames) {
        self.present |= field.id.bit();
        self.odd.underscore |= odd.underscore;
        self.odd.forwarded |= odd.forwarded;
        self.fields.push(field);
    }

    /// Empties the index, to read the received bytes again.
    pub fn clear_index(&mut self) {
        self.fields.clear();
        self.present = 0;
        self.odd = OddNames::default();
    }

    /// Unusual names among the received ones.
    pub const fn odd_names(&self) -> OddNames {
        self.odd
    }

    /// Whether one of these well-known names was ever in the head. `mask` is a sum of
    /// [`Name::bit`]s.
    pub const fn had_any(&self, mask: u64) -> bool {
        self.present & mask != 0
    }

    /// The bytes of a span.
    #[inline]
    pub fn slice(&self, span: Span) -> &[u8] {
        let from = if span.is_added() {
            &self.added
        } else {
            &self.bytes
        };
        from.get(span.start()..span.start() + span.len())
            .unwrap_or_default()
    }

    /// Keeps bytes that were not received (a new path, say) and gives their span.
    pub fn keep(&mut self, bytes: &[u8]) -> Span {
        let start = self.added.len();
        self.added.extend_from_slice(bytes);
        Span::added(start, bytes.len())
    }

    /// Keeps bytes that `write` appends to the given buffer, and gives their span.
    pub fn keep_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Span {
        let start = self.added.len();
        write(&mut self.added);
        Span::added(start, self.added.len() - start)
    }

    /// The fields that are part of the head: well-known name, name as written, value.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (Name, &[u8], &[u8])> {
        self.fields
            .iter()
            .filter(|field| !field.dropped)
            .map(|field| (field.id, self.slice(field.name), self.slice(field.value)))
    }

    /// The first value of a well-known name.
    #[inline]
    pub fn get(&self, name: Name) -> Option<&[u8]> {
        self.get_all(name).next()
    }

    /// The first value that a well-known name ever had, removed since or not.
    pub fn first_ever(&self, name: Name) -> Option<&[u8]> {
        let field = self.fields.iter().find(|field| field.id == name)?;
        Some(self.slice(field.value))
    }

    /// All values of a well-known name, in order.
    pub fn get_all(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        self.spans(name).map(|span| self.slice(span))
    }

    /// Where the values of a well-known name stand, in order.
    #[inline]
    pub fn spans(&self, name: Name) -> impl Iterator<Item = Span> {
        let candidates = if self.present & name.bit() == 0 {
            &[][..]
        } else {
            &self.fields
        };
        candidates
            .iter()
            .filter(move |field| field.id == name && !field.dropped)
            .map(|field| field.value)
    }

    /// The first value of any name, compared without case.
    pub fn get_named(&self, name: &str) -> Option<&[u8]> {
        let is_it = |field: &&Field| {
            !field.dropped && self.slice(field.name).eq_ignore_ascii_case(name.as_bytes())
        };
        self.fields
            .iter()
            .find(is_it)
            .map(|field| self.slice(field.value))
    }

    /// All values of any name, compared without case.
    pub fn get_all_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields
            .iter()
            .filter(move |field| {
                !field.dropped
                    && field.name.len() == name.len()
                    && self.slice(field.name).eq_ignore_ascii_case(name.as_bytes())
            })
            .map(|field| self.slice(field.value))
    }

    /// Removes every field of a well-known name; says whether there was one.
    pub fn remove(&mut self, name: Name) -> bool {
        let mut any = false;
        if self.present & name.bit() == 0 {
            return any;
        }
        for field in self
            .fields
            .iter_mut()
            .filter(|field| field.id == name && !field.dropped)
        {
            field.dropped = true;
            any = true;
        }
        any
    }

    /// Removes every field of any name, compared without case; says whether there was one.
    pub fn remove_named(&mut self, name: &str) -> bool {
        self.retain(|_, field_name, _| !field_name.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Removes the fields for which `keep` is false; says whether there was one.
    pub fn retain(&mut self, mut keep: impl FnMut(Name, &[u8], &[u8]) -> bool) -> bool {
        let Self {
            bytes,
            added,
            fields,
            ..
        } = self;
        let slice = |span: Span| {
            let from: &[u8] = if span.is_added() { added } else { bytes };
            from.get(span.start()..span.start() + span.len())
                .unwrap_or_default()
        };
        let mut any = false;
        for field in fields.iter_mut().filter(|field| !field.dropped) {
            if !keep(field.id, slice(field.name), slice(field.value)) {
                field.dropped = true;
                any = true;
            }
        }
        any
    }

    /// Adds a field at the end. The caller vouches that name and value are valid
    /// ([`crate::is_token`], [`crate::is_value`]).
    pub fn append(&mut self, name: &str, value: &[u8]) {
        self.append_with(name, |out| out.extend_from_slice(value));
    }

    /// Adds a field whose value `write` appends.
    pub fn append_with(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.append_line(Name::resolve(name.as_bytes()), name, write);
    }

    /// Adds a field of a well-known name whose value `write` appends.
    #[inline]
    pub fn append_known(&mut self, id: Name, write: impl FnOnce(&mut Vec<u8>)) {
        self.append_line(id, id.text(), write);
    }

    /// Adds a field of a well-known name whose value stands in the head already.
    pub fn append_span(&mut self, id: Name, value: Span) {
        let range = value.start()..value.start() + value.len();
        let bytes = std::mem::take(&mut self.bytes);
        self.append_line(id, id.text(), |out| {
            if !value.is_added() {
                out.extend_from_slice(bytes.get(range).unwrap_or_default());
            } else if range.end <= out.len() {
                out.extend_from_within(range);
            }
        });
        self.bytes = bytes;
    }

    /// Adds a field in the form in which it is sent, so that several of them are one copy.
    #[inline]
    fn append_line(&mut self, id: Name, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.present |= id.bit();
        let name = self.keep(name.as_bytes());
        self.added.extend_from_slice(b": ");
        let value = self.keep_with(write);
        self.added.extend_from_slice(b"\r\n");
        self.fields.push(Field {
            name,
            value,
            id,
            dropped: false,
            verbatim: true,
        });
    }

    /// Replaces every field of that name by one at the end.
    pub fn set(&mut self, name: &str, value: &[u8]) {
        self.remove_named(name);
        self.append(name, value);
    }

    /// Writes all fields as `name: value\r\n`. Runs of untouched fields are one copy.
    pub fn write_fields(&self, out: &mut Vec<u8>) {
        // Where a run starts and ends, as spans count; empty when both are the same.
        let mut run = (0, 0);
        for field in &self.fields {
            if field.dropped {
                continue;
            }
            let start = field.name.start;
            if field.verbatim && run.1 == start {
                run.1 = field.value.start + field.value.len + 2;
                continue;
            }
            self.write_run(run, out);
            if field.verbatim {
                run = (start, field.value.start + field.value.len + 2);
                continue;
            }
            run = (0, 0);
            out.extend_from_slice(self.slice(field.name));
            out.extend_from_slice(b": ");
            out.extend_from_slice(self.slice(field.value));
            out.extend_from_slice(b"\r\n");
        }
        self.write_run(run, out);
    }

    #[inline]
    fn write_run(&self, (start, end): (u32, u32), out: &mut Vec<u8>) {
        if start < end {
            let len = end - start;
            out.extend_from_slice(self.slice(Span { start, len }));
        }
    }

    /// How many entries the index has, dropped ones included.
    pub fn indexed(&self) -> usize {
        self.fields.len()
    }

    /// Memory held by the buffers. Units: bytes.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity() + self.added.capacity() + self.fields.capacity() * size_of::<Field>()
    }
}

/// Whether a name begins with `x-forwarded-`, in any case.
pub fn is_forwarded_name(name: &[u8]) -> bool {
    name.get(..12)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"x-forwarded-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        let mut head = Head::new();
        head.bytes_mut().extend_from_slice(text.as_bytes());
        let mut at = 0;
        for line in text.split_inclusive("\r\n") {
            let (name, value) = line.trim_end().split_once(": ").expect("a field");
            let id = Name::resolve(name.as_bytes());
            let field = Field::received(
                Span::received(at, name.len()),
                Span::received(at + name.len() + 2, value.len()),
                id,
                true,
            );
            head.push_received(field, name.as_bytes());
            at += line.len();
        }
        head
    }

    fn written(head: &Head) -> String {
        let mut out = Vec::new();
        head.write_fields(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn untouched_fields_go_out_as_they_came() {
        let text = "Host: a\r\nX-One: 1\r\nX-Two: 2\r\n";
        assert_eq!(written(&head(text)), text);
    }

    #[test]
    fn edits_drop_replace_and_append() {
        let mut head = head("Host: a\r\nX-One: 1\r\nConnection: close\r\nx-one: 2\r\nX-Two: 2\r\n");
        assert_eq!(head.get_all_named("X-ONE").count(), 2);
        assert!(head.remove(Name::Connection));
        head.set("x-one", b"3");
        head.append("X-Three", b"4");
        assert!(!head.remove_named("nope"));
        assert_eq!(
            written(&head),
            "Host: a\r\nX-Two: 2\r\nx-one: 3\r\nX-Three: 4\r\n"
        );
        assert_eq!(head.get_named("X-One"), Some(&b"3"[..]));
        assert_eq!(head.get(Name::Host), Some(&b"a"[..]));
    }

    #[test]
    fn fields_that_are_not_verbatim_are_written_in_canonical_form() {
        let mut head = Head::new();
        head.bytes_mut().extend_from_slice(b"A:   b  \r\n");
        head.push_received(
            Field::received(
                Span::received(0, 1),
                Span::received(5, 1),
                Name::Other,
                false,
            ),
            b"A",
        );
        assert_eq!(written(&head), "A: b\r\n");
    }
}
