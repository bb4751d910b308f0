//! Prometheus' text format, version 0.0.4, written by hand: the cells are summed over workers at
//! the moment of asking, which no registry of a foreign crate does.

use std::fmt::{self, Write as _};

use crate::names::{Kind, Metric};

/// A page being written.
#[derive(Debug, Default)]
pub(crate) struct Page(String);

impl Page {
    /// Begins a metric: its help and type.
    pub(crate) fn head(&mut self, metric: Metric) {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let (name, help) = (metric.name, metric.help);
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// A whole metric of one value without labels.
    pub(crate) fn single(&mut self, metric: Metric, value: impl fmt::Display) {
        self.head(metric);
        self.sample(metric.name, "", &[], value);
    }

    /// One line: name and suffix, labels, value.
    pub(crate) fn sample(
        &mut self,
        name: &str,
        suffix: &str,
        labels: &[(&str, &str)],
        value: impl fmt::Display,
    ) {
        self.write(format_args!("{name}{suffix}"));
        for (i, (label, text)) in labels.iter().enumerate() {
            let before = if i == 0 { '{' } else { ',' };
            self.write(format_args!("{before}{label}=\"{}\"", Escaped(text)));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        self.write(format_args!("{close} {value}\n"));
    }

    /// The page.
    pub(crate) fn finish(self) -> String {
        self.0
    }

    fn write(&mut self, arguments: fmt::Arguments<'_>) {
        self.0
            .write_fmt(arguments)
            .expect("writing into a string does not fail");
    }
}

/// A bound of a bucket as the format wants it.
pub(crate) fn bound(seconds: f64) -> String {
    if seconds.is_infinite() {
        "+Inf".to_owned()
    } else {
        seconds.to_string()
    }
}

/// A label's value with `\`, `"` and line ends escaped.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(['\\', '"', '\n']) {
            match part.as_bytes().last() {
                Some(b'\n') => write!(f, "{}\\n", &part[..part.len() - 1])?,
                Some(&last @ (b'\\' | b'"')) => {
                    write!(f, "{}\\{}", &part[..part.len() - 1], char::from(last))?;
                }
                _ => f.write_str(part)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_cannot_break_out_of_their_quotes() {
        let mut page = Page::default();
        page.sample("a", "_b", &[("x", "1\"} 9\n\\"), ("y", "")], 2);
        assert_eq!(page.finish(), "a_b{x=\"1\\\"} 9\\n\\\\\",y=\"\"} 2\n");
    }
}
