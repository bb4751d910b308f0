//! How clients carry the session that keeps them at an endpoint.

use std::fmt;
use std::time::Duration;

use fg_base::Text;

use crate::{Name, Reply, Request, Scheme};

/// How clients of a rule carry their session. Source: GEP-1619.
///
/// What they carry is a token that only the engine can make and read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Where it stands.
    pub carrier: Carrier,
    /// How long a session lasts; `None` as long as the client keeps its token.
    pub lifetime: Option<Duration>,
}

/// Where a token stands in requests and replies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// In a cookie.
    Cookie {
        /// Its name; with `None` the engine makes one that belongs to the rule.
        name: Option<Text>,
        /// Its `Path`.
        path: Text,
        /// Whether it outlives the browser's session; only with a lifetime.
        permanent: bool,
    },
    /// In a header field of this name, lower-case.
    Header(Text),
}

impl Session {
    /// The tokens that a request carries, most likely one or none. `name` is that of the cookie
    /// when none is written.
    pub fn tokens<'a>(
        &'a self,
        name: &'a str,
        request: &'a Request,
    ) -> Box<dyn Iterator<Item = &'a [u8]> + 'a> {
        match &self.carrier {
            Carrier::Header(name) => Box::new(request.head.get_all_named(name)),
            Carrier::Cookie { name: written, .. } => {
                let name = written.as_deref().unwrap_or(name).as_bytes();
                let pairs = request
                    .head
                    .get_all(Name::Cookie)
                    .flat_map(|field| field.split(|byte| *byte == b';'));
                Box::new(pairs.filter_map(move |pair| {
                    let value = pair.trim_ascii().strip_prefix(name)?.strip_prefix(b"=")?;
                    // RFC 6265 §4.1.1 allows quotes around a value.
                    let bare = value.strip_prefix(b"\"");
                    let bare = bare.and_then(|value| value.strip_suffix(b"\""));
                    Some(bare.unwrap_or(value))
                }))
            }
        }
    }

    /// Gives the client its token. `name` is that of the cookie when none is written.
    ///
    /// A cookie is out of reach for scripts and other sites, and over TLS it never travels without
    /// it. Source: GEP-1619, "Secure, HttpOnly, SameSite".
    pub fn write(&self, name: &str, reply: &mut Reply, token: &[u8], scheme: Scheme) {
        let (written, path, permanent) = match &self.carrier {
            Carrier::Header(name) => {
                reply.head.set(name, token);
                return;
            }
            Carrier::Cookie {
                name,
                path,
                permanent,
            } => (name, path, *permanent),
        };
        let name = written.as_deref().unwrap_or(name);
        reply.head.append_known(Name::SetCookie, |out| {
            for part in [name.as_bytes(), b"=", token, b"; Path=", path.as_bytes()] {
                out.extend_from_slice(part);
            }
            if let Some(lifetime) = self.lifetime.filter(|_| permanent) {
                let seconds = lifetime.as_secs().max(1);
                out.extend_from_slice(format!("; Max-Age={seconds}").as_bytes());
            }
            if scheme == Scheme::Https {
                out.extend_from_slice(b"; Secure");
            }
            out.extend_from_slice(b"; HttpOnly; SameSite=Strict");
        });
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.carrier {
            Carrier::Header(name) => write!(f, "by the header {name}")?,
            Carrier::Cookie {
                name,
                path,
                permanent,
            } => {
                let kind = if *permanent { "permanent" } else { "session" };
                match name {
                    Some(name) => write!(f, "by the {kind} cookie {name} for {path}")?,
                    None => write!(f, "by a {kind} cookie for {path}")?,
                }
            }
        }
        match self.lifetime {
            Some(lifetime) => write!(f, ", for {lifetime:?} at most"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(name: Option<&str>) -> Session {
        Session {
            carrier: Carrier::Cookie {
                name: name.map(Text::from),
                path: "/".into(),
                permanent: false,
            },
            lifetime: None,
        }
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut request = Request::new();
        request.head.append("cookie", b"a=1; s=one;s=\"two\"");
        request.head.append("cookie", b"xs=no; s =no; s=three");
        let session = cookie(Some("s"));
        let found: Vec<&[u8]> = session.tokens("other", &request).collect();
        assert_eq!(found, [&b"one"[..], b"two", b"three"]);
        let session = cookie(None);
        assert_eq!(session.tokens("a", &request).next(), Some(&b"1"[..]));
    }

    #[test]
    fn a_cookie_is_written_as_safe_as_its_listener() {
        let session = Session {
            carrier: Carrier::Cookie {
                name: None,
                path: "/shop".into(),
                permanent: true,
            },
            lifetime: Some(Duration::from_secs(90)),
        };
        for (scheme, secure) in [(Scheme::Http, ""), (Scheme::Https, "; Secure")] {
            let mut reply = Reply::new();
            session.write("made", &mut reply, b"token", scheme);
            let expected =
                format!("made=token; Path=/shop; Max-Age=90{secure}; HttpOnly; SameSite=Strict");
            assert_eq!(reply.head.get(Name::SetCookie), Some(expected.as_bytes()));
        }
    }
}
