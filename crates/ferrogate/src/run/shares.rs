//! Which part of the configuration each data plane serves.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_ir::{Change, GatewayKey, Ir};
use fg_model::Plane;
use fg_wire::share;

/// What a data plane has of the whole.
#[derive(Debug, Default)]
enum Has {
    /// Nothing.
    #[default]
    Nothing,
    /// Everything: a copy would be one more of all keys.
    Everything,
    /// This.
    Part(Ir),
}

/// The part of one data plane, kept up with the whole.
#[derive(Debug)]
pub(crate) struct Share {
    plane: Plane,
    has: Has,
}

impl Share {
    /// The part of a plane of an empty configuration.
    pub(crate) fn new(plane: Plane) -> Self {
        Self {
            plane,
            has: Has::Nothing,
        }
    }

    /// Takes a change of the whole and gives that of the part. `ir` is the whole after it; `plane`
    /// says who serves a Gateway.
    ///
    /// Cost: in proportion to the number of listeners and the change while all of them are of one
    /// plane; else to the whole.
    pub(crate) fn update(
        &mut self,
        ir: &Ir,
        change: &Change,
        plane: impl Fn(&GatewayKey) -> Option<Plane>,
    ) -> Change {
        let is_own = |key: &_| plane(&GatewayKey::from(key)).unwrap_or_default() == self.plane;
        let own = ir.listeners.keys().filter(|key| is_own(key)).count();
        let now = match own {
            0 => Has::Nothing,
            all if all == ir.listeners.len() => Has::Everything,
            _ => Has::Part(share(ir, is_own)),
        };
        let nothing = Ir::default();
        let before = std::mem::replace(&mut self.has, now);
        let after = self.of(ir, &nothing);
        match (&before, &self.has) {
            (Has::Nothing, Has::Nothing) => Change::default(),
            (Has::Everything, Has::Everything) => change.clone(),
            (Has::Nothing, _) => difference(&nothing, after, &Change::default()),
            (Has::Part(before), _) => difference(before, after, &Change::default()),
            // What there was before is what there is now but for the change, which says all keys.
            (Has::Everything, _) => difference(ir, after, change),
        }
    }

    /// What it is after the last change, which made this the whole.
    pub(crate) fn of<'a>(&'a self, ir: &'a Ir, nothing: &'a Ir) -> &'a Ir {
        match &self.has {
            Has::Nothing => nothing,
            Has::Everything => ir,
            Has::Part(part) => part,
        }
    }
}

/// What makes `after` of `before`; the keys of `touched` are in it in any case.
fn difference(before: &Ir, after: &Ir, touched: &Change) -> Change {
    Change {
        listeners: differences(&before.listeners, &after.listeners, &touched.listeners),
        rules: differences(&before.rules, &after.rules, &touched.rules),
        backends: differences(&before.backends, &after.backends, &touched.backends),
        endpoints: differences(&before.endpoints, &after.endpoints, &touched.endpoints),
        credentials: differences(
            &before.credentials,
            &after.credentials,
            &touched.credentials,
        ),
    }
}

fn differences<K: Ord + Clone, V: Eq>(
    before: &BTreeMap<K, Arc<V>>,
    after: &BTreeMap<K, Arc<V>>,
    touched: &BTreeMap<K, Option<Arc<V>>>,
) -> BTreeMap<K, Option<Arc<V>>> {
    let gone = before.keys().chain(touched.keys());
    let gone = gone.filter(|key| !after.contains_key(key));
    let mut all: BTreeMap<K, Option<Arc<V>>> = gone.map(|key| (key.clone(), None)).collect();
    let new = after
        .iter()
        .filter(|(key, value)| before.get(key) != Some(value) || touched.contains_key(key));
    all.extend(new.map(|(key, value)| (key.clone(), Some(value.clone()))));
    all
}

#[cfg(test)]
mod tests {
    use fg_ir::{Listener, ListenerKey};
    use fg_testkit::ir;

    use super::*;

    fn listener(gateway: &str, port: u16) -> Arc<Listener> {
        let mut one = ir::listener("http", ([127, 0, 0, 1], port).into(), None);
        one.key.gateway = gateway.into();
        Arc::new(one)
    }

    /// Every plane has what is its own after each step, whoever served it before.
    #[test]
    fn parts_follow_gateways_that_come_go_and_move() {
        let mut ir = Ir::default();
        let mut shares = [Plane::Native, Plane::Envoy].map(|plane| (Share::new(plane), plane));
        let mut copies = [Ir::default(), Ir::default()];
        let steps: [(&[(&str, u16)], &str); 8] = [
            (&[("a", 80)], ""),
            (&[("a", 81), ("b", 90)], ""),
            (&[("a", 81), ("b", 91)], "b"),
            (&[("a", 82), ("b", 91)], "b"),
            (&[("a", 82), ("b", 91)], "ab"),
            (&[("a", 83), ("b", 91)], "ab"),
            (&[("b", 91)], "a"),
            (&[], ""),
        ];
        for (listeners, on_envoy) in steps {
            let mut after = Ir::default();
            for (gateway, port) in listeners {
                let one = listener(gateway, *port);
                after.listeners.insert(one.key.clone(), one);
            }
            let change = difference(&ir, &after, &Change::default());
            ir = after;
            let plane = |key: &GatewayKey| {
                let is_on = on_envoy.contains(&*key.name);
                Some(if is_on { Plane::Envoy } else { Plane::Native })
            };
            for ((share_of, of), copy) in shares.iter_mut().zip(&mut copies) {
                copy.apply(&share_of.update(&ir, &change, plane));
                let is_own = |key: &ListenerKey| plane(&GatewayKey::from(key)) == Some(*of);
                assert_eq!(*copy, share(&ir, is_own), "{of:?} after {listeners:?}");
                assert_eq!(share_of.of(&ir, &Ir::default()), copy);
            }
        }
    }
}
