//! The same in our own proxy: one filter of heads.

use fg_base::Text;
use fg_exchange::{Head, Name};
use fg_model::secret::shown;

use super::{Changes, Ir};
use crate::native::{Facts, Filter, Part, Reply, Request, Verdict};

/// One filter with the changes of both directions.
pub fn build(ir: &Ir) -> Vec<Part> {
    vec![Part::Filter(Box::new(HeaderModifier {
        request: steps(&ir.request),
        response: steps(&ir.response),
    }))]
}

#[derive(Debug)]
struct HeaderModifier {
    request: Vec<Step>,
    response: Vec<Step>,
}

/// One change, its name resolved.
#[derive(Debug)]
struct Step {
    id: Name,
    name: Text,
    change: Change,
}

#[derive(Debug)]
enum Change {
    Remove,
    Set(Text),
    Add(Text),
}

/// All changes in the order in which they are made.
fn steps(changes: &Changes) -> Vec<Step> {
    let step = |name: &Text, change: Change| Step {
        id: Name::resolve(name.as_bytes()),
        name: name.clone(),
        change,
    };
    let remove = changes.remove.iter().map(|name| step(name, Change::Remove));
    let set = changes.set.iter();
    let set = set.map(|(name, value)| step(name, Change::Set(value.clone())));
    let add = changes.add.iter();
    let add = add.map(|(name, value)| step(name, Change::Add(value.clone())));
    remove.chain(set).chain(add).collect()
}

impl Step {
    fn apply(&self, head: &mut Head) {
        if !matches!(self.change, Change::Add(_)) {
            match self.id {
                Name::Other => head.remove_named(&self.name),
                id => head.remove(id),
            };
        }
        match &self.change {
            Change::Remove => {}
            Change::Set(value) | Change::Add(value) => head.append(&self.name, value.as_bytes()),
        }
    }

    fn describe(&self) -> String {
        let name = &self.name;
        match &self.change {
            Change::Remove => format!("remove {name}"),
            Change::Set(value) => format!("set {name}: {}", shown(name, value)),
            Change::Add(value) => format!("add {name}: {}", shown(name, value)),
        }
    }
}

impl Filter for HeaderModifier {
    fn request(&self, request: &mut Request, _facts: &Facts) -> Verdict {
        for step in &self.request {
            step.apply(&mut request.head);
        }
        Verdict::Continue
    }

    fn reply(&self, reply: &mut Reply, _: &Request, _: &Facts) {
        for step in &self.response {
            step.apply(&mut reply.head);
        }
    }

    fn owned_fields(&self, reply: bool) -> Vec<&str> {
        let steps = if reply { &self.response } else { &self.request };
        steps.iter().map(|step| &*step.name).collect()
    }

    fn describe(&self) -> String {
        let directions = [("request", &self.request), ("response", &self.response)];
        let list = |steps: &[Step]| {
            steps
                .iter()
                .map(Step::describe)
                .collect::<Vec<_>>()
                .join(", ")
        };
        directions
            .into_iter()
            .filter(|(_, steps)| !steps.is_empty())
            .map(|(direction, steps)| format!("{direction} headers: {}", list(steps)))
            .collect::<Vec<_>>()
            .join("; ")
    }
}
