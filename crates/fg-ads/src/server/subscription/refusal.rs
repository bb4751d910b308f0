//! A response that was refused without a word which resource is meant: its resources are sent again in
//! ever smaller groups, until those that are refused are alone.
//!
//! Groups get smaller with each refusal, and what was refused alone is not sent again: there is no
//! loop, whatever the client says.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::part::Part;
use super::{Refused, Subscription};
use crate::message::Status;
use crate::store::Entry;
use crate::{Rejection, Serial, rejection};

/// How an answered response stands.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) enum Outcome {
    /// More of it is to come.
    Goes,
    /// All of it is in use.
    Taken(Serial),
    /// All of it is in use but for these.
    But(Serial, Vec<Rejection>, String),
}

impl Subscription {
    /// Judges the answer to a part.
    pub(super) fn judge(&mut self, part: Part, error: Option<&Status>) -> Outcome {
        if let Some(error) = error {
            self.words.clone_from(&error.message);
            let named = rejection::from_status(error);
            if !named.is_empty() {
                self.done = part.serial;
                let named = named.into_iter().map(|one| versioned(&part, one));
                return Outcome::But(part.serial, named.collect(), error.message.clone());
            }
            self.refuse(&part, error);
        } else {
            self.keep(&part);
        }
        if !self.parts.is_empty() || !part.is_last {
            return Outcome::Goes;
        }
        self.done = self.done.max(part.serial);
        if self.refused.is_empty() {
            if let Some(error) = error {
                // Removals alone were refused: there is nothing that could be sent instead.
                return Outcome::But(part.serial, Vec::new(), error.message.clone());
            }
            return Outcome::Taken(part.serial);
        }
        let all = self.refused.iter().map(|(name, refused)| Rejection {
            name: name.to_string(),
            reason: refused.reason.clone(),
            version: refused.version.to_string(),
        });
        Outcome::But(part.serial, all.collect(), self.words.clone())
    }

    /// Notes what the client has from here on.
    fn keep(&mut self, part: &Part) {
        for entry in &part.upserts {
            self.refused.remove(&entry.name);
            if self.is_whole() {
                self.held.insert(entry.name.clone(), entry.clone());
            }
        }
        for name in &part.removed {
            self.refused.remove(name);
            self.held.remove(name);
        }
    }

    /// Puts a refused part's resources before what waits, in smaller groups; one alone is refused.
    fn refuse(&mut self, part: &Part, error: &Status) {
        let groups = match part.upserts.as_slice() {
            [] => {
                self.keep(part);
                return;
            }
            [one] => {
                let refused = Refused {
                    version: one.version.clone(),
                    reason: error.message.clone(),
                };
                self.refused.insert(one.name.clone(), refused);
                Vec::new()
            }
            several => split(several, &error.message),
        };
        let mut again: Vec<Part> = groups
            .into_iter()
            .map(|upserts| Part {
                serial: part.serial,
                upserts,
                ..Part::default()
            })
            .collect();
        if !part.removed.is_empty() {
            // What is gone is no reason to refuse; but it went with what was refused.
            again.push(Part {
                serial: part.serial,
                removed: part.removed.clone(),
                ..Part::default()
            });
        }
        if part.is_last
            && let Some(last) = again.last_mut()
        {
            last.is_last = true;
        }
        for part in again.into_iter().rev() {
            self.parts.push_front(part);
        }
    }
}

/// Fewer than there were, in each group. What the client's words name is suspicious: it comes alone and
/// last. If they name none of it, or all, it is halved, the later names first: a virtual host of a wildcard
/// is named before those of the hosts under it, and these may be there to protect what it lets pass from
/// now on.
fn split(entries: &[Arc<Entry>], words: &str) -> Vec<Vec<Arc<Entry>>> {
    let (suspects, others): (Vec<_>, Vec<_>) = entries
        .iter()
        .cloned()
        .partition(|entry| mentions(words, &entry.name));
    if suspects.is_empty() || others.is_empty() {
        let (left, right) = entries.split_at(entries.len() / 2);
        return vec![right.to_vec(), left.to_vec()];
    }
    let mut groups = vec![others];
    groups.extend(suspects.into_iter().map(|one| vec![one]));
    groups
}

/// Whether words have a name in them, not as a part of a longer one.
fn mentions(words: &str, name: &str) -> bool {
    let of_name = |one: char| one.is_alphanumeric() || matches!(one, '-' | '_' | '/');
    words.match_indices(name).any(|(start, _)| {
        let before = words
            .get(..start)
            .and_then(|before| before.chars().next_back());
        let behind = words.get(start + name.len()..);
        let behind = behind.and_then(|behind| behind.chars().next());
        !before.is_some_and(of_name) && !behind.is_some_and(of_name)
    })
}

/// A rejection with the version that was sent.
fn versioned(part: &Part, mut rejection: Rejection) -> Rejection {
    if rejection.version.is_empty() {
        let sent = part.upserts.iter().find(|one| *one.name == *rejection.name);
        rejection.version = sent.map_or_else(String::new, |one| one.version.to_string());
    }
    rejection
}

/// The names of a part's resources.
pub(super) fn names(part: &Part) -> BTreeSet<Arc<str>> {
    let upserts = part.upserts.iter().map(|entry| entry.name.clone());
    upserts.chain(part.removed.iter().cloned()).collect()
}
