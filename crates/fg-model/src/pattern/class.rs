//! Classes of characters, in brackets and as escapes.

use super::PatternError;
use super::re2::{Reader, character, push_literal};

/// POSIX classes, all ASCII. The crate knows them by the same names, with the same members.
const POSIX: &[&str] = &[
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// General categories that RE2 knows, but `C` and `Cs`: see [`property`].
const CATEGORIES: &[&str] = &[
    "Cc", "Cf", "Co", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl",
    "No", "P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl",
    "Zp", "Zs",
];

/// Scripts, as RE2 spells them (Unicode 15).
const SCRIPTS: &[&str] = &[
    "Adlam",
    "Ahom",
    "Anatolian_Hieroglyphs",
    "Arabic",
    "Armenian",
    "Avestan",
    "Balinese",
    "Bamum",
    "Bassa_Vah",
    "Batak",
    "Bengali",
    "Bhaiksuki",
    "Bopomofo",
    "Brahmi",
    "Braille",
    "Buginese",
    "Buhid",
    "Canadian_Aboriginal",
    "Carian",
    "Caucasian_Albanian",
    "Chakma",
    "Cham",
    "Cherokee",
    "Chorasmian",
    "Common",
    "Coptic",
    "Cuneiform",
    "Cypriot",
    "Cypro_Minoan",
    "Cyrillic",
    "Deseret",
    "Devanagari",
    "Dives_Akuru",
    "Dogra",
    "Duployan",
    "Egyptian_Hieroglyphs",
    "Elbasan",
    "Elymaic",
    "Ethiopic",
    "Georgian",
    "Glagolitic",
    "Gothic",
    "Grantha",
    "Greek",
    "Gujarati",
    "Gunjala_Gondi",
    "Gurmukhi",
    "Han",
    "Hangul",
    "Hanifi_Rohingya",
    "Hanunoo",
    "Hatran",
    "Hebrew",
    "Hiragana",
    "Imperial_Aramaic",
    "Inherited",
    "Inscriptional_Pahlavi",
    "Inscriptional_Parthian",
    "Javanese",
    "Kaithi",
    "Kannada",
    "Katakana",
    "Kawi",
    "Kayah_Li",
    "Kharoshthi",
    "Khitan_Small_Script",
    "Khmer",
    "Khojki",
    "Khudawadi",
    "Lao",
    "Latin",
    "Lepcha",
    "Limbu",
    "Linear_A",
    "Linear_B",
    "Lisu",
    "Lycian",
    "Lydian",
    "Mahajani",
    "Makasar",
    "Malayalam",
    "Mandaic",
    "Manichaean",
    "Marchen",
    "Masaram_Gondi",
    "Medefaidrin",
    "Meetei_Mayek",
    "Mende_Kikakui",
    "Meroitic_Cursive",
    "Meroitic_Hieroglyphs",
    "Miao",
    "Modi",
    "Mongolian",
    "Mro",
    "Multani",
    "Myanmar",
    "Nabataean",
    "Nag_Mundari",
    "Nandinagari",
    "New_Tai_Lue",
    "Newa",
    "Nko",
    "Nushu",
    "Nyiakeng_Puachue_Hmong",
    "Ogham",
    "Ol_Chiki",
    "Old_Hungarian",
    "Old_Italic",
    "Old_North_Arabian",
    "Old_Permic",
    "Old_Persian",
    "Old_Sogdian",
    "Old_South_Arabian",
    "Old_Turkic",
    "Old_Uyghur",
    "Oriya",
    "Osage",
    "Osmanya",
    "Pahawh_Hmong",
    "Palmyrene",
    "Pau_Cin_Hau",
    "Phags_Pa",
    "Phoenician",
    "Psalter_Pahlavi",
    "Rejang",
    "Runic",
    "Samaritan",
    "Saurashtra",
    "Sharada",
    "Shavian",
    "Siddham",
    "SignWriting",
    "Sinhala",
    "Sogdian",
    "Sora_Sompeng",
    "Soyombo",
    "Sundanese",
    "Syloti_Nagri",
    "Syriac",
    "Tagalog",
    "Tagbanwa",
    "Tai_Le",
    "Tai_Tham",
    "Tai_Viet",
    "Takri",
    "Tamil",
    "Tangsa",
    "Tangut",
    "Telugu",
    "Thaana",
    "Thai",
    "Tibetan",
    "Tifinagh",
    "Tirhuta",
    "Toto",
    "Ugaritic",
    "Vai",
    "Vithkuqi",
    "Wancho",
    "Warang_Citi",
    "Yezidi",
    "Yi",
    "Zanabazar_Square",
];

/// Translates what follows a `[`.
pub(super) fn bracket(reader: &mut Reader<'_>, out: &mut String) -> Result<(), PatternError> {
    out.push('[');
    if reader.take("^") {
        out.push('^');
    }
    let mut is_first = true;
    loop {
        if !is_first && reader.take("]") {
            out.push(']');
            return Ok(());
        }
        is_first = false;
        if posix(reader, out)? {
            continue;
        }
        let before = *reader;
        if reader.take("\\") && escape(reader, out)? {
            continue;
        }
        *reader = before;
        let low = member(reader)?;
        push_literal(out, low);
        let rest = reader.rest();
        if rest.starts_with('-') && !rest.starts_with("-]") && rest.len() > 1 {
            reader.take("-");
            let high = member(reader)?;
            if high < low {
                return reader.refuse("a range of characters ends before its beginning");
            }
            out.push('-');
            push_literal(out, high);
        }
    }
}

/// One character in brackets.
fn member(reader: &mut Reader<'_>) -> Result<char, PatternError> {
    match reader.next() {
        Some('\\') => character(reader),
        Some(literal) => Ok(literal),
        None => reader.refuse("a `[` has no `]`"),
    }
}

/// Translates `[:alpha:]` or `[:^alpha:]` in brackets; says whether it was one. `[:` that nothing
/// ends is two characters.
fn posix(reader: &mut Reader<'_>, out: &mut String) -> Result<bool, PatternError> {
    let name = reader
        .rest()
        .strip_prefix("[:")
        .and_then(|rest| rest.split_once(":]"))
        .map(|(name, _)| name);
    let Some(name) = name else {
        return Ok(false);
    };
    if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return reader.refuse(&format!("`[:{name}:]` is no class of RE2"));
    }
    reader.take_until(":]");
    out.push_str("[:");
    out.push_str(name);
    out.push_str(":]");
    Ok(true)
}

/// Translates an escape that stands for a class, behind its backslash; says whether it was one.
pub(super) fn escape(reader: &mut Reader<'_>, out: &mut String) -> Result<bool, PatternError> {
    let text = match reader.rest().chars().next() {
        Some('d') => "[0-9]",
        Some('D') => "[^0-9]",
        // RE2's has no vertical tab, unlike the crate's.
        Some('s') => r"[\t\n\x0C\r ]",
        Some('S') => r"[^\t\n\x0C\r ]",
        Some('w') => "[0-9A-Za-z_]",
        Some('W') => "[^0-9A-Za-z_]",
        Some(kind @ ('p' | 'P')) => {
            reader.next();
            return property(kind == 'P', reader, out).map(|()| true);
        }
        _ => return Ok(false),
    };
    reader.next();
    out.push_str(text);
    Ok(true)
}

/// `N`, `{Greek}` or `{^Greek}`, behind `\p` or `\P`.
fn property(negated: bool, reader: &mut Reader<'_>, out: &mut String) -> Result<(), PatternError> {
    let name = if reader.take("{") {
        reader.take_until("}").unwrap_or_default()
    } else {
        let rest = reader.rest();
        reader.next();
        &rest[..rest.len() - reader.rest().len()]
    };
    let (name, negated) = match name.strip_prefix('^') {
        Some(name) => (name, !negated),
        None => (name, negated),
    };
    match name {
        // The crate's would have unassigned code points too; surrogates are no characters.
        "C" => {
            out.push_str(if negated { "[^" } else { "[" });
            out.push_str(r"\p{Cc}\p{Cf}\p{Co}]");
        }
        "Any" => out.push_str(if negated { r"\P{any}" } else { r"\p{any}" }),
        name if CATEGORIES.contains(&name) || SCRIPTS.contains(&name) => {
            out.push_str(if negated { r"\P{" } else { r"\p{" });
            out.push_str(name);
            out.push('}');
        }
        other => {
            return reader.refuse(&format!(
                "`{other}` is no general category or script that RE2 knows by that spelling"
            ));
        }
    }
    Ok(())
}

/// Every name of [`property`].
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let lists = CATEGORIES.iter().chain(SCRIPTS).copied();
    lists.chain(["C", "Any"])
}
