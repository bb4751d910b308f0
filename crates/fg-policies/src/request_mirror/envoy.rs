//! What Envoy is told.

use envoy_types::pb::envoy::config::core::v3::RuntimeFractionalPercent;
use envoy_types::pb::envoy::config::route::v3::route_action::RequestMirrorPolicy;
use envoy_types::pb::envoy::r#type::v3::{FractionalPercent, fractional_percent::DenominatorType};

use super::{Ir, Mirror};
use crate::envoy::{Call, Sink, Standing};

/// Writes the policy.
pub fn map(ir: &Ir, sink: &mut Sink<'_>) {
    let due = ir.mirrors.iter().filter(|mirror| mirror.numerator > 0);
    let due: Vec<&Mirror> = due.collect();
    if due.is_empty() || sink.forward().is_none() {
        return;
    }
    let policies = due.into_iter().map(|mirror| RequestMirrorPolicy {
        cluster: sink.cluster(&mirror.backend, Call::AsTheRule),
        runtime_fraction: (mirror.numerator != mirror.denominator).then(|| fraction(mirror)),
        // The copy has the host of the request.
        disable_shadow_host_suffix_append: true,
        ..RequestMirrorPolicy::default()
    });
    let policies: Vec<RequestMirrorPolicy> = policies.collect();
    if let Some(action) = sink.forward() {
        action.request_mirror_policies.extend(policies);
    }
}

/// No filter.
pub fn standing() -> Vec<Standing> {
    Vec::new()
}

/// A part of all requests; Envoy knows three wholes, of which the smallest that is exact serves.
///
/// Envoy draws one number for a request, which also decides about weights by a part of a million.
/// A small whole looks at other digits of it, so that the two do not depend on each other.
fn fraction(mirror: &Mirror) -> RuntimeFractionalPercent {
    let (numerator, denominator) = (u64::from(mirror.numerator), u64::from(mirror.denominator));
    let wholes = [
        (100, DenominatorType::Hundred),
        (10_000, DenominatorType::TenThousand),
        (1_000_000, DenominatorType::Million),
    ];
    let exact = |(whole, _): &(u64, DenominatorType)| (numerator * whole) % denominator == 0;
    let near = (numerator * 10_000 / denominator >= 100).then_some(wholes[1]);
    let (whole, kind) = wholes.into_iter().find(exact).or(near).unwrap_or(wholes[2]);
    let part = (numerator * whole + denominator / 2) / denominator;
    RuntimeFractionalPercent {
        default_value: Some(FractionalPercent {
            numerator: u32::try_from(part).unwrap_or(u32::MAX),
            denominator: kind.into(),
        }),
        runtime_key: String::new(),
    }
}
