//! An explanation for people.

use std::fmt;

use fg_model::Plane;

use super::{Answer, BackendStep, Explanation, PolicyStep, RuleStep, Source, TlsStep};

/// Width of the words on the left.
const MARGIN: usize = 10;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} (host {})\n", self.method, self.path, self.host)?;
        for note in &self.notes {
            line(f, "note", note)?;
        }
        if let Some(step) = &self.listener {
            let hosts = if step.hostname == "*" {
                "every host"
            } else {
                &step.hostname
            };
            let (gateway, name, port) = (&step.gateway, &step.name, step.port);
            let by = match step.plane {
                Plane::Native => "",
                Plane::Envoy => ", by Envoy",
            };
            line(
                f,
                "listener",
                &format!("{gateway} {name}: port {port}, {hosts}{by}"),
            )?;
            line(f, "", &step.source)?;
        }
        if let Some(step) = &self.rule {
            line(f, "rule", &Titled(step))?;
            line(f, "", &format!("matches {}", step.matches))?;
            line(f, "", &step.source)?;
        }
        for (i, other) in self.others.iter().enumerate() {
            let word = if i == 0 { "others" } else { "" };
            line(
                f,
                word,
                &format!("{}: {}", Titled(&other.step), other.step.matches),
            )?;
            line(f, "", &format!("  {}", other.why))?;
        }
        policies(f, &self.policies, "")?;
        for (i, backend) in self.backends.iter().enumerate() {
            self.backend(f, if i == 0 { "backends" } else { "" }, backend)?;
        }
        if let Some(answer) = &self.answer {
            line(f, "answer", answer)?;
        }
        for (i, hint) in self.hints.iter().enumerate() {
            line(f, if i == 0 { "look at" } else { "" }, &hint.text)?;
            if let Some(source) = &hint.source {
                line(f, "", &format!("  {source}"))?;
            }
        }
        Ok(())
    }
}

impl Explanation {
    fn backend(&self, f: &mut fmt::Formatter<'_>, word: &str, step: &BackendStep) -> fmt::Result {
        let (whole, rest) = (step.share / 100, step.share % 100);
        let share = if rest == 0 {
            format!("{whole} %")
        } else {
            format!("{whole}.{rest:02} %")
        };
        let name = if step.backend.is_empty() {
            "nowhere"
        } else {
            &step.backend
        };
        let to = step.endpoints.join(", ");
        let arrow = if to.is_empty() { "" } else { " → " };
        line(
            f,
            word,
            &format!("{share} (weight {}) {name}{arrow}{to}", step.weight),
        )?;
        line(f, "", &step.source)?;
        if let Some(tls) = &step.tls {
            line(f, "", &tls)?;
            line(f, "", &format!("  {}", tls.source))?;
        }
        policies(f, &step.policies, "  ")?;
        if self.answer.is_none()
            && let Some(answer) = &step.answer
        {
            line(f, "", &format!("answered: {answer}"))?;
        }
        for (i, sent) in step.sent.iter().enumerate() {
            line(f, if i == 0 { "sent" } else { "" }, sent)?;
        }
        Ok(())
    }
}

fn policies(f: &mut fmt::Formatter<'_>, steps: &[PolicyStep], indent: &str) -> fmt::Result {
    for (i, step) in steps.iter().enumerate() {
        let word = if i == 0 && indent.is_empty() {
            "policies"
        } else {
            ""
        };
        line(f, word, &format!("{indent}{}: {}", step.policy, step.does))?;
        for source in &step.sources {
            line(f, "", &format!("{indent}  {source}"))?;
        }
    }
    Ok(())
}

fn line(f: &mut fmt::Formatter<'_>, word: &str, text: &dyn fmt::Display) -> fmt::Result {
    writeln!(f, "{word:<MARGIN$}{text}")
}

/// A rule's name and place in its route.
struct Titled<'a>(&'a RuleStep);

impl fmt::Display for Titled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = self.0;
        write!(f, "{} {} rule {}", step.kind, step.route, step.rule)?;
        if let Some(name) = &step.name {
            write!(f, " `{name}`")?;
        }
        write!(f, " match {}", step.match_index)?;
        if step.hostname != "*" {
            write!(f, " host {}", step.hostname)?;
        }
        Ok(())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.object)?;
        if !self.field.is_empty() {
            write!(f, " {}", self.field)?;
        }
        if let Some(place) = &self.place {
            write!(f, " ({place})")?;
        }
        Ok(())
    }
}

impl fmt::Display for TlsStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "over TLS to {}: a certificate for {}, signed by {}",
            self.hostname,
            self.names.join(" or "),
            self.trust.join(" or ")
        )
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            0 => f.write_str("none")?,
            status => write!(f, "{status}")?,
        }
        if !self.reason.is_empty() {
            write!(f, " {}", self.reason)?;
        }
        if let Some(code) = &self.grpc {
            write!(f, " (grpc-status {code})")?;
        }
        write!(f, ": {}", self.why)?;
        for header in &self.headers {
            write!(f, "\n{:MARGIN$}{header}", "")?;
        }
        Ok(())
    }
}
