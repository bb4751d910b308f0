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
    XFerrogateReason = "x-ferrogate-reason",
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
    #[inline]
    pub fn resolve(name: &[u8]) -> Self {
        let mut bytes = [0; LONGEST];
        match bytes.get_mut(..name.len()) {
            Some(start) => start.copy_from_slice(name),
            None => return Self::Other,
        }
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            // A zero behind the end must stay one. The bytes of a token that are no letters do not
            // become letters, digits or dashes by this.
            *word = u64::from_le_bytes(bytes.map(|byte| byte | (byte & 0x40) >> 1));
        }
        Self::of_words(&words)
    }

    /// The name whose bytes these words hold, in lower case, the first in the lowest place, with
    /// zeros behind its end.
    ///
    /// Cost: one probe of a table in most cases, and the comparison of three words.
    #[inline]
    pub fn of_words(words: &[u64; WORDS]) -> Self {
        let mut at = place(words);
        while let Some(&slot) = TABLE.slots.get(at)
            && slot > 0
        {
            let index = usize::from(slot) - 1;
            if TABLE.words.get(index) == Some(words) {
                return Self::ALL.get(index).copied().unwrap_or(Self::Other);
            }
            at = (at + 1) % SLOTS;
        }
        Self::Other
    }
}

/// How many words hold any well-known name.
pub const WORDS: usize = 3;
/// No well-known name is longer. Units: bytes.
const LONGEST: usize = 8 * WORDS;
/// Places of the table; many more than names, so that a name that is not there mostly meets a free
/// one at once.
const SLOTS: usize = 512;

/// Finds well-known names by their words.
struct Table {
    /// The words of each name of [`Name::ALL`].
    words: [[u64; WORDS]; Name::ALL.len()],
    /// Which of them may stand here, counted from 1; 0 is none. Of names that want the same place
    /// the later ones stand behind it.
    slots: [u8; SLOTS],
}

static TABLE: Table = table();

/// Where a name wants to stand.
#[inline]
const fn place(words: &[u64; WORDS]) -> usize {
    // An odd number without a pattern in its bits (of the golden ratio): the high bits of the
    // product depend on all bits below.
    let mixed = words[0] ^ words[1].rotate_left(23) ^ words[2].rotate_left(47);
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - SLOTS.trailing_zeros())) as usize
}

const fn table() -> Table {
    let mut table = Table {
        words: [[0; WORDS]; Name::ALL.len()],
        slots: [0; SLOTS],
    };
    let mut index = 0;
    while index < Name::ALL.len() {
        let text = Name::ALL[index].text().as_bytes();
        assert!(text.len() <= LONGEST, "a longer name wants more words");
        let mut at = 0;
        while at < text.len() {
            table.words[index][at / 8] |= (text[at] as u64) << (at % 8 * 8);
            at += 1;
        }
        let mut slot = place(&table.words[index]);
        while table.slots[slot] > 0 {
            slot = (slot + 1) % SLOTS;
        }
        table.slots[slot] = index as u8 + 1;
        index += 1;
    }
    table
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
        assert_eq!(Name::resolve(b"x-http-method-override-"), Name::Other);
        assert_eq!(Name::resolve(b"x-http-method-override-too"), Name::Other);
        assert_eq!(Name::resolve(b"keep\x0dalive"), Name::Other);
        assert_eq!(Name::resolve(b""), Name::Other);
    }
}
