//! From a verdict to what a status may say.

use fg_status::Confirmation;

use super::{Moment, PATIENCE, Verdict};

/// How many pods a message names.
const NAMED: usize = 3;

/// The rules: a confirmation and a rejection are said at once; a missing one after [`PATIENCE`];
/// that no proxy is ready at once, but not right after the start (`in_grace`).
pub(super) fn confirmation(verdict: Option<Verdict>, now: Moment, in_grace: bool) -> Confirmation {
    match verdict {
        Some(Verdict::Confirmed { proxies }) => Confirmation::Confirmed { proxies },
        Some(Verdict::Rejected {
            proxy,
            resource,
            reason,
            more,
        }) => Confirmation::Rejected {
            words: refused(&proxy, &resource, &reason, more),
        },
        None => Confirmation::Undecided,
        Some(_) if in_grace => Confirmation::Undecided,
        Some(Verdict::NoReadyProxy) => Confirmation::Pending {
            words: "no proxy is ready".to_owned(),
        },
        Some(Verdict::Waiting { since, .. }) if now < since + PATIENCE => Confirmation::Undecided,
        Some(Verdict::Waiting {
            confirmed, missing, ..
        }) => Confirmation::Pending {
            words: waiting(confirmed, &missing),
        },
    }
}

/// `proxy web-1 refuses rule/shop/route/0: …`.
pub(super) fn refused(proxy: &str, resource: &str, reason: &str, more: usize) -> String {
    let mut words = format!("proxy {proxy} refuses {resource}: {reason}");
    if more > 0 {
        words.push_str(&format!("; and {more} more"));
    }
    words
}

fn waiting<T: AsRef<str>>(confirmed: u32, missing: &[T]) -> String {
    let all = usize::try_from(confirmed).unwrap_or(usize::MAX) + missing.len();
    let mut names: Vec<&str> = missing.iter().take(NAMED).map(AsRef::as_ref).collect();
    let more = format!("{} more", missing.len().saturating_sub(NAMED));
    if missing.len() > NAMED {
        names.push(&more);
    }
    format!(
        "{confirmed}/{all} proxies; waiting for {}",
        names.join(", ")
    )
}
