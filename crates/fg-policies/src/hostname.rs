//! The hostname that a redirect or rewrite puts in. Not a policy of its own.
//!
//! Source: Gateway API `PreciseHostname`.

use fg_base::Text;
use fg_model::{FindingKind, HostPattern};

use crate::TranslateScope;

/// Checks a hostname; empty is none. `Err` when it cannot be used, which is reported at `place`.
pub(crate) fn translate(
    written: Option<&Text>,
    place: &str,
    scope: &mut dyn TranslateScope,
) -> Result<Option<Text>, ()> {
    match HostPattern::parse(written.map(|text| &**text)) {
        Ok(HostPattern::Any) => Ok(None),
        Ok(HostPattern::Exact(name)) => Ok(Some(name)),
        Ok(HostPattern::Wildcard(_)) | Err(_) => {
            scope.report(
                place,
                FindingKind::UnsupportedValue,
                format!("`{}` is no hostname", written.map_or("", |text| text)),
                Some("write one name without `*` and without a port".to_owned()),
            );
            Err(())
        }
    }
}
