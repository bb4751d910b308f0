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

/// The only name that ends with a word, such as `PathPrefix` for `Prefix`.
pub(super) fn ending<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut names = names.into_iter();
    let is_meant = |name: &&str| !word.is_empty() && name.ends_with(word);
    let first = names.find(is_meant)?;
    names.all(|name| !is_meant(&name)).then_some(first)
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
        assert_eq!(
            ending("Prefix", ["Exact", "PathPrefix"]),
            Some("PathPrefix")
        );
        assert_eq!(ending("x", ["ax", "bx"]), None);
    }

    #[test]
    fn counts_letters() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("sepc", "spec"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
