//! From RE2's syntax to that of the `regex` crate, with the meaning kept.
//!
//! One pass from left to right, no recursion. Literals are written as code points, so that nothing
//! in them can mean something to the crate. Source: RE2's syntax page (`re2/wiki/Syntax`).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::PatternError;
use super::class;

/// How deep groups may stand in each other.
pub(super) const DEPTH_LIMIT: usize = 100;
/// How often anything may be repeated by a count, nested counts multiplied. Source: RE2.
const REPEAT_LIMIT: u32 = 1000;

/// Translates an expression.
///
/// # Errors
/// When it is no RE2 syntax, or has what is not supported.
pub(super) fn translate(source: &str) -> Result<String, PatternError> {
    let mut translator = Translator {
        reader: Reader::new(source),
        out: String::with_capacity(source.len() * 2),
        groups: vec![Group::default()],
        names: BTreeSet::new(),
        last: Last::Nothing,
    };
    while let Some(next) = translator.reader.next() {
        translator.step(next)?;
    }
    if translator.groups.len() > 1 {
        return translator.reader.refuse("a `(` has no `)`");
    }
    Ok(translator.out)
}

/// The source, and how far it was read.
#[derive(Clone, Copy)]
pub(super) struct Reader<'s> {
    source: &'s str,
    rest: &'s str,
}

impl<'s> Reader<'s> {
    fn new(source: &'s str) -> Self {
        Self {
            source,
            rest: source,
        }
    }

    /// Takes the next character.
    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }

    /// What was not read yet.
    pub(super) fn rest(&self) -> &'s str {
        self.rest
    }

    /// Takes this text if it comes next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes everything before this text, and the text; `None` when it does not come.
    pub(super) fn take_until(&mut self, end: &str) -> Option<&'s str> {
        let (before, rest) = self.rest.split_once(end)?;
        self.rest = rest;
        Some(before)
    }

    /// An error with the place in it: what was read last.
    pub(super) fn refuse<T>(&self, words: &str) -> Result<T, PatternError> {
        let read = &self.source[..self.source.len() - self.rest.len()];
        Err(PatternError(format!(
            "{words}, at character {} of the expression",
            read.chars().count()
        )))
    }
}

struct Translator<'s> {
    reader: Reader<'s>,
    out: String,
    /// The open groups; the first stands for the whole expression.
    groups: Vec<Group>,
    names: BTreeSet<&'s str>,
    last: Last,
}

struct Group {
    /// The largest product of nested counts inside.
    repeats: u32,
}

impl Default for Group {
    fn default() -> Self {
        Self { repeats: 1 }
    }
}

/// What a repetition would apply to.
#[derive(Clone, Copy)]
enum Last {
    Nothing,
    /// Something with this product of nested counts inside.
    Item(u32),
    Repeated,
}

impl Translator<'_> {
    fn step(&mut self, next: char) -> Result<(), PatternError> {
        match next {
            '(' => self.open(),
            ')' => self.close(),
            '|' => {
                self.out.push('|');
                self.last = Last::Nothing;
                Ok(())
            }
            '*' | '+' | '?' => {
                self.repeat(1)?;
                self.out.push(next);
                self.lazy();
                Ok(())
            }
            '{' => self.count(),
            '[' => {
                class::bracket(&mut self.reader, &mut self.out)?;
                self.item();
                Ok(())
            }
            '.' | '^' | '$' => {
                self.out.push(next);
                self.item();
                Ok(())
            }
            '\\' => self.escape(),
            literal => {
                self.literal(literal);
                Ok(())
            }
        }
    }

    fn item(&mut self) {
        self.last = Last::Item(1);
    }

    fn literal(&mut self, literal: char) {
        push_literal(&mut self.out, literal);
        self.item();
    }

    /// A group, or a change of flags.
    fn open(&mut self) -> Result<(), PatternError> {
        if !self.reader.take("?") {
            self.out.push_str("(?:");
            return self.enter();
        }
        for (text, what) in [
            ("=", "looking ahead (`(?=`)"),
            ("!", "looking ahead (`(?!`)"),
            ("<=", "looking behind (`(?<=`)"),
            ("<!", "looking behind (`(?<!`)"),
            ("P=", "a reference to a group (`(?P=`)"),
            ("P>", "a call of a group (`(?P>`)"),
            (">", "an atomic group (`(?>`)"),
            ("#", "a comment (`(?#`)"),
        ] {
            if self.reader.take(text) {
                return self.reader.refuse(&format!("{what} is no RE2 syntax"));
            }
        }
        if self.reader.take("P<") || self.reader.take("<") {
            return self.named();
        }
        self.flags()
    }

    fn enter(&mut self) -> Result<(), PatternError> {
        self.groups.push(Group::default());
        self.last = Last::Nothing;
        if self.groups.len() > DEPTH_LIMIT {
            return self.reader.refuse(&format!(
                "groups stand more than {DEPTH_LIMIT} deep in each other"
            ));
        }
        Ok(())
    }

    /// The name is checked and left out: nobody asks for what a group captured.
    fn named(&mut self) -> Result<(), PatternError> {
        let Some(name) = self.reader.take_until(">") else {
            return self.reader.refuse("the name of a group ends with `>`");
        };
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return self
                .reader
                .refuse("the name of a group is made of letters, digits and `_`");
        }
        if !self.names.insert(name) {
            return self.reader.refuse("two groups have one name");
        }
        self.out.push_str("(?:");
        self.enter()
    }

    /// `(?flags)`, `(?flags:` or `(?:`, behind the `?`.
    fn flags(&mut self) -> Result<(), PatternError> {
        let (mut on, mut off) = (BTreeSet::new(), BTreeSet::new());
        let mut negated = false;
        let mut awaits_flag = false;
        let end = loop {
            match self.reader.next() {
                Some(flag @ ('i' | 'm' | 's' | 'U')) => {
                    let (into, from) = if negated {
                        (&mut off, &mut on)
                    } else {
                        (&mut on, &mut off)
                    };
                    into.insert(flag);
                    from.remove(&flag);
                    awaits_flag = false;
                }
                Some('-') if !negated => {
                    negated = true;
                    awaits_flag = true;
                }
                Some(end @ (':' | ')')) if !awaits_flag => break end,
                Some(other) => {
                    return self.reader.refuse(&format!(
                        "`{other}` is no flag of RE2, which are `i`, `m`, `s` and `U`"
                    ));
                }
                None => return self.reader.refuse("a `(?` has no end"),
            }
        };
        let mut text: String = on.into_iter().collect();
        if !off.is_empty() {
            text.push('-');
            text.extend(off);
        }
        if end == ':' {
            let _ = write!(self.out, "(?{text}:");
            return self.enter();
        }
        if !text.is_empty() {
            let _ = write!(self.out, "(?{text})");
        }
        self.last = Last::Nothing;
        Ok(())
    }

    fn close(&mut self) -> Result<(), PatternError> {
        if self.groups.len() < 2 {
            return self.reader.refuse("a `)` has no `(`");
        }
        let repeats = self.groups.pop().unwrap_or_default().repeats;
        self.out.push(')');
        self.inside(repeats);
        self.last = Last::Item(repeats);
        Ok(())
    }

    /// Remembers a product of counts in the open group.
    fn inside(&mut self, repeats: u32) {
        if let Some(group) = self.groups.last_mut() {
            group.repeats = group.repeats.max(repeats);
        }
    }

    /// Checks that there is something to repeat, and that it may be repeated so often.
    fn repeat(&mut self, times: u32) -> Result<(), PatternError> {
        let repeats = match self.last {
            Last::Nothing => return self.reader.refuse("there is nothing to repeat"),
            Last::Repeated => {
                return self
                    .reader
                    .refuse("a repetition cannot be repeated; put it into a group");
            }
            Last::Item(inside) => inside.saturating_mul(times.max(1)),
        };
        if repeats > REPEAT_LIMIT {
            return self.reader.refuse(&format!(
                "something is repeated more than {REPEAT_LIMIT} times (nested counts are multiplied)"
            ));
        }
        self.inside(repeats);
        self.last = Last::Repeated;
        Ok(())
    }

    fn lazy(&mut self) {
        if self.reader.take("?") {
            self.out.push('?');
        }
    }

    /// `{2}`, `{2,}`, `{2,3}`; any other `{` is a literal.
    fn count(&mut self) -> Result<(), PatternError> {
        let counts = self
            .reader
            .rest()
            .split_once('}')
            .and_then(|(text, _)| Some((text, counts(text)?)));
        let Some((text, (least, most))) = counts else {
            self.literal('{');
            return Ok(());
        };
        self.reader.take(text);
        self.reader.take("}");
        if most.is_some_and(|most| most < least) {
            return self.reader.refuse("a count ends below its beginning");
        }
        self.repeat(most.unwrap_or(least))?;
        // Writing to a string does not fail.
        let _ = match most {
            Some(most) => write!(self.out, "{{{least},{most}}}"),
            None => write!(self.out, "{{{least},}}"),
        };
        self.lazy();
        Ok(())
    }

    /// What follows a backslash outside of brackets.
    fn escape(&mut self) -> Result<(), PatternError> {
        if class::escape(&mut self.reader, &mut self.out)? {
            self.item();
            return Ok(());
        }
        let rest = self.reader.rest();
        match rest.chars().next() {
            Some('b') => self.out.push_str(r"(?-u:\b)"),
            Some('B') => self.out.push_str(r"(?-u:\B)"),
            Some('A') => self.out.push_str(r"\A"),
            Some('z') => self.out.push_str(r"\z"),
            Some('Q') => {
                self.reader.next();
                self.quoted();
                return Ok(());
            }
            Some('C') => {
                self.reader.next();
                return self
                    .reader
                    .refuse(r"`\C` (a single byte) is not supported; use `.` for a character");
            }
            _ => {
                let literal = character(&mut self.reader)?;
                self.literal(literal);
                return Ok(());
            }
        }
        self.reader.next();
        self.item();
        Ok(())
    }

    /// Literals up to `\E` or the end.
    fn quoted(&mut self) {
        let rest = self.reader.rest();
        let text = self.reader.take_until(r"\E").unwrap_or(rest);
        if text.len() == rest.len() {
            self.reader.take(rest);
        }
        for literal in text.chars() {
            self.literal(literal);
        }
    }
}

/// The numbers of a count; `None` when it is none. No leading zeros, as in RE2.
fn counts(text: &str) -> Option<(u32, Option<u32>)> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let plain = digits && text.len() < 9 && (text == "0" || !text.starts_with('0'));
        plain.then(|| text.parse().ok()).flatten()
    };
    match text.split_once(',') {
        None => number(text).map(|count| (count, Some(count))),
        Some((least, "")) => Some((number(least)?, None)),
        Some((least, most)) => Some((number(least)?, Some(number(most)?))),
    }
}

/// The character that an escape stands for, behind its backslash.
pub(super) fn character(reader: &mut Reader<'_>) -> Result<char, PatternError> {
    let Some(first) = reader.next() else {
        return reader.refuse(r"a `\` stands at the end");
    };
    let code = match first {
        'n' => 0x0a,
        'r' => 0x0d,
        't' => 0x09,
        'a' => 0x07,
        'f' => 0x0c,
        'v' => 0x0b,
        'x' => hexadecimal(reader)?,
        '0'..='7' => match octal(first, reader) {
            Some(code) => code,
            None => return reader.refuse("references to groups are no RE2 syntax"),
        },
        'u' | 'U' => {
            return reader.refuse(&format!(
                r"`\{first}` is no RE2 syntax; write a code point as `\x{{…}}`"
            ));
        }
        literal if literal.is_ascii() && !literal.is_ascii_alphanumeric() => return Ok(literal),
        other => return reader.refuse(&format!(r"`\{other}` is no RE2 syntax")),
    };
    match char::from_u32(code) {
        Some(character) => Ok(character),
        None => reader.refuse(&format!("there is no character {code:x}")),
    }
}

/// `\0`, `\12` or `\123`; a single digit above 0 would be a reference to a group.
fn octal(first: char, reader: &mut Reader<'_>) -> Option<u32> {
    let digits: String = reader
        .rest()
        .chars()
        .take(2)
        .take_while(|c| ('0'..='7').contains(c))
        .collect();
    if first != '0' && digits.is_empty() {
        return None;
    }
    reader.take(&digits);
    u32::from_str_radix(&format!("{first}{digits}"), 8).ok()
}

/// `7F` or `{10FFFF}`, behind `\x`.
fn hexadecimal(reader: &mut Reader<'_>) -> Result<u32, PatternError> {
    let digits = if reader.take("{") {
        reader.take_until("}")
    } else {
        let two = reader.rest().get(..2);
        two.filter(|two| reader.take(two))
    };
    let code = digits
        .filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit()))
        .map(|digits| digits.trim_start_matches('0'))
        .and_then(|digits| match digits {
            "" => Some(0),
            some => u32::from_str_radix(some, 16).ok(),
        });
    match code {
        Some(code) => Ok(code),
        None => reader.refuse(r"`\x` needs two hexadecimal digits, or a code point in braces"),
    }
}

/// Writes one character so that it means itself, in and outside of brackets.
pub(super) fn push_literal(out: &mut String, literal: char) {
    if literal.is_ascii_alphanumeric() {
        out.push(literal);
    } else {
        let _ = write!(out, r"\x{{{:X}}}", u32::from(literal));
    }
}
