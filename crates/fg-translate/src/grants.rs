//! `ReferenceGrant`: may this object refer to that one in another namespace?
//!
//! The answer never depends on whether the target exists.

use fg_api::schema::nearest;
use fg_base::Text;
use fg_model::kinds;

use crate::lookup::Lookup;

/// One reference across namespaces.
pub(crate) struct Reference<'a> {
    /// Group and kind of the object that refers.
    pub(crate) from: (&'a str, &'a str),
    /// Its namespace.
    pub(crate) namespace: &'a Text,
    /// Group and kind of the target.
    pub(crate) to: (&'a str, &'a str),
    /// The target's namespace.
    pub(crate) target: &'a Text,
    /// The target's name.
    pub(crate) name: &'a str,
}

impl Reference<'_> {
    /// Whether the reference stays in its namespace, or a grant of the target's namespace allows
    /// it. Source: GEP-709.
    pub(crate) fn permitted(&self, lookup: &dyn Lookup) -> bool {
        self.namespace == self.target
            || lookup.grants(self.target).iter().any(|grant| {
                let from = grant.spec.from.iter().any(|from| {
                    (&*from.group, &*from.kind) == self.from && from.namespace == *self.namespace
                });
                let to = grant.spec.to.iter().any(|to| {
                    (&*to.group, &*to.kind) == self.to
                        && to.name.as_deref().is_none_or(|name| name == self.name)
                });
                from && to
            })
    }

    /// What is missing, and what to write.
    pub(crate) fn words(&self, lookup: &dyn Lookup) -> (String, String) {
        let text = format!(
            "no {} in namespace `{}` allows {}s of namespace `{}` to refer to {} `{}`",
            kinds::REFERENCE_GRANT.1,
            self.target,
            self.from.1,
            self.namespace,
            self.to.1,
            self.name,
        );
        let hint = format!(
            "add a ReferenceGrant in namespace `{}` with from: [{{group: {}, kind: {}, namespace: {}}}] and to: [{{group: {:?}, kind: {}}}]",
            self.target, self.from.0, self.from.1, self.namespace, self.to.0, self.to.1,
        );
        (text, self.nearly(lookup).unwrap_or(hint))
    }

    /// What keeps a grant that was meant for this from being for it. Only of grants that name the
    /// referrer's namespace: others are not its business.
    fn nearly(&self, lookup: &dyn Lookup) -> Option<String> {
        for grant in lookup.grants(self.target) {
            let name = &grant.id.name;
            let from = grant.spec.from.iter();
            for from in from.filter(|from| from.namespace == *self.namespace) {
                if is_nearly(&from.group, &from.kind, self.from) {
                    return Some(format!(
                        "the ReferenceGrant `{name}` there is for kind `{}` of group `{}`: write kind `{}` of group `{}` in its `from`",
                        from.kind, from.group, self.from.1, self.from.0
                    ));
                }
                let mut to = grant.spec.to.iter();
                if (&*from.group, &*from.kind) == self.from
                    && to.any(|to| is_nearly(&to.group, &to.kind, self.to))
                {
                    return Some(format!(
                        "the ReferenceGrant `{name}` there names another kind: write kind `{}` of group {:?} in its `to`",
                        self.to.1, self.to.0
                    ));
                }
            }
        }
        let own = lookup.grants(self.namespace);
        let misplaced = own.iter().find(|grant| {
            let from = grant.spec.from.iter().any(|from| {
                (&*from.group, &*from.kind) == self.from && from.namespace == *self.namespace
            });
            let mut to = grant.spec.to.iter();
            from && to.any(|to| (&*to.group, &*to.kind) == self.to)
        });
        misplaced.map(|grant| {
            format!(
                "the ReferenceGrant `{}` stands in namespace `{}`: it belongs in that of the target, `{}`",
                grant.id.name, self.namespace, self.target
            )
        })
    }
}

/// The kinds of the Gateway API whose names are near to each other's: they mean themselves.
const NEIGHBOURS: [&str; 6] = [
    "GRPCRoute",
    "HTTPRoute",
    "TCPRoute",
    "TLSRoute",
    "UDPRoute",
    "Gateway",
];

/// Whether a group and kind are probably meant as that one, and are not it.
fn is_nearly(group: &str, kind: &str, meant: (&str, &str)) -> bool {
    let is_another = kind != meant.1 && NEIGHBOURS.contains(&kind);
    (group, kind) != meant && !is_another && nearest(kind, [meant.1]).is_some()
}
