//! Paths: one canonical form, which is its own canonical form and holds nothing ambiguous.

use fg_model::path::{Form, canonicalize};

fn canonical(raw: &[u8]) -> Option<Vec<u8>> {
    let mut out = b"kept".to_vec();
    let form = canonicalize(raw, &mut out).ok()?;
    assert_eq!(&out[..4], b"kept");
    match form {
        Form::AsWritten => {
            assert_eq!(out.len(), 4);
            Some(raw.to_vec())
        }
        Form::Rewritten => Some(out.split_off(4)),
    }
}

/// What is accepted is visible ASCII, begins with `/`, has no dot segment and no escape of `/`, `\` or NUL, and is its
/// own canonical form.
pub(crate) fn promise(bytes: &[u8]) {
    let Some(path) = canonical(bytes) else {
        return;
    };
    assert_eq!(
        canonical(&path).as_deref(),
        Some(&*path),
        "not its own canonical form"
    );
    assert_eq!(path.first(), Some(&b'/'));
    assert!(
        path.iter()
            .all(|byte| byte.is_ascii_graphic() && !b"\\?#\"<>".contains(byte)),
        "{path:?}"
    );
    assert!(
        !path
            .split(|&byte| byte == b'/')
            .any(|segment| segment == b"." || segment == b".."),
        "{path:?}"
    );
    let text = String::from_utf8(path).expect("visible ASCII");
    for escape in ["%2f", "%5c", "%00", "%2e", "%41"] {
        assert!(!text.to_ascii_lowercase().contains(escape), "{text}");
    }
    assert_eq!(
        text.matches('%').count(),
        text.split('%')
            .skip(1)
            .filter(|rest| {
                let digit = |at| {
                    rest.as_bytes().get(at).is_some_and(|byte: &u8| {
                        byte.is_ascii_digit() || (b'A'..=b'F').contains(byte)
                    })
                };
                digit(0) && digit(1)
            })
            .count(),
        "{text}: escapes are two upper-case digits"
    );
}
