//! Which hostnames cover which.

use fg_model::HostPattern;

/// The hostname itself and all that cover it, the most specific one first. Cost: one for each label.
pub(super) fn covering(of: &HostPattern) -> impl Iterator<Item = HostPattern> {
    let text = match of {
        HostPattern::Any => "",
        HostPattern::Wildcard(text) | HostPattern::Exact(text) => text,
    };
    // A wildcard keeps its leading dot, and covers itself already.
    let wider = text
        .char_indices()
        .skip(1)
        .filter(|(_, letter)| *letter == '.')
        .filter_map(|(at, _)| text.get(at..))
        .map(|suffix| HostPattern::Wildcard(suffix.into()));
    let any = (*of != HostPattern::Any).then_some(HostPattern::Any);
    std::iter::once(of.clone()).chain(wider).chain(any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_the_name_itself_to_any() {
        let all = |name: &str| -> Vec<String> {
            let pattern = HostPattern::parse(Some(name)).expect("a hostname");
            covering(&pattern).map(|one| one.to_string()).collect()
        };
        assert_eq!(all("a.b.com"), ["a.b.com", "*.b.com", "*.com", "*"]);
        assert_eq!(all("*.b.com"), ["*.b.com", "*.com", "*"]);
        assert_eq!(all("com"), ["com", "*"]);
        assert_eq!(all(""), ["*"]);
    }
}
