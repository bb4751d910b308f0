//! Tables of expressions: what they match as RE2 would, and what is refused.

use super::Pattern;

/// Expression, then values that match, then values that do not.
type Row = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

fn check(rows: &[Row]) {
    for (source, matching, others) in rows {
        let regex = Pattern::new(source)
            .unwrap_or_else(|error| panic!("{source}: {error}"))
            .regex();
        for value in *matching {
            assert!(regex.is_match(value.as_bytes()), "{source} on {value:?}");
        }
        for value in *others {
            assert!(!regex.is_match(value.as_bytes()), "{source} on {value:?}");
        }
    }
}

#[test]
fn the_whole_value_has_to_match() {
    check(&[
        ("a", &["a"], &["ab", "ba", "", "A", "a\n"]),
        ("a|bc", &["a", "bc"], &["abc", "ac", "b"]),
        ("^a$", &["a"], &["ab"]),
        ("a|", &["a", ""], &["b"]),
        ("()", &[""], &["a"]),
        ("/v[0-9]+/.*", &["/v1/", "/v12/a/b"], &["/v/", "/v1"]),
        ("(?m)a$", &["a"], &["a\nb"]),
        ("(?m)a$\n^b", &["a\nb"], &["a"]),
        ("a\\z", &["a"], &["a\n"]),
        ("\\Aa", &["a"], &["ba"]),
    ]);
}

#[test]
fn dots_and_classes_are_characters_not_bytes() {
    check(&[
        (".", &["a", "é", "😀", "\r"], &["\n", "", "ab"]),
        ("(?s).", &["\n"], &["\n\n"]),
        ("(?s:.).", &["\na"], &["\n\n"]),
        ("[^a]", &["é", "\n"], &["a"]),
        ("[é-ü]", &["é", "ö"], &["e"]),
        ("\\xe9\\x{E9}", &["éé"], &["é"]),
    ]);
    let any = Pattern::new("(?s).*").expect("a pattern").regex();
    assert!(!any.is_match(b"\xff"), "no character, as in RE2");
    let not_a = Pattern::new("[^a]").expect("a pattern").regex();
    assert!(!not_a.is_match(b"\xff"));
}

#[test]
fn perl_classes_are_ascii() {
    check(&[
        ("\\d", &["7"], &["٣", "a"]),
        ("\\D", &["٣", "a"], &["7"]),
        ("\\w", &["a", "_", "0"], &["é", "-"]),
        ("\\W", &["é", "-"], &["a"]),
        ("\\s", &[" ", "\t", "\n", "\x0c", "\r"], &["\x0b", "\u{a0}"]),
        ("\\S", &["\x0b", "\u{a0}", "a"], &[" "]),
        ("[\\d_-]", &["7", "_", "-"], &["a"]),
        ("[^\\d\\s]", &["a"], &["7", " "]),
        ("[\\D]", &["a"], &["7"]),
        ("\\b\\w+\\b", &["ab"], &["a b"]),
        ("a\\Bb", &["ab"], &["a"]),
    ]);
}

#[test]
fn posix_and_unicode_classes() {
    check(&[
        ("[[:alpha:]]", &["a", "Z"], &["é", "1"]),
        ("[[:^alpha:]]", &["é", "1"], &["a"]),
        ("[[:word:][:space:]]", &["_", "\x0b"], &["-"]),
        ("[^[:xdigit:]]", &["g"], &["f"]),
        ("\\pN", &["1", "٣"], &["a"]),
        ("\\PN", &["a"], &["1"]),
        ("\\p{Lu}\\P{Lu}", &["Aa", "É1"], &["aA"]),
        ("\\p{^Lu}", &["a"], &["A"]),
        ("\\P{^Lu}", &["A"], &["a"]),
        ("\\p{Greek}+", &["αβγ"], &["abc"]),
        ("[\\p{Greek}a]", &["α", "a"], &["b"]),
        ("\\p{Any}", &["a", "\n"], &[""]),
        ("\\pC", &["\x01", "\u{e000}"], &["a", "\u{378}"]),
        ("[^\\PC]", &["\x01"], &["a"]),
    ]);
}

#[test]
fn brackets_mean_what_re2_means() {
    check(&[
        ("[]a]", &["]", "a"], &["["]),
        ("[^]a]", &["b"], &["]", "a"]),
        ("[[a]", &["[", "a"], &["b"]),
        ("[a[]]", &["a]", "[]"], &["a"]),
        ("[a&&b]", &["a", "&", "b"], &["&&"]),
        ("[a~~b]", &["~"], &["c"]),
        ("[-a]", &["-", "a"], &["b"]),
        ("[a-]", &["-", "a"], &["b"]),
        ("[a-c-e]", &["b", "-", "e"], &["d"]),
        ("[+--]", &["+", ",", "-"], &["."]),
        ("[\\]\\-\\^]", &["]", "-", "^"], &["\\"]),
        ("[[:]", &["[", ":"], &["a"]),
        ("[.*+?(){}|^$#]+", &[".*+?(){}|^$#"], &["a"]),
        ("[\\x00-\\x1f]", &["\x1f"], &[" "]),
        ("[\\n\\101]", &["\n", "A"], &["n"]),
    ]);
}

#[test]
fn escapes_groups_and_repetitions() {
    check(&[
        ("\\Qa.b*\\E+", &["a.b*", "a.b**"], &["axb*"]),
        ("\\Qa.b", &["a.b"], &["axb"]),
        ("\\Q\\Ea", &["a"], &[""]),
        ("\\a\\f\\t\\n\\r\\v", &["\x07\x0c\t\n\r\x0b"], &[""]),
        ("\\x41\\x{1F600}\\x{000041}", &["A😀A"], &["A"]),
        ("\\101\\0\\12", &["A\0\n"], &["A"]),
        ("\\.\\/\\-\\_\\ \\#\\&\\~\\@", &["./-_ #&~@"], &[""]),
        ("\\<a\\>", &["<a>"], &["a"]),
        ("\\b{start}", &[], &["{start}", ""]),
        ("(?P<name>a)(?<other>b)(?:c)", &["abc"], &["ab"]),
        ("(?i)aß(?-i)b", &["Aßb", "aẞb"], &["AßB"]),
        ("(?i:a)b", &["Ab"], &["AB"]),
        ("a(?i)b|c", &["aB", "C"], &["AB"]),
        ("(?)a(?ii-s:b)", &["aB"], &["AB"]),
        ("(?i)[k-k]", &["k", "K", "\u{212a}"], &["l"]),
        ("a{2}", &["aa"], &["a", "aaa"]),
        ("a{2,}", &["aa", "aaaa"], &["a"]),
        ("a{0,2}?b", &["b", "aab"], &["aaab"]),
        ("a*?b+?c??", &["b", "aabbc"], &["a"]),
        ("a{,2}", &["a{,2}"], &["aa"]),
        ("{a}{", &["{a}{"], &["a"]),
        ("a{01}", &["a{01}"], &["a"]),
        ("a]}", &["a]}"], &["a"]),
        ("(?U)a+", &["aa"], &[""]),
        ("é{2}", &["éé"], &["é"]),
        ("#  a b", &["#  a b"], &["ab"]),
        (".{1000}", &[], &["a"]),
        ("(.{10}){100}", &[], &["a"]),
    ]);
}

#[test]
fn what_re2_refuses_is_refused() {
    for (source, words) in [
        ("", "empty"),
        ("(", "no `)`"),
        ("a)", "no `(`"),
        ("[a", "no `]`"),
        ("[]", "no `]`"),
        ("[a--b]", "range"),
        ("[b-a]", "range"),
        ("[a-\\d]", "no RE2 syntax"),
        ("[[:alfa:]]", "class"),
        ("*a", "nothing to repeat"),
        ("(+)", "nothing to repeat"),
        ("a|*", "nothing to repeat"),
        ("{2}", "nothing to repeat"),
        ("a**", "cannot be repeated"),
        ("a{2}{3}", "cannot be repeated"),
        ("a*?+", "cannot be repeated"),
        ("a++", "cannot be repeated"),
        ("a{3,2}", "count"),
        ("a{1001}", "more than 1000"),
        ("a{1001,}", "more than 1000"),
        ("((a{100})*b){11}", "more than 1000"),
        ("(?=a)", "ahead"),
        ("(?!a)", "ahead"),
        ("(?<=a)", "behind"),
        ("(?<!a)", "behind"),
        ("(?>a)", "atomic"),
        ("(?#a)", "comment"),
        ("(?P=a)", "reference"),
        ("(a)\\1", "reference"),
        ("(?P<a>b)(?P<a>c)", "one name"),
        ("(?P<a-b>c)", "name"),
        ("(?<a", "name"),
        ("(?x) a", "flag"),
        ("(?R)a", "flag"),
        ("(?u)a", "flag"),
        ("(?i-)a", "flag"),
        ("(?i", "no end"),
        ("\\", "at the end"),
        ("\\C", "not supported"),
        ("\\u{41}", "\\x{"),
        ("\\U00000041", "\\x{"),
        ("\\x4", "hexadecimal"),
        ("\\x{}", "hexadecimal"),
        ("\\x{g}", "hexadecimal"),
        ("\\x4é", "hexadecimal"),
        ("\\x{110000}", "no character"),
        ("\\x{d800}", "no character"),
        ("\\Z", "no RE2 syntax"),
        ("\\E", "no RE2 syntax"),
        ("\\h", "no RE2 syntax"),
        ("\\é", "no RE2 syntax"),
        ("\\k<a>", "no RE2 syntax"),
        ("[\\b]", "no RE2 syntax"),
        ("\\8", "no RE2 syntax"),
        ("\\p", "category"),
        ("\\p{greek}", "category"),
        ("\\p{Letter}", "category"),
        ("\\p{Alphabetic}", "category"),
        ("\\p{sc=Greek}", "category"),
        ("\\p{Greek", "category"),
        ("\\p{Cs}", "category"),
    ] {
        let error = Pattern::new(source).expect_err(source);
        assert!(error.0.contains(words), "{source}: {error}");
    }
}

#[test]
fn the_place_of_a_mistake_is_told_in_characters() {
    let error = Pattern::new("é+a++b").expect_err("a repeated repetition");
    assert_eq!(
        error.0,
        "a repetition cannot be repeated; put it into a group, at character 5 of the expression"
    );
}

#[test]
fn size_and_depth_are_bounded() {
    assert!(Pattern::new(&"é".repeat(4096)).is_ok());
    assert!(Pattern::new(&"a".repeat(4097)).is_err());
    let nested = |depth: usize| format!("{}a{}", "(a|b*".repeat(depth), ")".repeat(depth));
    assert!(Pattern::new(&nested(99)).is_ok());
    let error = Pattern::new(&nested(100)).expect_err("too deep");
    assert!(error.0.contains("deep"), "{error}");
    let error = Pattern::new("(\\pL{200}){5}").expect_err("too big");
    assert!(error.0.contains("compiles to more than"), "{error}");
}

#[test]
fn every_class_by_name_compiles() {
    for name in super::class::names() {
        let source = format!("\\p{{{name}}}\\P{{{name}}}[\\p{{{name}}}\\P{{^{name}}}]");
        assert!(Pattern::new(&source).is_ok(), "{name}");
    }
}
