//! Amounts as Kubernetes writes them.
//!
//! Source: Kubernetes, `Quantity` of `resource.k8s.io`.

use serde_json::Value;

/// An amount of bytes, such as `512Mi`; `None` if it is none.
pub(super) fn bytes(value: &Value) -> Option<u64> {
    let amount = amount(value)?;
    // Far below where the conversion would lose anything that matters.
    (amount < 1e18).then(|| to_whole(amount))
}

/// An amount of something that comes in wholes, such as processors; a part counts as one more.
pub(super) fn whole(value: &Value) -> Option<u64> {
    let amount = amount(value)?.ceil();
    (amount < 1e6).then(|| to_whole(amount))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is not negative, and below 10^18"
)]
fn to_whole(amount: f64) -> u64 {
    amount as u64
}

/// Never negative, and finite.
fn amount(value: &Value) -> Option<f64> {
    let amount = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => parse(text)?,
        _ => return None,
    };
    (amount.is_finite() && amount >= 0.0).then_some(amount)
}

fn parse(text: &str) -> Option<f64> {
    const UNITS: &[(&str, f64)] = &[
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
    ];
    let unit = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = unit.unwrap_or((text, 1.0));
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{bytes, whole};

    #[test]
    fn amounts_are_read_as_kubernetes_means_them() {
        for (text, expected) in [
            ("512Mi", Some(512 << 20)),
            ("1.5Gi", Some(3 << 29)),
            ("1G", Some(1_000_000_000)),
            ("128974848", Some(128_974_848)),
            ("129e6", Some(129_000_000)),
            ("128974848000m", Some(128_974_848)),
            ("-1Gi", None),
            ("much", None),
            ("", None),
        ] {
            assert_eq!(bytes(&json!(text)), expected, "{text}");
        }
        assert_eq!(bytes(&json!(4096)), Some(4096));
        assert_eq!(whole(&json!("1500m")), Some(2));
        assert_eq!(whole(&json!(2)), Some(2));
    }
}
