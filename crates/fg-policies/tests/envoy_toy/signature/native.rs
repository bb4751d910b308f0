//! The same in our own proxy: one filter of heads.

use fg_policies::native::{Facts, Filter, Part, Request, Verdict};

use super::Ir;

/// One filter.
pub(crate) fn build(ir: &Ir) -> Vec<Part> {
    vec![Part::Filter(Box::new(Signature(ir.0.clone())))]
}

#[derive(Debug)]
struct Signature(String);

impl Filter for Signature {
    fn request(&self, request: &mut Request, _: &Facts) -> Verdict {
        request.head.append("x-rule", self.0.as_bytes());
        Verdict::Continue
    }

    fn describe(&self) -> String {
        format!("signs with {}", self.0)
    }
}
