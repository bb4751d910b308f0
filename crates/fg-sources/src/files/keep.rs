//! What was good keeps serving while its file, or its new version, is bad.

use std::collections::BTreeSet;
use std::sync::Arc;

use fg_model::{Finding, FindingKind, ObjectRef, kinds};

use super::document::{Content, Written};

/// What it means that a file cannot be read that was good.
const BEFORE: &str = "what the file said before keeps serving";

fn is_good(object: &Written) -> bool {
    object.good.is_some() && !is_stand_in(object)
}

/// Whether something stands in for the object, since it never was good.
fn is_stand_in(object: &Written) -> bool {
    let good = object.good.as_ref();
    good.is_some_and(|good| good.resource.meta().is_stand_in)
}

/// A file that cannot be read gives what it last gave.
pub(super) fn unreadable(mut finding: Finding, old: Option<&Content>) -> Content {
    let mut content = old.cloned().unwrap_or_default();
    finding.also(match content.written.iter().any(is_good) {
        true => BEFORE,
        false => "until it is right, nothing of it serves",
    });
    content.findings = vec![finding];
    content
}

/// Refused objects keep their last good version; and while a document does not say which object it
/// is, no object of the file counts as removed.
pub(super) fn keep_last_good(mut new: Content, old: &Content) -> Content {
    for object in &mut new.written {
        if !is_good(object) {
            let mut before = old.written.iter();
            if let Some(before) = before.find(|before| before.id == object.id && is_good(before)) {
                object.good.clone_from(&before.good);
            }
        }
    }
    let kept: BTreeSet<&Arc<ObjectRef>> = new
        .written
        .iter()
        .filter(|object| object.refused && is_good(object))
        .map(|object| &object.id)
        .collect();
    for finding in &mut new.findings {
        if kept.contains(&finding.about.object) {
            finding.also("its last good version keeps serving");
        }
    }
    if new.unidentified {
        let ids: BTreeSet<Arc<ObjectRef>> =
            new.written.iter().map(|object| object.id.clone()).collect();
        let missing = old
            .written
            .iter()
            .filter(|before| !ids.contains(&before.id));
        let missing: Vec<_> = missing.cloned().collect();
        if missing.iter().any(is_good) {
            let mut nameless = new.findings.iter_mut();
            if let Some(finding) = nameless.find(|finding| is_nameless(finding)) {
                finding.also(BEFORE);
            }
        }
        new.written.extend(missing);
    }
    new
}

/// Whether it says of a document that cannot be read, and not of which object that is.
fn is_nameless(finding: &Finding) -> bool {
    finding.kind == FindingKind::Unreadable && finding.about.object.is(kinds::FILE)
}

/// Says what it means that nothing of an object is there: at worst others' rules hold where it
/// should have protected something.
pub(super) fn say_what_is_missing(content: &mut Content) {
    for object in &content.written {
        if is_good(object) {
            continue;
        }
        let mut about = content.findings.iter_mut();
        let Some(finding) = about.find(|finding| finding.about.object == object.id) else {
            continue;
        };
        let is_policy = object.id.is(kinds::BACKEND_TLS_POLICY);
        finding.also(if is_stand_in(object) && is_policy {
            "until it is right, requests to its Services are answered 500"
        } else if is_stand_in(object) {
            "until it is right, requests that it was to protect are answered 500, and its others left to other routes"
        } else if is_policy {
            "until it is right, its Services are called as if it were not there"
        } else if object.id.is(kinds::HTTP_ROUTE) || object.id.is(kinds::GRPC_ROUTE) {
            "until it is right, its requests are left to other routes"
        } else if object.id.is(kinds::GATEWAY) || object.id.is(kinds::LISTENER_SET) {
            "until it is right, none of its listeners serves"
        } else if finding.kind == FindingKind::Unreadable {
            "until it is right, it counts as not there"
        } else {
            continue;
        });
    }
    for finding in &mut content.findings {
        if is_nameless(finding) && finding.hint.is_none() {
            finding.also("until it is right, what it says counts as not there");
        }
    }
}
