//! Cases that may fail, each with the reason. The page names every one that did.

/// The suite, parts that are all in the case's name, and why.
type Exclusion = (&'static str, &'static [&'static str], &'static str);

const EXCLUSIONS: &[Exclusion] = &[
    (
        "h2spec",
        &["in clear", "http2/3.5 Sends invalid connection preface"],
        "on a listener in clear, what does not begin with the preface is HTTP/1.1, and is answered 400 in HTTP/1.1",
    ),
    (
        "pairwise",
        &["HTTP/2", "undici", "DELETE /report 1000"],
        UNDICI_DELETE,
    ),
    (
        "pairwise",
        &["HTTP/2", "undici", " 0 without length"],
        "undici says Content-Length 0 of an empty stream in HTTP/1.1 and nothing in HTTP/2",
    ),
    (
        "pairwise",
        &["HTTP/2 to the server", "to go", "GET /status/304"],
        "Go's server leaves Content-Type out of a 304 in HTTP/1.1 and keeps it in HTTP/2",
    ),
];

/// A request that is not sent at all, see [`is_never_sent`].
const UNDICI_DELETE: &str =
    "not sent, since undici's HTTP/2 fails an assertion of its own at a DELETE with a body";

/// Why a case may fail, if it may.
pub(crate) fn reason(suite: &str, case: &str) -> Option<&'static str> {
    EXCLUSIONS
        .iter()
        .find(|(of, parts, _)| *of == suite && parts.iter().all(|part| case.contains(part)))
        .map(|(_, _, why)| *why)
}

/// Whether a client cannot send this request of the pairwise suite and is of no more use once it has tried.
pub(crate) fn is_never_sent(client: &str, protocol: &str, request: &str) -> bool {
    client == "undici" && protocol == "h2" && request == "DELETE /report 1000"
}
