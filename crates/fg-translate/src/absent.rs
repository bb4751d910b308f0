//! What is said of an object that is referred to and is not there: it may be there and refused, or be
//! called something else.

use fg_api::schema::nearest;
use fg_base::Text;
use fg_model::ObjectRef;

use crate::lookup::Lookup;

/// So many names are told of an object's neighbours.
const TOLD: usize = 5;

/// What to do when nothing better can be said.
pub(crate) const ADD: &str = "add it, or correct the reference";

/// What is wrong, and what to do. `names` are those of the kind that may be told.
pub(crate) fn absent(
    (group, kind): (&str, &str),
    namespace: &Text,
    name: &Text,
    names: &[Text],
    lookup: &dyn Lookup,
) -> (String, Option<String>) {
    let object = ObjectRef::new(group, kind, namespace, name);
    match lookup.refused(&object) {
        Some(why) => (
            format!(
                "the {kind} `{name}` in namespace `{namespace}` is refused for an error of its own and counts as not there"
            ),
            Some(format!("mend it first: {why}")),
        ),
        None => (
            format!("there is no {kind} `{name}` in namespace `{namespace}`"),
            nearest(name, names.iter().map(|name| &**name))
                .map(|meant| format!("did you mean `{meant}`?")),
        ),
    }
}

/// The names that there are, in words; `None` when there are none.
pub(crate) fn listed(names: &[Text]) -> Option<String> {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match &*quoted {
        [] => None,
        [only] => Some(format!("the only one there is {only}")),
        [told @ .., last] if told.len() <= TOLD => {
            Some(format!("there are {} and {last}", told.join(", ")))
        }
        many => {
            let (told, rest) = many.split_at(TOLD);
            let rest = rest.len();
            Some(format!("there are {} and {rest} more", told.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fg_model::kinds;

    use super::*;
    use crate::testing::translated;

    #[test]
    fn a_refusal_that_comes_goes_or_changes_is_told_again() {
        let route = "
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: web}]}
";
        let mut world = translated(route);
        let mut told = |why: Option<&str>| {
            let (group, kind) = kinds::GATEWAY;
            let web = ObjectRef::new(group, kind, "default", "web");
            let refused = why.map(|why| (web, Text::from(why)));
            world.set_refused(refused.into_iter().collect::<BTreeMap<_, _>>());
            world.apply(&[], &[]);
            let mut findings = world.findings();
            let about = findings.find(|one| &*one.about.path == "spec.parentRefs[0]");
            let about = about.expect("a finding");
            (about.text.clone(), about.hint.clone().unwrap_or_default())
        };
        assert!(told(None).0.contains("there is no Gateway `web`"));
        let (text, hint) = told(Some("a.yaml:1: it is wrong"));
        assert!(
            text.contains("is refused for an error of its own"),
            "{text}"
        );
        assert_eq!(hint, "mend it first: a.yaml:1: it is wrong");
        assert!(told(Some("it is worse")).1.ends_with("it is worse"));
        assert!(told(None).0.contains("there is no Gateway `web`"));
    }

    #[test]
    fn neighbours_are_told_and_never_too_many() {
        let names = |count: usize| -> Vec<Text> {
            let names = (0..count).map(|number| format!("gw-{number}").into());
            names.collect()
        };
        let listed = |count: usize| listed(&names(count)).unwrap_or_default();
        assert_eq!(listed(0), "");
        assert_eq!(listed(1), "the only one there is `gw-0`");
        assert_eq!(listed(2), "there are `gw-0` and `gw-1`");
        let told = "there are `gw-0`, `gw-1`, `gw-2`, `gw-3`, `gw-4` and";
        assert_eq!(listed(6), format!("{told} `gw-5`"));
        assert_eq!(listed(7), format!("{told} 2 more"));
    }
}
