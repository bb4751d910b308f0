//! The line of a field, found by reading the text again: only findings ask for it.

use serde_saphyr::granit_parser::{Event, Parser, Span, StrInput};

use super::{line, parser};
use crate::Limits;

/// One step of a field path.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
}

/// The line of the field at `path` in the document that starts on line `start`; the line of the
/// nearest thing around it when the field itself is not written.
pub(crate) fn line_of(text: &str, start: u32, path: &str, limits: &Limits) -> u32 {
    let mut parser = parser(text, limits);
    loop {
        match parser.next_event() {
            Some(Ok((Event::DocumentStart(..), _))) => {}
            Some(Ok(_)) => continue,
            _ => return start,
        }
        let Some(Ok((event, span))) = parser.next_event() else {
            return start;
        };
        if line(span) >= start {
            return find(&mut parser, &event, start, &steps(path)).unwrap_or(start);
        }
        if skip(&mut parser, &event).is_none() {
            return start;
        }
    }
}

/// `spec.rules[0].matches["a.b"]` as steps.
fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(key) = rest.strip_prefix("[\"") {
            let (key, more) = key.split_once("\"]").unwrap_or((key, ""));
            steps.push(Step::Field(key.to_owned()));
            rest = more;
        } else if let Some(index) = rest.strip_prefix('[') {
            let (index, more) = index.split_once(']').unwrap_or((index, ""));
            steps.push(Step::Index(index.parse().unwrap_or(usize::MAX)));
            rest = more;
        } else {
            let field = rest.strip_prefix('.').unwrap_or(rest);
            let end = field.find(['.', '[']).unwrap_or(field.len());
            if end > 0 {
                steps.push(Step::Field(field[..end].to_owned()));
            }
            rest = &field[end..];
        }
    }
    steps
}

type Input<'t> = Parser<'t, StrInput<'t>>;

fn node<'t>(parser: &mut Input<'t>) -> Option<(Event<'t>, Span)> {
    parser.next_event()?.ok()
}

/// The line of the last step that is written, inside of the value that begins with `event`.
fn find(parser: &mut Input<'_>, event: &Event<'_>, here: u32, steps: &[Step]) -> Option<u32> {
    let Some((step, rest)) = steps.split_first() else {
        return Some(here);
    };
    match (event, step) {
        (Event::MappingStart(..), Step::Field(field)) => loop {
            let (key, span) = node(parser)?;
            if matches!(key, Event::MappingEnd) {
                return Some(here);
            }
            let found = key.scalar().is_some_and(|(name, _)| name == field);
            skip(parser, &key)?;
            let (value, _) = node(parser)?;
            if found {
                return find(parser, &value, line(span), rest).or(Some(line(span)));
            }
            skip(parser, &value)?;
        },
        (Event::SequenceStart(..), Step::Index(index)) => {
            for at in 0.. {
                let (entry, span) = node(parser)?;
                if matches!(entry, Event::SequenceEnd) {
                    return Some(here);
                }
                if at == *index {
                    return find(parser, &entry, line(span), rest).or(Some(line(span)));
                }
                skip(parser, &entry)?;
            }
            Some(here)
        }
        _ => Some(here),
    }
}

/// Reads on to the end of the value that begins with `event`. `None` at an error.
fn skip(parser: &mut Input<'_>, event: &Event<'_>) -> Option<()> {
    let mut open = usize::from(matches!(
        event,
        Event::SequenceStart(..) | Event::MappingStart(..)
    ));
    while open > 0 {
        match node(parser)?.0 {
            Event::SequenceStart(..) | Event::MappingStart(..) => open += 1,
            Event::SequenceEnd | Event::MappingEnd => open -= 1,
            _ => {}
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
a: 1
---
# words
metadata:
  name: x
  labels:
    a.b/c: d
spec:
  rules:
  - matches: []
  - name: two
    'quoted': {flow: [1,
      2]}
";

    #[test]
    fn lines_of_fields() {
        for (path, expected) in [
            ("", 4),
            ("metadata.name", 5),
            ("metadata.labels[\"a.b/c\"]", 7),
            ("spec.rules[1]", 11),
            ("spec.rules[1].name", 11),
            ("spec.rules[1].quoted.flow[1]", 13),
            ("spec.rules[1].missing.more", 11),
            ("spec.rules[7]", 9),
            ("status", 4),
        ] {
            assert_eq!(
                line_of(TEXT, 4, path, &Limits::default()),
                expected,
                "{path}"
            );
        }
        assert_eq!(line_of(TEXT, 1, "a", &Limits::default()), 1);
        assert_eq!(line_of("a: [", 1, "b", &Limits::default()), 1);
    }

    #[test]
    fn paths_are_read_step_by_step() {
        let field = |name: &str| Step::Field(name.to_owned());
        assert_eq!(
            steps("a.b[3][\"c.d\"].e"),
            [
                field("a"),
                field("b"),
                Step::Index(3),
                field("c.d"),
                field("e")
            ]
        );
        assert_eq!(steps("[0].a"), [Step::Index(0), field("a")]);
        assert_eq!(steps(""), []);
    }
}
