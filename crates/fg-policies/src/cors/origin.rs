//! Origins: what a configuration names, and what a browser says.

use std::fmt;

use fg_base::Text;
use serde::{Deserialize, Serialize};

/// Origins of one scheme and port. Source: RFC 6454 §6, Gateway API `CORSOrigin`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OriginPattern {
    /// `https`; otherwise `http`.
    pub https: bool,
    /// Hosts.
    pub hosts: Hosts,
    /// Port; that of the scheme when none is written.
    pub port: u16,
}

/// Hosts of an [`OriginPattern`], lower-case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Hosts {
    /// `*`: all.
    Any,
    /// `*.example.com`: all below, at any depth, but not the name itself. Begins with a dot.
    Below(Text),
    /// This one.
    Exact(Text),
}

/// Scheme, host and port of an origin as written.
struct Parts<'a> {
    https: bool,
    host: &'a str,
    port: u16,
}

impl OriginPattern {
    /// Reads `https://example.com`, `http://*.example.com:8080` or `https://*`. `None` when it is
    /// nothing of that form.
    pub fn parse(written: &str) -> Option<Self> {
        let lower = written.to_ascii_lowercase();
        let Parts { https, host, port } = Parts::of(&lower)?;
        let is_name = |name: &str| !name.is_empty() && !name.contains('*');
        let hosts = match host.strip_prefix('*') {
            Some("") => Hosts::Any,
            Some(below) if below.len() > 1 && below.starts_with('.') && is_name(below) => {
                Hosts::Below(below.into())
            }
            None if is_name(host) => Hosts::Exact(host.into()),
            _ => return None,
        };
        Some(Self { https, hosts, port })
    }

    /// Whether this is one of them: an `Origin` field's value.
    pub fn matches(&self, origin: &str) -> bool {
        let Some(Parts { https, host, port }) = Parts::of(origin) else {
            return false;
        };
        if https != self.https || port != self.port || host.contains('*') {
            return false;
        }
        match &self.hosts {
            Hosts::Any => true,
            Hosts::Exact(name) => host.eq_ignore_ascii_case(name),
            Hosts::Below(suffix) => host
                .len()
                .checked_sub(suffix.len())
                .filter(|&start| start > 0)
                .and_then(|start| host.get(start..))
                .is_some_and(|end| end.eq_ignore_ascii_case(suffix)),
        }
    }
}

impl<'a> Parts<'a> {
    /// `None` for what is no `scheme://host[:port]`, such as `null`.
    fn of(origin: &'a str) -> Option<Self> {
        let (scheme, rest) = origin.split_once("://")?;
        let https = match scheme {
            _ if scheme.eq_ignore_ascii_case("https") => true,
            _ if scheme.eq_ignore_ascii_case("http") => false,
            _ => return None,
        };
        // The colons of an IPv6 address stand in brackets.
        let after_address = rest.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match rest.get(after_address..)?.find(':') {
            Some(at) => {
                let (host, port) = rest.split_at(after_address + at);
                (host, port.get(1..)?.parse().ok().filter(|port| *port > 0)?)
            }
            None => (rest, if https { 443 } else { 80 }),
        };
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*[]:".contains(&byte);
        (!host.is_empty() && host.bytes().all(is_part)).then_some(Self { https, host, port })
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default_port) = if self.https {
            ("https", 443)
        } else {
            ("http", 80)
        };
        match &self.hosts {
            Hosts::Any => write!(f, "{scheme}://*")?,
            Hosts::Below(suffix) => write!(f, "{scheme}://*{suffix}")?,
            Hosts::Exact(host) => write!(f, "{scheme}://{host}")?,
        }
        if self.port == default_port {
            return Ok(());
        }
        write!(f, ":{}", self.port)
    }
}
