//! From reports and acknowledgements to the status that the API describes. Pure; who writes it,
//! and when, is not decided here.
//!
//! [`status`] makes one object's status where one process is everything, [`cluster_status`] where
//! proxies confirm what they serve; [`Document`] is what `ferrogate check` prints of it. The
//! one table from what is wrong to condition and reason is in `table`.

mod acks;
mod cluster;
mod condition;
mod document;
mod features;
mod gateway;
mod objects;
mod policy;
mod table;
#[cfg(test)]
mod tests;
mod word;

pub use acks::{Ack, Acknowledgements, Remark};
pub use cluster::{
    Address, Addresses, Confirmation, Lack, OWN_CONDITIONS, ROUTE_PROGRAMMED, ServiceAddresses,
    Verdicts,
};
pub use condition::{Condition, ConditionStatus};
pub use document::{
    Document, DocumentMeta, FindingEntry, Summary, cluster_document, document, summary,
};
pub use features::{Feature, NOT_BY_ENVOY, SUPPORTED};
pub use fg_ir::GatewayKey;
pub use gateway::{GatewayStatus, ListenerSetStatus, ListenerStatus, StatusAddress};
pub use objects::{
    ClassStatus, ConditionsStatus, RouteParentStatus, RouteStatus, Status, cluster_status, status,
};
pub use policy::{PolicyAncestorStatus, PolicyStatus};
