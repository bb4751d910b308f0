//! A real Kubernetes API server for tests, and a node that runs pods as local processes. Ships nothing.
//!
//! A cluster lives in a network namespace of its own: etcd, the API server and the controller manager, built once from
//! their Go modules, and one further namespace a pod. Nothing leaves it, and clusters side by side share only names
//! in `/run/netns` and folders, which carry the cluster's id.

//!
//! Each of its parts is a process with a log and a file that names it, so a cluster outlives the program that started
//! it, and whoever comes later can end it.

mod api;
mod bench;
mod cache;
mod cluster;
mod conformance;
mod folders;
mod keys;
mod namespace;
pub mod network;
pub mod node;
mod plane;
mod process;
mod record;

pub use bench::{Bench, bench};
pub use cache::{ENVOY_GATEWAY, GATEWAY_API, KUBERNETES, Programs, ensure_envoys};
pub use cluster::{Cluster, Options, Part};
pub use conformance::{Conformance, conformance};
pub use folders::{built, root, runs};
pub use record::{Record, down, is_up, sweep};
