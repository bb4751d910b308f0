//! What a policy is lent while it is translated.

use fg_model::FindingKind;

/// Takes findings about the policy being translated. `fg-translate` implements it.
pub trait TranslateScope {
    /// Reports something wrong at a field path relative to the policy's own place
    /// (`set[0].name`), with a word on what to do.
    fn report(&mut self, path: &str, kind: FindingKind, text: String, hint: Option<String>);
}

/// Collects findings in a list, for tests.
impl TranslateScope for Vec<(String, FindingKind, String)> {
    fn report(&mut self, path: &str, kind: FindingKind, text: String, _hint: Option<String>) {
        self.push((path.to_owned(), kind, text));
    }
}
