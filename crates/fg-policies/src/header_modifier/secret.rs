//! Header changes without the values of credentials, for pages.

use fg_base::Text;
use fg_model::secret::shown;
use serde::Serializer;

/// Serializes names and values, as far as they may be shown.
pub(super) fn serialize<S: Serializer>(
    fields: &[(Text, Text)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let fields = fields.iter();
    serializer.collect_seq(fields.map(|(name, value)| (&**name, shown(name, value))))
}
