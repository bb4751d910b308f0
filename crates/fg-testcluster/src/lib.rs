//! A real Kubernetes API server for tests, and a node that runs pods as local processes. Ships nothing.
//!
//! A cluster lives in a network namespace of its own: etcd, the API server and the controller manager, built once from
//! their Go modules, and one further namespace a pod. Nothing leaves it, and clusters side by side share only names
//! in `/run/netns` and folders, which carry the cluster's id.

pub mod network;
pub mod node;
