//! Header changes without the values of credentials where people read them.

use fg_base::Text;
use fg_model::secret::shown;
use serde::Serializer;

/// Serializes names and values; in formats for people, as far as they may be shown.
pub(super) fn serialize<S: Serializer>(
    fields: &[(Text, Text)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        let fields = fields.iter();
        serializer.collect_seq(fields.map(|(name, value)| (&**name, shown(name, value))))
    } else {
        serializer.collect_seq(fields)
    }
}
