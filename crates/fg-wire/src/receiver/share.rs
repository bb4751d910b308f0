//! Values that were decoded one by one hold equal things many times over; here they share them, as
//! they did where they came from.

use std::sync::Arc;

use fg_base::Text;
use fg_ir::{Action, Backend, BackendKey, Endpoints, Ir, Rule, RuleKey, Target};
use fg_model::{ObjectRef, Origin};

/// Lets a rule share the names of objects within itself and with its neighbour, attachments and age
/// with another rule of its route, and the names of its backends with these.
pub(crate) fn rule(rule: &mut Rule, ir: &Ir) {
    let neighbour = neighbour(&rule.key, ir);
    if let Some(neighbour) = neighbour {
        object(&mut rule.key.route, &neighbour.key.route);
        if rule.attachments == neighbour.attachments {
            rule.attachments = neighbour.attachments.clone();
        }
        if rule.age == neighbour.age {
            rule.age = neighbour.age.clone();
        }
    }
    let route = &rule.key.route;
    origin(&mut rule.origin, route);
    for (_, place) in &mut rule.policies.origins {
        origin(place, route);
    }
    if let Action::Forward(backends) = &mut rule.action {
        for backend in backends {
            origin(&mut backend.origin, route);
            for (_, place) in &mut backend.policies.origins {
                origin(place, route);
            }
            if let Target::Backend(key) = &mut backend.target {
                backend_key(key, ir);
            }
        }
    }
}

/// Lets a backend share the name of its object within itself.
pub(crate) fn backend(backend: &mut Backend, ir: &Ir) {
    backend_key(&mut backend.key, ir);
    origin(&mut backend.origin, &backend.key.object);
}

/// Lets endpoints share the name of their backend's object.
pub(crate) fn endpoints(endpoints: &mut Endpoints, ir: &Ir) {
    backend_key(&mut endpoints.key, ir);
}

/// The last rule before this one, or the first one after it: of the same route, if it has others.
fn neighbour<'a>(key: &RuleKey, ir: &'a Ir) -> Option<&'a Rule> {
    let before = ir.rules.range(..=key).next_back();
    let (_, found) = before.or_else(|| ir.rules.range(key..).next())?;
    Some(found)
}

fn backend_key(key: &mut BackendKey, ir: &Ir) {
    let known = ir.backends.range(&*key..).next();
    let known = known.or_else(|| ir.backends.range(..&*key).next_back());
    if let Some((known, _)) = known {
        object(&mut key.object, &known.object);
    }
}

fn origin(origin: &mut Origin, known: &Arc<ObjectRef>) {
    object(&mut origin.object, known);
}

/// The same object, or at least the same words.
fn object(mine: &mut Arc<ObjectRef>, known: &Arc<ObjectRef>) {
    if mine == known {
        *mine = known.clone();
        return;
    }
    // A decoded name belongs to nobody else, so that nothing is copied here.
    let mine = Arc::make_mut(mine);
    text(&mut mine.group, &known.group);
    text(&mut mine.kind, &known.kind);
    text(&mut mine.namespace, &known.namespace);
}

fn text(mine: &mut Text, known: &Text) {
    if mine == known {
        *mine = known.clone();
    }
}
