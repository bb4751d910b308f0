//! What sees a body as it passes: filters, which may change it, and mirrors, which get a copy.

use std::task::Context;

use fg_exchange::body::{BodyStep, BodyVerdict};

use super::FlowError;
use crate::serve::mirror::Tap;

/// Leads data through the filters; says whether one of them holds the body back.
pub(super) fn through(
    steps: &mut [Box<dyn BodyStep>],
    data: &[u8],
) -> Result<(Vec<u8>, bool), FlowError> {
    let mut current = data.to_vec();
    let mut held = false;
    for step in steps {
        let mut next = Vec::new();
        match step.data(&current, &mut next) {
            BodyVerdict::Continue => {}
            BodyVerdict::Hold => held = true,
            BodyVerdict::Stop(reply) => return Err(FlowError::Stopped(reply)),
        }
        current = next;
        if current.is_empty() {
            break;
        }
    }
    Ok((current, held))
}

/// Ends the body in every filter, in order; what one still gives passes those after it.
pub(super) fn end_of(steps: &mut [Box<dyn BodyStep>]) -> Result<Vec<u8>, FlowError> {
    let mut carried = Vec::new();
    for step in steps {
        let mut next = Vec::new();
        let verdict = if carried.is_empty() {
            BodyVerdict::Continue
        } else {
            step.data(&carried, &mut next)
        };
        for verdict in [verdict, step.end(&mut next)] {
            if let BodyVerdict::Stop(reply) = verdict {
                return Err(FlowError::Stopped(reply));
            }
        }
        carried = next;
    }
    Ok(carried)
}

/// Gives a part of the body to all taps.
#[cold]
pub(super) fn copy(taps: &mut [Tap], data: Option<&[u8]>) {
    for tap in taps {
        tap.data(data.unwrap_or_default());
    }
}

/// Lets mirrors run once that have much to take; nobody waits for them.
#[cold]
pub(super) fn give_way(taps: &mut [Tap], context: &Context<'_>) -> bool {
    let mut behind = false;
    for tap in taps {
        behind |= tap.take_behind();
    }
    if behind {
        context.waker().wake_by_ref();
    }
    behind
}
