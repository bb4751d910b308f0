//! From reports and acknowledgements to the status that the API describes. Pure; who writes it,
//! and when, is not decided here.
//!
//! [`status`] makes one object's status, [`Document`] is what `ferrogate check` prints of it. The
//! one table from what is wrong to condition and reason is in `table`.

mod acks;
mod condition;
mod document;
mod gateway;
mod objects;
mod policy;
mod table;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_sets;
#[cfg(test)]
mod tests_tls;

pub use acks::{Ack, Acknowledgements};
pub use condition::{Condition, ConditionStatus};
pub use document::{Document, DocumentMeta, FindingEntry, Summary, document, summary};
pub use gateway::{GatewayStatus, ListenerSetStatus, ListenerStatus, StatusAddress};
pub use objects::{ConditionsStatus, RouteParentStatus, RouteStatus, Status, status};
pub use policy::{PolicyAncestorStatus, PolicyStatus};
