//! Cases that may fail, each with the reason. The page names every one that did.

/// The suite, a part of the case's name, and why.
type Exclusion = (&'static str, &'static str, &'static str);

const EXCLUSIONS: &[Exclusion] = &[];

/// Why a case may fail, if it may.
pub(crate) fn reason(suite: &str, case: &str) -> Option<&'static str> {
    EXCLUSIONS
        .iter()
        .find(|(of, part, _)| *of == suite && case.contains(part))
        .map(|(_, _, why)| *why)
}
