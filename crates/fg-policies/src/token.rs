//! Names of fields, methods and cookies. Not a policy of its own.

/// Whether a text is a name. Source: RFC 9110 §5.6.2 (`token`).
pub(crate) fn is_token(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_part)
}
