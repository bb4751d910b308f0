//! Query strings of the admin pages: `name=value&…`, percent-decoded, `+` is a blank.

use percent_encoding::percent_decode_str;

/// The pairs of a query. What is not UTF-8 after decoding is replaced.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
}

fn decode(text: &str) -> String {
    let blanks = text.replace('+', " ");
    percent_decode_str(&blanks).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded() {
        let decoded: Vec<_> = pairs("url=http%3A%2F%2Fa%2F%3Fx%3D1&&header=a%3A+b&flag").collect();
        let expected = [("url", "http://a/?x=1"), ("header", "a: b"), ("flag", "")];
        assert_eq!(
            decoded,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}
