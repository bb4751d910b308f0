//! Resources: what is read is written and read again as the same, and what is closed lets nothing pass.

use std::fmt::Debug;

use fg_ir::{Action, Backend, BackendTls, Credential, Endpoints, Listener, Rule};
use fg_wire::{Decoded, Incoming, Kind, Name, Receiver, Resource, decode, encode};

/// Reads it as one kind; gives what is closed.
fn read<T: Resource + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    match decode::<T>(bytes).ok()? {
        Decoded::Whole(value) => {
            let again = decode::<T>(&encode(&value)).expect("it was written here");
            assert_eq!(again, Decoded::Whole(value));
            None
        }
        Decoded::Closed { value, reason } => {
            assert!(!reason.is_empty());
            Some(value)
        }
        Decoded::Refused { reason } => {
            assert!(!reason.is_empty());
            None
        }
    }
}

/// Any bytes are a resource of each kind, whole, closed or rejected; as a name, they are that name and no other; and
/// a receiver rejects what has a name of something else.
pub(crate) fn promise(bytes: &[u8]) {
    if let Some(rule) = read::<Rule>(bytes) {
        assert!(matches!(rule.action, Action::Refuse(_)) && rule.policies.is_empty());
    }
    if let Some(backend) = read::<Backend>(bytes) {
        assert!(matches!(backend.tls, BackendTls::Broken(_)));
    }
    assert_eq!(read::<Listener>(bytes), None);
    assert_eq!(read::<Endpoints>(bytes), None);
    assert_eq!(read::<Credential>(bytes), None);
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(name) = text.parse::<Name>()
    {
        assert_eq!(name.to_string().parse(), Ok(name));
    }
    let mut receiver = Receiver::new();
    let all = Kind::ALL.map(|kind| Incoming {
        name: "rule/HTTPRoute.gateway.networking.k8s.io/shop/cart/0",
        type_url: kind.type_url(),
        value: bytes,
    });
    let received = receiver.receive(all, []);
    assert!(received.change.rules.len() <= 1 && received.rejections.len() >= 4);
}
