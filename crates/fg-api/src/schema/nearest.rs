//! "Did you mean …?": the nearest of some names to a misspelt one.

/// The nearest name, if one is near enough to be meant: letter case and plural do not count, and
/// about one letter in three may differ.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).min(4);
    let lower = word.to_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for name in names {
        let distance = distance(&lower, &name.to_lowercase());
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, name));
        }
    }
    best.map(|(_, name)| name)
}

/// The only name of which a word is a short form: one that ends with it, such as `PathPrefix` for
/// `prefix`, or one that begins as it does and has its other letters in the same order, such as
/// `RegularExpression` for `Regex`.
pub(super) fn shortened<'a>(
    word: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let lower = word.to_lowercase();
    if lower.chars().count() < 3 {
        return None;
    }
    let names: Vec<(&str, String)> = names
        .into_iter()
        .map(|name| (name, name.to_lowercase()))
        .collect();
    let is_within = |name: &str| {
        let mut letters = name.chars();
        name.chars().next() == lower.chars().next()
            && lower.chars().all(|one| letters.any(|letter| letter == one))
    };
    let only = |is_meant: &dyn Fn(&str) -> bool| {
        let mut meant = names.iter().filter(|(_, name)| is_meant(name));
        let first = meant.next()?;
        meant.next().is_none().then_some(first.0)
    };
    only(&|name| name.ends_with(&lower)).or_else(|| only(&is_within))
}

/// How many letters must be inserted, removed, replaced, or swapped with their neighbour.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let names = ["matches", "filters", "backendRefs", "name", "timeouts"];
        assert_eq!(nearest("matchs", names), Some("matches"));
        assert_eq!(nearest("backendrefs", names), Some("backendRefs"));
        assert_eq!(nearest("backendRef", names), Some("backendRefs"));
        assert_eq!(nearest("nmae", names), Some("name"));
        assert_eq!(nearest("sepc", ["spec", "status"]), Some("spec"));
        assert_eq!(nearest("annotations", names), None);
        // Of so few letters anything would be near.
        assert_eq!(nearest("b", ["a", "c"]), None);
        assert_eq!(nearest("TO", ["to", "on"]), Some("to"));
    }

    #[test]
    fn short_forms_are_understood() {
        let kinds = ["Exact", "PathPrefix", "RegularExpression"];
        for (word, meant) in [
            ("Prefix", Some("PathPrefix")),
            ("prefix", Some("PathPrefix")),
            ("Regex", Some("RegularExpression")),
            ("regexp", Some("RegularExpression")),
            ("", None),
            ("Pr", None),
            ("Wildcard", None),
        ] {
            assert_eq!(shortened(word, kinds), meant, "{word}");
        }
        assert_eq!(shortened("Fix", ["APre-Fix", "BPost-Fix"]), None);
        let filters = ["RequestRedirect", "RequestMirror", "URLRewrite"];
        assert_eq!(shortened("Redirect", filters), Some("RequestRedirect"));
        assert_eq!(shortened("Request", filters), None);
    }

    #[test]
    fn counts_letters() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("sepc", "spec"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
