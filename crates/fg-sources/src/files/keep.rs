//! What was good keeps serving while its file, or its new version, is bad.

use std::collections::BTreeSet;
use std::sync::Arc;

use fg_model::{Finding, ObjectRef, kinds};

use super::document::Content;

/// A file that cannot be read gives what it last gave.
pub(super) fn unreadable(mut finding: Finding, old: Option<&Content>) -> Content {
    let mut content = old.cloned().unwrap_or_default();
    if content.written.iter().any(|object| object.good.is_some()) {
        finding.hint = Some("what the file said before keeps serving".to_owned());
    }
    content.findings = vec![finding];
    content
}

/// Refused objects keep their last good version; and while a document does not say which object it
/// is, no object of the file counts as removed.
pub(super) fn keep_last_good(mut new: Content, old: &Content) -> Content {
    for object in &mut new.written {
        if object.good.is_none() {
            let before = old
                .written
                .iter()
                .find(|before| before.id == object.id && before.good.is_some());
            object.good = before.and_then(|before| before.good.clone());
        }
    }
    let kept: BTreeSet<&Arc<ObjectRef>> = new
        .written
        .iter()
        .filter(|object| object.refused && object.good.is_some())
        .map(|object| &object.id)
        .collect();
    for finding in &mut new.findings {
        if kept.contains(&finding.about.object) {
            let serving = "its last good version keeps serving";
            finding.hint = Some(match finding.hint.take() {
                Some(hint) => format!("{hint}; {serving}"),
                None => serving.to_owned(),
            });
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
        new.written.extend(missing);
    }
    new
}

/// Says what it means that nothing of an object is there: at worst others' rules hold where it
/// should have protected something.
pub(super) fn say_what_is_missing(content: &mut Content) {
    for object in &content.written {
        if object.good.is_some() {
            continue;
        }
        let consequence = if object.id.is(kinds::BACKEND_TLS_POLICY) {
            "until it is right, its Services are called as if it were not there"
        } else if object.id.is(kinds::HTTP_ROUTE) || object.id.is(kinds::GRPC_ROUTE) {
            "until it is right, its requests are left to other routes"
        } else {
            continue;
        };
        let mut about = content.findings.iter_mut();
        if let Some(finding) = about.find(|finding| finding.about.object == object.id) {
            finding.hint = Some(match finding.hint.take() {
                Some(hint) => format!("{hint}; {consequence}"),
                None => consequence.to_owned(),
            });
        }
    }
}
