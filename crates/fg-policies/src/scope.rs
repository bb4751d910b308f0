//! What a policy is lent while it is translated.

use fg_api::http_route::BackendObjectReference;
use fg_model::{BackendKey, FindingKind, ObjectRef, kinds};

/// Takes findings about the policy being translated, and resolves what it refers to.
/// `fg-translate` implements it.
pub trait TranslateScope {
    /// Reports something wrong at a field path relative to the policy's own place
    /// (`set[0].name`), with a word on what to do.
    fn report(&mut self, path: &str, kind: FindingKind, text: String, hint: Option<String>);

    /// The backend that a reference at this path (`requestMirror.backendRef`) names, judged as
    /// those of `backendRefs` are: its kind, a grant, whether it exists. It becomes one of the
    /// rule's backends. `None` was reported: the route's references are not resolved.
    fn backend(&mut self, path: &str, reference: &BackendObjectReference) -> Option<BackendKey>;
}

/// Collects findings in a list, for tests. Every Service exists in the namespace `default` and may
/// be referred to, but one whose name begins with `missing`.
impl TranslateScope for Vec<(String, FindingKind, String)> {
    fn report(&mut self, path: &str, kind: FindingKind, text: String, _hint: Option<String>) {
        self.push((path.to_owned(), kind, text));
    }

    fn backend(&mut self, path: &str, reference: &BackendObjectReference) -> Option<BackendKey> {
        let name = &reference.name;
        if name.starts_with("missing") {
            let text = format!("there is no Service `{name}`");
            self.report(
                &format!("{path}.name"),
                FindingKind::BackendNotFound,
                text,
                None,
            );
            return None;
        }
        let namespace = reference.namespace.as_deref().unwrap_or("default");
        Some(BackendKey {
            object: ObjectRef::new(kinds::SERVICE.0, kinds::SERVICE.1, namespace, name).into(),
            port: reference.port.unwrap_or_default(),
        })
    }
}
