//! Objects that exist without being written: the GatewayClasses, and namespaces that are mentioned.

use std::collections::BTreeMap;
use std::sync::Arc;

use fg_api::classes::BUILT_IN;
use fg_api::gateway::GatewayClassSpec;
use fg_api::{Meta, Object, Resource};
use fg_base::Text;
use fg_model::{ObjectRef, kinds};

/// The label that every namespace has, with its own name as value. Source: Kubernetes, "Automatic
/// labelling" of namespaces.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The classes that exist unless a class of that name is written.
pub(crate) fn classes() -> impl Iterator<Item = Resource> {
    BUILT_IN.iter().map(|(name, controller)| {
        let (group, kind) = kinds::GATEWAY_CLASS;
        Resource::GatewayClass(Arc::new(Object {
            id: Arc::new(ObjectRef::new(group, kind, "", name)),
            meta: first(BTreeMap::new()),
            spec: GatewayClassSpec {
                controller_name: (*controller).into(),
                parameters_ref: None,
                description: None,
            },
        }))
    })
}

/// A namespace that is mentioned and not written.
pub(crate) fn namespace(name: &Text) -> Resource {
    let labels = BTreeMap::from([(Text::from(NAME_LABEL), name.clone())]);
    Resource::Namespace(Arc::new(Object {
        id: namespace_id(name),
        meta: first(labels),
        spec: (),
    }))
}

/// Who a namespace is.
pub(crate) fn namespace_id(name: &str) -> Arc<ObjectRef> {
    let (group, kind) = kinds::NAMESPACE;
    Arc::new(ObjectRef::new(group, kind, "", name))
}

/// The same resource; a namespace with the label that every namespace has.
pub(crate) fn labelled(resource: Resource) -> Resource {
    match resource {
        Resource::Namespace(mut object) => {
            let name = object.id.name.clone();
            let namespace = Arc::make_mut(&mut object);
            namespace.meta.labels.insert(NAME_LABEL.into(), name);
            Resource::Namespace(object)
        }
        other => other,
    }
}

fn first(labels: BTreeMap<Text, Text>) -> Meta {
    Meta {
        generation: 1,
        labels,
        ..Meta::default()
    }
}
