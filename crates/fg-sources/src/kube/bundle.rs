//! The version of the Gateway API's definitions, as they say themselves.

use std::sync::Arc;

use fg_base::Text;
use fg_model::{Finding, FindingKind, ObjectRef, Origin, kinds};

use super::raw::Raw;

/// The definition that is looked at: without it nothing is served.
const DEFINITION: &str = "gatewayclasses.gateway.networking.k8s.io";

/// Source: Gateway API, `pkg/consts`.
const ANNOTATION: &str = "gateway.networking.k8s.io/bundle-version";

/// The version that this program is made for, and the first one whose kinds it can read: since then
/// all that is needed is v1.
const NEWEST: (u32, u32) = (1, 7);
const OLDEST: (u32, u32) = (1, 1);

/// What the definitions say.
#[derive(Debug, Default)]
pub(super) struct Bundle {
    version: Option<Text>,
}

impl Bundle {
    /// Takes a definition; says whether there is something else to be said now.
    pub(super) fn take(&mut self, definition: &Raw) -> bool {
        if *definition.metadata.name != *DEFINITION {
            return false;
        }
        let version = definition.metadata.annotations.get(ANNOTATION).cloned();
        let before = self.finding();
        self.version = version;
        before != self.finding()
    }

    /// What is wrong with the version. One that is not said, or is not understood, is nobody's fault.
    pub(super) fn finding(&self) -> Option<Finding> {
        let version = self.version.as_ref()?;
        let (major, minor) = number(version)?;
        let (text, hint) = if (major, minor) < OLDEST {
            ("older than what can be read", "install")
        } else if (major, minor) > NEWEST {
            (
                "newer than this Ferrogate, which heeds nothing that is new in it",
                "update Ferrogate, or install",
            )
        } else {
            return None;
        };
        let (group, kind) = kinds::API_RESOURCE;
        let object = Arc::new(ObjectRef::new(group, kind, "", DEFINITION));
        let finding = Finding::error(
            Origin::of(object, 0),
            FindingKind::UnsupportedVersion,
            format!("the definitions of the Gateway API are of version {version}: {text}"),
        );
        let (major, minor) = NEWEST;
        Some(finding.hint(format!("{hint} the definitions of v{major}.{minor}")))
    }
}

/// The first two numbers of `v1.7.0-rc.1`.
fn number(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.strip_prefix('v')?.splitn(3, '.');
    let mut next = || parts.next()?.parse().ok();
    Some((next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(name: &str, version: &str) -> Raw {
        let text = format!(
            r#"{{"metadata": {{"name": "{name}", "annotations": {{"{ANNOTATION}": "{version}"}}}}}}"#
        );
        serde_json::from_str(&text).expect("a definition")
    }

    #[test]
    fn versions_that_are_not_served_are_told() {
        for (version, told) in [
            ("v1.1.0", false),
            ("v1.7.0", false),
            ("v1.7.1-rc.1", false),
            ("dev", false),
            ("v0.8.1", true),
            ("v1.8.0", true),
            ("v2.0.0", true),
        ] {
            let mut bundle = Bundle::default();
            assert!(!bundle.take(&definition("gateways.gateway.networking.k8s.io", version)));
            assert_eq!(
                bundle.take(&definition(DEFINITION, version)),
                told,
                "{version}"
            );
            assert_eq!(bundle.finding().is_some(), told, "{version}");
            assert!(!bundle.take(&definition(DEFINITION, version)), "no news");
            assert_eq!(bundle.take(&definition(DEFINITION, "v1.6.1")), told);
        }
    }
}
