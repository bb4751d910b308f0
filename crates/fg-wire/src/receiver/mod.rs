//! The side of a proxy: from resources to a change of its configuration.

mod keep;
pub(crate) mod share;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use fg_ir::{Backend, Change, Credential, Endpoints, Ir, Listener, Rule};

use crate::part::Part;
use crate::{Decoded, Kind, Name, NameError, Rejection};
use keep::Keep;

/// A resource as it arrives.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Its name.
    pub name: &'a str,
    /// The type URL of its `Any`.
    pub type_url: &'a str,
    /// The value of its `Any`.
    pub value: &'a [u8],
}

/// What a batch of resources means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// What to apply.
    pub change: Change,
    /// Resources that are not used. What was there before stays, unless the new one asks for a
    /// protection that is not known here: then that is gone.
    pub rejections: Vec<Rejection>,
    /// Resources in whose place something stands that lets nothing pass. They are rejections too, as
    /// far as the control plane is concerned.
    pub closed: Vec<Rejection>,
    /// Names of resources of a kind that is not known here.
    pub ignored: Vec<String>,
}

impl Received {
    /// All that the control plane should be told: what was rejected and what was closed.
    pub fn reportable(&self) -> impl Iterator<Item = &Rejection> {
        self.rejections.iter().chain(&self.closed)
    }
}

/// Makes changes of resources, and knows all it has.
///
/// Cost: memory for the names, and for the configuration, whose values are those of the changes.
#[derive(Debug, Default)]
pub struct Receiver {
    ir: Ir,
    keep: Keep,
}

impl Receiver {
    /// One that has nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what arrived together: first the names that are gone, then what is new or changed. What is
    /// gone and still needed by a last good version goes with that.
    pub fn receive<'a>(
        &mut self,
        upserts: impl IntoIterator<Item = Incoming<'a>>,
        removed: impl IntoIterator<Item = &'a str>,
    ) -> Received {
        let mut received = Received::default();
        let mut before = Change::default();
        for name in removed {
            match name.parse() {
                Ok(name @ (Name::Listener(_) | Name::Rule(_))) => {
                    self.keep.fresh(&name);
                    self.remove(name, &mut before);
                }
                Ok(name) => self.keep.gone(name),
                // Of a kind that is not known here.
                Err(NameError) => {}
            }
        }
        for incoming in upserts {
            self.take(incoming, &mut received, &mut before);
        }
        for name in self.keep.release(&self.ir) {
            self.remove(name, &mut before);
        }
        self.collect::<Listener>(&mut before, &mut received.change);
        self.collect::<Rule>(&mut before, &mut received.change);
        self.collect::<Backend>(&mut before, &mut received.change);
        self.collect::<Endpoints>(&mut before, &mut received.change);
        self.collect::<Credential>(&mut before, &mut received.change);
        received
    }

    /// The configuration as it is now.
    pub fn ir(&self) -> &Ir {
        &self.ir
    }

    fn take(&mut self, incoming: Incoming<'_>, received: &mut Received, before: &mut Change) {
        match Kind::of(incoming.type_url) {
            Some(Kind::Listener) => self.read::<Listener>(incoming, received, before),
            Some(Kind::Rule) => self.read::<Rule>(incoming, received, before),
            Some(Kind::Backend) => self.read::<Backend>(incoming, received, before),
            Some(Kind::Endpoints) => self.read::<Endpoints>(incoming, received, before),
            Some(Kind::Credential) => self.read::<Credential>(incoming, received, before),
            None => {
                received.ignored.push(incoming.name.to_owned());
            }
        }
    }

    fn read<T: Part>(
        &mut self,
        incoming: Incoming<'_>,
        received: &mut Received,
        before: &mut Change,
    ) {
        let rejection = |reason: String| Rejection {
            name: incoming.name.to_owned(),
            reason,
        };
        let (key, decoded) = match named::<T>(&incoming) {
            Ok(named) => named,
            Err(reason) => {
                if let Ok(name) = incoming.name.parse() {
                    self.keep.stale(name);
                }
                received.rejections.push(rejection(reason));
                return;
            }
        };
        let value = match decoded {
            Decoded::Whole(value) => Some(value),
            Decoded::Closed { value, reason } => {
                received.closed.push(rejection(reason));
                Some(value)
            }
            Decoded::Refused { reason } => {
                received.rejections.push(rejection(reason));
                None
            }
        };
        self.keep.fresh(&T::name_of(key.clone()));
        match value {
            Some(mut value) => {
                value.share(&self.ir);
                // Not the key that was read from the name: this one is shared.
                self.put(value.key().clone(), Some(Arc::new(value)), before);
            }
            None => self.put::<T>(key, None, before),
        }
    }

    fn remove(&mut self, name: Name, before: &mut Change) {
        match name {
            Name::Listener(key) => self.put::<Listener>(key, None, before),
            Name::Rule(key) => self.put::<Rule>(key, None, before),
            Name::Backend(key) => self.put::<Backend>(key, None, before),
            Name::Endpoints(key) => self.put::<Endpoints>(key, None, before),
            Name::Credential(key) => self.put::<Credential>(key, None, before),
        }
    }

    /// Replaces a value, and notes what was there before this batch.
    fn put<T: Part>(&mut self, key: T::Key, value: Option<Arc<T>>, before: &mut Change) {
        let all = T::all_mut(&mut self.ir);
        if all.get(&key) == value.as_ref() {
            return;
        }
        let replaced = match value {
            Some(value) => all.insert(key.clone(), value),
            None => all.remove(&key),
        };
        T::changed(before).entry(key).or_insert(replaced);
    }

    /// Adds to a change what differs from before.
    fn collect<T: Part>(&self, before: &mut Change, change: &mut Change) {
        let now = T::all(&self.ir);
        for (key, old) in std::mem::take(T::changed(before)) {
            let new = now.get(&key);
            if new != old.as_ref() {
                T::changed(change).insert(key, new.cloned());
            }
        }
    }
}

/// A decoded resource, and its key, on which its name and its content agree.
fn named<T: Part>(incoming: &Incoming<'_>) -> Result<(T::Key, Decoded<T>), String> {
    let name: Name = incoming
        .name
        .parse()
        .map_err(|error: NameError| error.to_string())?;
    let key = T::key_of(name).ok_or("its name is that of another kind of resource")?;
    let decoded = T::decode(incoming.value).map_err(|error| error.to_string())?;
    match &decoded {
        Decoded::Whole(value) | Decoded::Closed { value, .. } if *value.key() != key => {
            Err("its name is that of another resource".to_owned())
        }
        _ => Ok((key, decoded)),
    }
}
