//! What a rule that is refused answers.

use fg_exchange::Reason;
use fg_ir::RefusalKind;

/// The reason, and with it the status, that goes with a refusal: the same for the proxy and for
/// `explain`.
pub fn reason(kind: RefusalKind) -> Reason {
    match kind {
        RefusalKind::NoBackends => Reason::NoBackends,
        RefusalKind::InvalidBackend => Reason::InvalidBackend,
        RefusalKind::FilterNotFound => Reason::FilterNotFound,
        RefusalKind::InvalidRule => Reason::InvalidRule,
    }
}
