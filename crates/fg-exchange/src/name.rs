//! The field names that the engine or many filters ask for, resolved once when a head arrives.

macro_rules! names {
    ($($variant:ident = $text:literal),+ $(,)?) => {
        /// A field name: one of the well-known ones, or [`Name::Other`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Name {
            /// Any name not listed; compare its bytes.
            Other = 0,
            $(#[doc = concat!("`", $text, "`")] $variant),+
        }

        impl Name {
            /// Every well-known name.
            pub const ALL: &[Name] = &[$(Name::$variant),+];

            /// The lower-case text; empty for [`Name::Other`].
            pub const fn text(self) -> &'static str {
                match self {
                    Name::Other => "",
                    $(Name::$variant => $text),+
                }
            }
        }
    };
}

names! {
    Accept = "accept",
    Authorization = "authorization",
    Connection = "connection",
    ContentLength = "content-length",
    ContentType = "content-type",
    Cookie = "cookie",
    Date = "date",
    Expect = "expect",
    Forwarded = "forwarded",
    Host = "host",
    Http2Settings = "http2-settings",
    KeepAlive = "keep-alive",
    Location = "location",
    Origin = "origin",
    ProxyAuthenticate = "proxy-authenticate",
    ProxyAuthorization = "proxy-authorization",
    ProxyConnection = "proxy-connection",
    Server = "server",
    SetCookie = "set-cookie",
    Te = "te",
    Trailer = "trailer",
    TransferEncoding = "transfer-encoding",
    TrueClientIp = "true-client-ip",
    Upgrade = "upgrade",
    UserAgent = "user-agent",
    XClientIp = "x-client-ip",
    XForwardedFor = "x-forwarded-for",
    XForwardedHost = "x-forwarded-host",
    XForwardedPort = "x-forwarded-port",
    XForwardedPrefix = "x-forwarded-prefix",
    XForwardedProto = "x-forwarded-proto",
    XForwardedServer = "x-forwarded-server",
    XForwardedSsl = "x-forwarded-ssl",
    XForwardedScheme = "x-forwarded-scheme",
    XHttpMethodOverride = "x-http-method-override",
    XOriginalHost = "x-original-host",
    XOriginalUrl = "x-original-url",
    XRealIp = "x-real-ip",
    XRequestId = "x-request-id",
    XRewriteUrl = "x-rewrite-url",
}

const _: () = assert!(Name::ALL.len() < 64, "one bit a name");

impl Name {
    /// A bit of its own for each well-known name; all others share one.
    pub const fn bit(self) -> u64 {
        1 << self as u64
    }

    /// Resolves a token, in any case.
    ///
    /// Cost: a switch on the length, then a few case-insensitive comparisons.
    pub fn resolve(name: &[u8]) -> Self {
        let candidates: &[Self] = match name.len() {
            2 => &[Self::Te],
            4 => &[Self::Host, Self::Date],
            6 => &[
                Self::Accept,
                Self::Cookie,
                Self::Expect,
                Self::Origin,
                Self::Server,
            ],
            7 => &[Self::Trailer, Self::Upgrade],
            8 => &[Self::Location],
            9 => &[Self::Forwarded, Self::XRealIp],
            10 => &[
                Self::Connection,
                Self::KeepAlive,
                Self::UserAgent,
                Self::SetCookie,
            ],
            11 => &[Self::XClientIp],
            12 => &[Self::ContentType, Self::XRequestId],
            13 => &[Self::Authorization, Self::XRewriteUrl],
            14 => &[
                Self::ContentLength,
                Self::Http2Settings,
                Self::XOriginalUrl,
                Self::TrueClientIp,
            ],
            15 => &[
                Self::XForwardedFor,
                Self::XForwardedSsl,
                Self::XOriginalHost,
            ],
            16 => &[
                Self::XForwardedHost,
                Self::XForwardedPort,
                Self::ProxyConnection,
            ],
            17 => &[Self::TransferEncoding, Self::XForwardedProto],
            18 => &[
                Self::ProxyAuthenticate,
                Self::XForwardedPrefix,
                Self::XForwardedServer,
                Self::XForwardedScheme,
            ],
            19 => &[Self::ProxyAuthorization],
            22 => &[Self::XHttpMethodOverride],
            _ => &[],
        };
        let is_it = |candidate: &Self| is_name(candidate.text().as_bytes(), name);
        candidates
            .iter()
            .copied()
            .find(is_it)
            .unwrap_or(Self::Other)
    }
}

/// Compares a lower-case name with one of the same length in any case.
///
/// Setting one bit makes letters lower-case and leaves digits and dashes alone; the other bytes that
/// become one of those are control characters, which no token holds.
#[inline]
fn is_name(lower: &[u8], name: &[u8]) -> bool {
    lower.first() == name.first().map(|byte| byte | 0x20).as_ref()
        && lower
            .iter()
            .zip(name)
            .fold(0, |difference, (a, b)| difference | (a ^ (b | 0x20)))
            == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_resolves_to_itself_in_any_case() {
        for &name in Name::ALL {
            assert_eq!(
                Name::resolve(name.text().as_bytes()),
                name,
                "{}",
                name.text()
            );
            assert_eq!(
                Name::resolve(name.text().to_ascii_uppercase().as_bytes()),
                name,
                "{}",
                name.text()
            );
        }
        assert_eq!(Name::resolve(b"x-shop"), Name::Other);
        assert_eq!(Name::resolve(b""), Name::Other);
    }
}
