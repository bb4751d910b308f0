//! Where in a configuration and in a change each kind of value has its place.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_ir::{
    Backend, BackendKey, Change, Credential, CredentialKey, Endpoints, Ir, Listener, ListenerKey,
    Rule, RuleKey,
};

use crate::{Name, Resource};

/// Changed values of one kind; `None` is gone.
pub(crate) type Changed<T> = BTreeMap<<T as Part>::Key, Option<Arc<T>>>;

/// A value that is a part of a configuration.
pub(crate) trait Part: Resource + PartialEq {
    /// What it goes by.
    type Key: Ord + Clone;

    /// Its key.
    fn key(&self) -> &Self::Key;

    /// The name of what has this key.
    fn name_of(key: Self::Key) -> Name;

    /// The key of what has this name; `None` if that is of another kind.
    fn key_of(name: Name) -> Option<Self::Key>;

    /// Its place in a configuration.
    fn all(ir: &Ir) -> &BTreeMap<Self::Key, Arc<Self>>;

    /// Its place in a configuration, to change it.
    fn all_mut(ir: &mut Ir) -> &mut BTreeMap<Self::Key, Arc<Self>>;

    /// Its place in a change.
    fn changed(change: &mut Change) -> &mut Changed<Self>;

    /// Lets it use memory that a configuration holds already; its value stays the same.
    fn share(&mut self, _ir: &Ir) {}
}

/// Implements [`Part`] for the type of a field of [`Ir`].
macro_rules! part {
    ($type:ident, $key:ty, $name:ident, $field:ident $(, $share:path)?) => {
        impl Part for $type {
            type Key = $key;

            fn key(&self) -> &$key {
                &self.key
            }

            fn name_of(key: $key) -> Name {
                Name::$name(key)
            }

            fn key_of(name: Name) -> Option<$key> {
                match name {
                    Name::$name(key) => Some(key),
                    _ => None,
                }
            }

            fn all(ir: &Ir) -> &BTreeMap<$key, Arc<Self>> {
                &ir.$field
            }

            fn all_mut(ir: &mut Ir) -> &mut BTreeMap<$key, Arc<Self>> {
                &mut ir.$field
            }

            fn changed(change: &mut Change) -> &mut Changed<Self> {
                &mut change.$field
            }

            $(
                fn share(&mut self, ir: &Ir) {
                    $share(self, ir);
                }
            )?
        }
    };
}

part!(Listener, ListenerKey, Listener, listeners);
part!(Rule, RuleKey, Rule, rules, crate::receiver::share::rule);
part!(
    Backend,
    BackendKey,
    Backend,
    backends,
    crate::receiver::share::backend
);
part!(
    Endpoints,
    BackendKey,
    Endpoints,
    endpoints,
    crate::receiver::share::endpoints
);
part!(Credential, CredentialKey, Credential, credentials);
